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
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.parameters import unflatten
from dropleak.errors import InputError

_LIBRARIES = tuple(
    f"{Path(library.__file__ or '').parent}{os.sep}" for library in (torch, dropleak)
)


def checked_network(
    module: nn.Module,
    input_shape: Shape,
    classes: int,
    like: Tensor,
    images: int = 1,
    dropout: str = "own",
    batch_norm: str = "running",
) -> ModuleNetwork:
    """A network made from a module that has been found fit to be attacked.

    Args:
        module, input_shape, classes, dropout, batch_norm: as for `ModuleNetwork`.
        like: a tensor with the dtype of attacks.
        images: per update.

    Raises:
        InputError: it is not; the message names everything that was found, and what to do.
    """
    _check_weights(module)
    network = ModuleNetwork(module, input_shape, classes, dropout, batch_norm)
    for look in (_forward_problems, _derivative_problems):
        if problems := list(dict.fromkeys(look(network, like.cpu(), images))):
            raise InputError("the network cannot be attacked: " + "; ".join(problems))
    return network


def _check_weights(module: nn.Module) -> None:
    trained = [name for name, p in module.named_parameters() if p.requires_grad]
    if not trained:
        raise InputError(
            "the network has no parameter that requires a gradient, so a client has none to share"
        )
    state = [*module.named_parameters(), *module.named_buffers()]
    bad = [name for name, t in state if t.is_floating_point() and not t.isfinite().all()]
    if bad:
        raise InputError(f"the network's weights have NaN or infinity in {', '.join(bad)}")


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
    except Exception as error:  # whatever a user's code raises
        yield f"for an update of {_count(images)} its forward raises {_text(error)}"
        return
    yield from watch.problems
    changed = [name for name, old in before.items() if not network.constants[name].equal(old)]
    if changed:
        yield (
            f"its forward changes {', '.join(changed)}; results of an attack must not depend on "
            "what ran before: compute it anew in each pass, or keep it fixed"
        )
    if not isinstance(logits, Tensor):
        yield f"it returns {type(logits).__name__}; return the logits alone, one tensor"
        return
    if logits.shape != (images, network.classes):
        yield (
            f"for {_count(images)} of {network.classes} classes it returns "
            f"{tuple(logits.shape)} instead of logits of shape ({images}, {network.classes})"
        )
    elif not logits.isfinite().all():
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
            rows = ClientAutograd(network, parameters).gradients(x.flip(0), masks, targets)
            update = Update(network, 0.0, parameters, unflatten(network, rows), images)
            source = Constant(tuple(masks))
            matching = AutogradMatching(update, Attacker(masks="fixed"), labels, source)
            together = matching(x.flatten(1), torch.zeros(2, dtype=torch.int64))
    except Exception as error:  # of many kinds
        yield (
            "it cannot be differentiated twice for several clients at once "
            f"({_text(error)}); write that part in other operations of torch"
        )
        return
    for note in caught:
        if operation := re.search(r"batching rule for (\S+?)\.? ", f"{note.message} "):
            yield f"{operation[1]} has no batching rule; write that part in other operations"
    alone = [
        _matching(
            network,
            parameters,
            x[client],
            [mask[client] for mask in masks],
            targets[client],
            rows[client],
        )
        for client in range(2)
    ]
    for name, found, expected in zip(
        ("value", "gradient"), together, zip(*alone, strict=True), strict=True
    ):
        right = torch.stack(expected)
        difference = (found - right).abs().max() / right.abs().max().clamp(min=1e-30)
        if difference > torch.finfo(like.dtype).eps ** 0.5:
            yield (
                f"torch.func and autograd differ in the {name} of its objective (by "
                f"{difference:.1e} of the largest); please report the network, as this is a fault "
                "of torch or of this project"
            )


def _matching(
    network: ModuleNetwork,
    parameters: Mapping[str, Tensor],
    x: Tensor,
    masks: Sequence[Tensor],
    targets: Tensor,
    shared: Tensor,
) -> tuple[Tensor, Tensor]:
    """The squared distance of one client's gradients from shared ones, and its gradient."""
    with torch.enable_grad():
        own = {name: p[0].clone().requires_grad_() for name, p in parameters.items()}
        x = x.clone().requires_grad_()
        loss = mean_loss(network.forward(own, x, masks), targets)
        found = torch.autograd.grad(
            loss, list(own.values()), create_graph=True, materialize_grads=True
        )
        rows = torch.cat([gradient.flatten() for gradient in found])
        distance = (rows - shared).square().sum()
        (slope,) = torch.autograd.grad(distance, x, materialize_grads=True)
    return distance.detach(), slope.flatten()


def _count(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def _text(error: Exception) -> str:
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first}"
