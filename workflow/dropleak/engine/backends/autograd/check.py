"""Whether a module can be attacked: tried on a few images, in seconds."""

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import dropleak
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.masks import Constant
from dropleak.engine.backends.autograd.derivatives import ClientAutograd, mean_loss
from dropleak.engine.backends.autograd.matching import AutogradMatching
from dropleak.engine.client.update import Update
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.module import ModuleNetwork, not_logits
from dropleak.engine.models.parameters import unflatten
from dropleak.errors import InputError

_LIBRARIES = tuple(
    f"{Path(library.__file__ or '').parent}{os.sep}" for library in (torch, dropleak)
)


def check_forward(network: ModuleNetwork, like: Tensor, images: int = 1) -> None:
    """Compute the logits of an update.

    Args:
        network: whose weights are finite.
        like: a tensor with the dtype of attacks.
        images: per update.

    Raises:
        InputError: it cannot be attacked; the message names everything that was found, and what to
            do.
    """
    _refuse(_forward_problems(network, like.cpu(), images))


def check_derivatives(network: ModuleNetwork, like: Tensor, images: int = 1) -> None:
    """Differentiate a network that `check_forward` has passed, with the same arguments.

    It is done in double precision if the network takes that: in single precision rounding can put a
    feature on the other side of a kink, and with it the gradient.

    Raises:
        InputError: as there.
    """
    double = like.double().cpu()
    exact = not any(_forward_problems(network, double, images))
    _refuse(_derivative_problems(network, double if exact else like.cpu(), images))


def _refuse(problems: Iterator[str]) -> None:
    if found := list(dict.fromkeys(problems)):
        raise InputError("the network cannot be attacked: " + "; ".join(found))


def _point(
    network: ModuleNetwork, like: Tensor, clients: int, images: int
) -> tuple[dict[str, Tensor], Tensor, list[Tensor]]:
    """Parameters [1, ...], images [B, n, ...] and masks [B, n, ...], the same every time."""
    generator = torch.Generator().manual_seed(0)

    def drawn(shape: Shape) -> Tensor:
        return torch.rand(clients, images, *shape, generator=generator).to(like.dtype)

    parameters = {name: p[None].to(like) for name, p in network.parameters.items()}
    masks = [drawn(shape) for shape in network.dropout_shapes()]
    return parameters, drawn(network.input_shape), masks


def _forward_problems(network: ModuleNetwork, like: Tensor, images: int) -> Iterator[str]:
    """What a forward pass does that it must not."""
    parameters, (x,), masks = _point(network, like, 1, images)
    own, masks = {name: p[0] for name, p in parameters.items()}, [mask[0] for mask in masks]
    network = network.to(like)
    before = {name: value.clone() for name, value in network.constants.items()}
    watch = _Watch()
    try:
        with watch, torch.no_grad():
            logits: Any = network.forward(own, x, masks)
            again: Any = network.forward(own, x, masks)
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        yield f"for an update of {_count(images)} its forward raises {_text(error)}"
        return
    yield from watch.problems
    changed = [name for name, old in before.items() if not network.constants[name].equal(old)]
    if changed:
        yield (
            f"its forward changes {', '.join(changed)}; results of an attack must not depend on "
            "what ran before: compute it anew in each pass, or keep it fixed"
        )
    if problem := not_logits(logits, images, network.classes):
        yield problem
        return
    if not logits.isfinite().all():
        yield "its logits for an image of random pixels are not finite; scale its weights or input"
    if not watch.problems and not changed and not torch.equal(logits, again):
        yield (
            "it gives two results for the same image; draw no random numbers in its forward, and "
            "count no calls"
        )


class _Watch(TorchDispatchMode):
    """Notes what is random, or depends on values, and where."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.problems.append(_random(func))
        if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags):
            where, _ = _where()
            self.problems.append(
                f"what it does depends on values of features ({where}); clients are computed "
                "together, so do the same for every image, as with torch.where"
            )
        return func(*args, **(kwargs or {}))


def _random(func: Any) -> str:
    where, callers = _where()
    if "multi_head_attention_forward" in callers:
        return f"attention drops weights by itself ({where}); set the layer's dropout to 0"
    if any("dropout" in caller for caller in callers):
        return (
            f"dropout in its forward that is not a module ({where}), so that no mask can be given "
            "to it; make it an nn.Dropout, or set its rate to 0"
        )
    return f"random numbers in its forward ({func.overloadpacket.__name__}, {where}); remove them"


def _where() -> tuple[str, list[str]]:
    """Where in a user's file the forward pass is, or in which layer; and the functions since."""
    frame: FrameType | None = sys._getframe(2)
    callers: list[str] = []
    layer = None
    while frame is not None and frame.f_code is not _forward_problems.__code__:
        code, owner = frame.f_code, frame.f_locals.get("self")
        if not code.co_filename.startswith(_LIBRARIES):
            return f"{code.co_filename}:{frame.f_lineno}", callers
        if layer is None and isinstance(owner, nn.Module):
            layer = type(owner).__name__
        callers.append(code.co_name)
        frame = frame.f_back
    return f"in {layer}", callers


def _derivative_problems(network: ModuleNetwork, like: Tensor, images: int) -> Iterator[str]:
    """What of it cannot be differentiated twice for several clients at once, or goes wrong."""
    parameters, x, masks = _point(network, like, 2, images)
    labels = torch.arange(2 * images).reshape(2, images) % network.classes
    targets = F.one_hot(labels, network.classes).to(like)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = ClientAutograd(network, parameters).gradients(x, masks, targets)
            nothing = unflatten(network, torch.zeros_like(rows))
            update = Update(network, 0.0, parameters, nothing, images)
            source = Constant(tuple(masks))
            matching = AutogradMatching(update, Attacker(masks="fixed"), labels, source)
            together = rows, *matching(x.flatten(1), torch.zeros(2, dtype=torch.int64))
        alone = [
            _squared_gradient(
                network, parameters, x[client], [mask[client] for mask in masks], targets[client]
            )
            for client in range(2)
        ]
    except Exception as error:  # of many kinds
        yield (
            "it cannot be differentiated twice for several clients at once "
            f"({_text(error)}); write that part in other operations of torch"
        )
        return
    for note in caught:
        if operation := re.search(r"batching rule for (\S+?)\.? ", f"{note.message} "):
            yield f"{operation[1]} has no batching rule; write that part in other operations"
    expected = [torch.stack(parts) for parts in zip(*alone, strict=True)]
    least = expected[1].max()
    for name, found, right in zip(_COMPARED, together, expected, strict=True):
        difference = (found - right).abs().max() / torch.maximum(right.abs().max(), least)
        if difference > torch.finfo(like.dtype).eps ** 0.25:
            yield (
                f"torch.func and autograd differ in {name} (by {difference:.1e} of the largest); "
                "please report the network, as this is a fault of torch or of this project"
            )


_COMPARED = ("its gradient", "the square of its gradient", "the derivative of that")


def _squared_gradient(
    network: ModuleNetwork,
    parameters: Mapping[str, Tensor],
    x: Tensor,
    masks: Sequence[Tensor],
    targets: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """One client's gradient, the square of its norm, and the derivative of that by the images."""
    with torch.enable_grad():
        own = {name: p[0].clone().requires_grad_() for name, p in parameters.items()}
        x = x.clone().requires_grad_()
        loss = mean_loss(network.forward(own, x, masks), targets)
        found = torch.autograd.grad(
            loss, list(own.values()), create_graph=True, materialize_grads=True
        )
        row = torch.cat([gradient.flatten() for gradient in found])
        square = row.square().sum()
        (slope,) = torch.autograd.grad(square, x, materialize_grads=True)
    return row.detach(), square.detach(), slope.flatten()


def _count(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def _text(error: BaseException) -> str:
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first}"
