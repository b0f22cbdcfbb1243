"""Functions whose second derivatives `torch.func` gets wrong or does not have, in elementary ones.

Under `vmap` torch 2.15 loses the epsilon of layer and batch norm in their second derivatives, and
fused attention has none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


@contextmanager
def elementary() -> Iterator[None]:
    """Calls within use the functions here."""
    with sdpa_kernel(SDPBackend.MATH), _Replaced():
        yield


class _Replaced(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _REPLACEMENTS.get(func, func)(*args, **(kwargs or {}))


def _normalised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """With mean 0 and variance 1 along dimensions."""
    centred = x - x.mean(dims, keepdim=True)
    return centred * (centred.square().mean(dims, keepdim=True) + eps).rsqrt()


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


def _by_channel(x: Tensor, values: Tensor | None) -> Tensor | None:
    """[C] to the shape of x, which has the channels in its second dimension."""
    return None if values is None else values.reshape(-1, *[1] * (x.ndim - 2))


def _layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    return _affine(_normalised(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    weight, bias = _by_channel(input, weight), _by_channel(input, bias)
    if not training:
        mean, variance = _by_channel(input, running_mean), _by_channel(input, running_var)
        assert mean is not None
        assert variance is not None
        return _affine((input - mean) * (variance + eps).rsqrt(), weight, bias)
    if input.numel() == input.shape[1]:
        raise ValueError(
            "batch norm over a single value gives 0 with statistics of the batch; use running "
            "statistics, or several images per update"
        )
    dims = tuple(dim for dim in range(input.ndim) if dim != 1)
    return _affine(_normalised(input, dims, eps), weight, bias)


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not use_input_stats:
        return _batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    return _group_norm(input, input.shape[1], weight, bias, eps)


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    groups = input.reshape(len(input), num_groups, -1)
    x = _normalised(groups, (2,), eps).reshape(input.shape)
    return _affine(x, _by_channel(x, weight), _by_channel(x, bias))


_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {
    F.layer_norm: _layer_norm,
    F.batch_norm: _batch_norm,
    F.instance_norm: _instance_norm,
    F.group_norm: _group_norm,
}
