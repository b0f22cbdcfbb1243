"""One image in closed form: a network's layers are undone one by one, from the last to the first.

At the classifier the gradient of the loss with respect to the outputs is that of the bias. The
input of each layer with weights solves linear `equations`, activations are inverted, and the
chain rule takes the gradient of the loss along.

Dropped features need no mask. They look like features that saturate at zero, where the activation's
slope is zero as well: they pass no gradient on, and say nothing of what is before it.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor

from dropleak.engine.attack.equations import GREY, Equations, Signal
from dropleak.engine.attack.masks import Constant, Masks
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.reconstruction import Reconstruction, Status, exploded
from dropleak.engine.attack.separation import Claims
from dropleak.engine.attack.vanishing import vanished
from dropleak.engine.client.update import Update
from dropleak.engine.models.layers import CLASSIFIER, Activation, Conv, Dropout, Flatten, Linear
from dropleak.engine.models.model import Model
from dropleak.engine.models.network import Network
from dropleak.engine.models.parameters import flatten

_SMOOTHNESS = 1e-3
"""Of the image, for pixels that no other equation determines; the others hardly feel it."""

_DROPPED = 1e-4
"""Features before a convolution that are smaller count as dropped. So seen, a mask is as good as
the true one to anybody who uses it."""


def obstacle(network: Model, images: int) -> str | None:
    """Why an update of n images cannot be undone; None if it can."""
    if images > 1:
        return "the closed form is for one image"
    if not isinstance(network, Network):
        return "the closed form is not for torch modules"
    signed = True
    for place, (layer, shape) in enumerate(
        zip(network.layers, network.input_shapes(), strict=True)
    ):
        kind = type(layer).__name__
        if not isinstance(layer, Activation | Conv | Dropout | Flatten | Linear):
            return f"the closed form does not know {kind}"
        if isinstance(layer, Activation) and not layer.invertible:
            return f"the closed form needs the inverse of {kind}"
        if isinstance(layer, Dropout) and signed:
            return "the closed form needs features before dropout to be positive"
        signed = layer.can_be_negative(signed)
        if isinstance(layer, Conv | Linear) and place:
            weight = layer.parameter_shapes(shape)[f"{layer.name}.weight"]
            if prod(weight) + prod(layer.output_shape(shape)) < prod(shape):
                return f"the closed form has too few equations for the input of {layer.name}"
    return None


def undo(update: Update, client: int) -> tuple[Tensor, list[Tensor]]:
    """The image of an update of one, to which there is no `obstacle`.

    Args:
        update: with finite gradients.
        client: which of its clients.

    Returns:
        the image, float64 [C, H, W], and the features behind each dropout layer, [*shape].
    """
    network = update.network
    assert isinstance(network, Network)
    parameters, gradients = (
        {name: tensor[client % len(tensor)].double().cpu() for name, tensor in side.items()}
        for side in (update.parameters, update.gradients)
    )
    tolerance = max(torch.finfo(update.dtype).eps / 30, 1e-14)
    error = gradients[f"{CLASSIFIER}.bias"][None]
    signal = Signal(torch.zeros_like(error), torch.zeros_like(error), error)
    behind_dropout: list[Tensor] = []
    layers = zip(network.layers, network.input_shapes(), strict=True)
    for place, (layer, shape) in reversed([*enumerate(layers)]):
        if isinstance(layer, Conv | Linear):
            names = layer.parameter_shapes(shape)
            row = torch.cat([parameters[name].flatten() for name in names])[None]
            gradient = gradients[f"{layer.name}.weight"]
            smoothness = 0.0 if place else _SMOOTHNESS
            signal = Equations(layer, shape, row, gradient, signal, smoothness).solve(tolerance)
        elif isinstance(layer, Activation):
            signal = _before_activation(layer, signal)
        elif isinstance(layer, Dropout):
            behind_dropout.insert(0, signal.value[0])
            kept = 1 - update.rate
            signal = Signal(signal.value * kept, signal.weight, signal.gradient / kept)
        else:
            signal = Signal(*(part.reshape(1, *shape) for part in signal))
    return signal.value[0], behind_dropout


def reconstruct(objective: GradientMatching) -> Reconstruction:
    """The image of each of B updates; grey ones where there is an obstacle.

    Args:
        objective: of an attacker that reads masks. Its value shows how well the attacker has done.
    """
    update, masks = objective.update, objective.masks
    assert isinstance(masks, Constant)
    shape = (len(update), update.images_per_update, *update.network.input_shape)
    images = update.like.new_full(shape, GREY)
    if problem := obstacle(update.network, update.images_per_update):
        claims = ((problem,) * update.images_per_update,) * len(update)
        return _result(objective, images, None, claims)
    finite = flatten(update.gradients).isfinite().all(1)
    empty = vanished(update, objective.attacker)
    features = [torch.zeros_like(mask) for mask in masks.masks]
    for client in (finite & ~empty).nonzero().flatten().tolist():
        images[client, 0], found = undo(update, client)
        for own, one in zip(features, found, strict=True):
            own[client, 0] = one
    masks = _with_inner(update, masks, features)
    objective = type(objective)(update, objective.attacker, objective.labels, masks)
    solution = _result(objective, images, tuple(m > 0 for m in masks.masks), masks.claims)
    sound = finite & solution.loss.isfinite() & ~exploded(images)
    statuses = tuple(
        Status.VANISHED if nothing else Status.CONVERGED if solved else Status.DIVERGED
        for nothing, solved in zip(empty.tolist(), sound.tolist(), strict=True)
    )
    return replace(solution, status=statuses)


def _before_activation(layer: Activation, behind: Signal) -> Signal:
    """What is known before an activation, where an error of its value is as much larger as the
    slope is small."""
    x = layer.inverse(behind.value)
    known = x.isfinite()
    x = x.where(known, 0)
    slope = layer.slope(x, behind.value).where(known, 0)
    return Signal(x, behind.weight * slope, behind.gradient * slope)


def _with_inner(update: Update, masks: Constant, features: Sequence[Tensor]) -> Constant:
    """Masks that were read, with those before convolutions, which cannot be, by the features."""
    inner = [site.weight is None for site in update.network.dropout_sites()]
    if update.rate == 0 or not any(inner):
        return masks
    claim = f"features below {_DROPPED:g} before convolutions count as dropped"
    seen = ((feature > _DROPPED).to(update.like) / (1 - update.rate) for feature in features)
    chosen = (
        by_feature if own else mask
        for own, by_feature, mask in zip(inner, seen, masks.masks, strict=True)
    )
    return replace(masks, masks=tuple(chosen), claims=((claim,),) * len(update))


def _result(
    objective: GradientMatching,
    images: Tensor,
    masks: Masks | None,
    claims: Claims | None,
) -> Reconstruction:
    """The result after no iteration, and one evaluation, as of an attack that cannot be made."""
    variables = objective.variables
    logits = images.new_zeros(*images.shape[:2], variables.classes)
    iterations = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    loss, _ = objective(variables.join(images, [], logits), iterations)
    return Reconstruction(
        images=images,
        labels=logits.argmax(2) if objective.labels is None else objective.labels,
        loss=loss,
        match=loss,
        status=(Status.INAPPLICABLE,) * len(images),
        iterations=iterations,
        evaluations=iterations + 1,
        masks=masks,
        claims=claims,
        restart=iterations,
    )
