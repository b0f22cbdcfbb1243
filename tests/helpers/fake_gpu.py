"""A torch device besides the CPU, on any machine: code that forgets to move a tensor fails there.

A tensor on it holds one on the CPU, which computes in its place. As on a GPU, it does not mix with
tensors on the CPU, and has no products of integer matrices.
"""

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

FAKE_GPU = "fakegpu"

_setup_privateuseone_for_python_backend(
    FAKE_GPU,
    SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        device_count=lambda: 1,
        current_device=lambda: 0,
        get_device_name=lambda device: "fake GPU",
        manual_seed_all=lambda seed: None,
        _is_in_bad_fork=lambda: False,
    ),
)

_COPIES = ("copy_", "_to_copy")
_INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_")
"""These may have indices on the CPU, which are copied to the GPU."""
_PRODUCTS = ("mm", "bmm", "mv", "dot", "addmm", "baddbmm", "addmv")
"""GPUs have none of integer matrices."""


class _OnGPU(Tensor):
    """A tensor on the device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor):
        # Otherwise autograd refuses views of tensors that were made before inference mode.
        with torch.inference_mode(False):
            self = Tensor._make_wrapper_subclass(
                cls,
                held.shape,
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=f"{FAKE_GPU}:0",
            )
        self.held = held
        return self

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None):
        return _run(operator, *args, **(kwargs or {}))

    def tolist(self):
        return self.cpu().tolist()

    def __repr__(self):
        return f"{self.held} on {FAKE_GPU}"


def _run(operator: Any, *args: Any, **kwargs: Any):
    """Run an operator where its tensors are, or where it is told to make one."""
    parts = operator.decompose(*args, **kwargs)
    if parts is not NotImplemented:
        return parts
    name = operator.__name__.split(".")[0]
    _refuse(name, args, kwargs)
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    on_gpu = any(isinstance(tensor, _OnGPU) for tensor in tensors)
    held_args, held_kwargs = tree_map(_held, (args, kwargs))
    if held_kwargs.get("device") is not None:
        on_gpu = torch.device(kwargs["device"]).type == FAKE_GPU
        held_kwargs["device"] = "cpu"
    result = operator(*held_args, **held_kwargs)
    returns = operator._schema.returns
    if not (returns and returns[0].alias_info and returns[0].alias_info.is_write):
        return tree_map(_on_gpu, result) if on_gpu and name != "_local_scalar_dense" else result
    changed = kwargs.get("out", args[0])
    assert result.shape == changed.shape, f"{operator} changes a size, which is not possible here"
    return changed


def _held(value: Any):
    return value.held if isinstance(value, _OnGPU) else value


def _on_gpu(value: Any):
    return _OnGPU(value) if isinstance(value, Tensor) else value


def _refuse(name: str, args: Any, kwargs: Any):
    """Raise an error where a GPU would; numbers on the CPU may mix with tensors on a GPU."""
    if name in _COPIES:
        return
    values = (args[0], args[2:]) if name in _INDEXED else (args, kwargs)
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, _OnGPU)]
    here = [tensor for tensor in tensors if not isinstance(tensor, _OnGPU) and tensor.dim()]
    if name in _INDEXED and here and any(isinstance(t, _OnGPU) for t in tree_leaves(args[1])):
        raise RuntimeError(f"{name}: indices on a GPU of a tensor on the CPU")
    if there and here:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in here)
        raise RuntimeError(f"{name}: tensors on a GPU and on the CPU, there with shapes {shapes}")
    if name in _PRODUCTS and there and not there[0].is_floating_point():
        raise RuntimeError(f"{name}: not implemented on a GPU for {there[0].dtype}")


_elsewhere = torch.library.Library("_", "IMPL")
_elsewhere.fallback(_run, "PrivateUse1")
_here = torch.library.Library("aten", "IMPL")
_aten = torch.ops.aten
for _operator in (
    _aten._to_copy.default,  # for which torch.tensor(..., device=...) finds no fallback
    _aten.arange.default,  # and others that would change the size of an empty tensor
    _aten.arange.start,
    _aten.arange.start_step,
    _aten.eye.default,
    _aten.eye.m,
):
    _here.impl(_operator, partial(_run, _operator), "PrivateUse1")
