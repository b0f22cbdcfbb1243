"""How an attacker handles the clients' dropout in its own forward pass.

Each way takes what was shared and a key for each image (int64 [B, n]), and returns a source of
masks: a function from the number of evaluations so far (int64 [B]), and the number K of those to
come, to a mask for each dropout layer, [B, n, K, *shape], or [B, n, 1, *shape] if all are the same.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.separation import EXACT
from dropleak.engine.attack.separation import separate as separate_images
from dropleak.engine.client.update import Update
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.layers import CLASSIFIER, Dropout, Flatten, Linear
from dropleak.engine.models.network import Network

Masks = tuple[Tensor, ...]


@dataclass(frozen=True)
class Constant:
    """The same masks at every evaluation."""

    masks: Masks  # [B, n, *shape] each
    claims: tuple[str, ...] | None = None
    """What the attacker says of masks that it has read, B times: `EXACT`, or why they are not."""
    labels: Tensor | None = None
    """int64 [B, n], in the order of the masks, where these come with labels of their own."""

    deterministic = True

    def __call__(self, evaluations: Tensor, count: int) -> Masks:
        return tuple(mask[:, :, None] for mask in self.masks)

    def select(self, clients: Tensor) -> "Constant":
        """The same for the clients at `clients` (int64 [K], or bool [B])."""
        masks = tuple(mask[clients] for mask in self.masks)
        labels = None if self.labels is None else self.labels[clients]
        if self.claims is None:
            return Constant(masks, labels=labels)
        places = torch.arange(len(self.claims), device=clients.device)[clients].tolist()
        return Constant(masks, tuple(self.claims[place] for place in places), labels)


@dataclass(frozen=True)
class Resampled:
    """Fresh masks at every evaluation."""

    network: Network
    rate: float
    dtype: torch.dtype
    stream: Tensor  # int64 [B, n]

    claims = None
    deterministic = False

    def __call__(self, evaluations: Tensor, count: int) -> Masks:
        coming = evaluations[:, None, None] + torch.arange(count, device=evaluations.device)
        fresh = rng.derive(self.stream[:, :, None], coming)
        return dropout_masks(self.network, fresh, self.rate, self.dtype)

    def select(self, clients: Tensor) -> "Resampled":
        """The same for the clients at `clients` (int64 [K], or bool [B])."""
        return Resampled(self.network, self.rate, self.dtype, self.stream[clients])


MaskSource = Constant | Resampled


def ignore(update: Update, keys: Tensor) -> Constant:
    """No dropout: every feature passes, unscaled."""
    return Constant(tuple(_ones(update, shape) for shape in update.network.dropout_shapes()))


def fixed(update: Update, keys: Tensor) -> MaskSource:
    """One mask of the client's rate, drawn by the attacker and kept: a wrong guess."""
    guess = rng.derive(keys, rng.Stream.FIXED_MASK)
    drawn = dropout_masks(update.network, guess, update.rate, update.dtype)
    return Constant(drawn)


def resample(update: Update, keys: Tensor) -> MaskSource:
    """A fresh mask at every evaluation: what a network left in training mode does."""
    if update.rate == 0:
        return ignore(update, keys)  # nothing is dropped
    stream = rng.derive(keys, rng.Stream.RESAMPLED_MASK)
    return Resampled(update.network, update.rate, update.dtype, stream)


def read(update: Update, keys: Tensor) -> Constant:
    """The client's mask, as far as it can be read from the gradients of linear layers.

    The gradient of a linear layer's weights is the sum over images of the error behind it times the
    masked features before it, so a feature that was dropped has a column of zeros. With one image
    and features that are never zero, as after a sigmoid, the converse holds as well.

    What cannot be read is set to its expectation, given what can: masks before convolutions to 1;
    features that some of n images kept to 1 / P(some of them keep it); each of several dropout
    layers in series to its share of their product.
    """
    if update.rate == 0:
        return Constant(ignore(update, keys).masks, (EXACT,) * len(update))
    n, masks = update.images_per_update, []
    vanished = torch.zeros(len(update), dtype=torch.bool)
    for place, shape in zip(*_dropout_places(update.network), strict=True):
        linear, series = _linear_behind(update.network, place)
        if linear is None:
            masks.append(_ones(update, shape))
            continue
        columns = update.gradients[f"{linear.name}.weight"].abs().amax(1)  # [B, features]
        vanished |= (columns == 0).all(1).cpu()
        kept_by_one = (1 - update.rate) ** series
        kept_by_some = 1 - (1 - kept_by_one) ** n
        mask = (columns > 0).to(update.dtype) * kept_by_some ** (-1 / series)
        masks.append(mask.reshape(len(update), 1, *shape).expand(-1, n, *shape))
    several = ["gradients are means over several images"] * (n > 1)
    claim = "; ".join([*several, *_doubts(update.network)]) or EXACT
    claims = tuple("gradients vanish" if empty else claim for empty in vanished.tolist())
    return Constant(tuple(masks), claims)


def separate(update: Update, keys: Tensor) -> Constant:
    """The mask of every image before the classifier, and its label, from `separation`.

    All other masks, and those of updates that cannot be separated, are as in `read`.
    """
    separation, otherwise = separate_images(update), read(update, keys)
    found = separation.found
    labels = torch.where(found[:, None], separation.labels, infer_labels(update, keys))
    if update.rate == 0:
        return replace(otherwise, labels=labels)
    kept = (separation.features > 0).to(update.dtype) / (1 - update.rate)
    masks = []
    for place, mask in zip(_dropout_places(update.network)[0], otherwise.masks, strict=True):
        linear, _ = _linear_behind(update.network, place)
        if linear and linear.name == CLASSIFIER:
            separated = found.reshape(-1, *[1] * (mask.ndim - 1))
            mask = torch.where(separated, kept.reshape(mask.shape), mask)
        masks.append(mask)
    claim = "; ".join(_doubts(update.network)) or EXACT
    if update.images_per_update == 1:
        claims = otherwise.claims
    else:
        claims = tuple(claim if own == EXACT else own for own in separation.claims)
    return Constant(tuple(masks), claims, labels)


SOURCES = {
    "resample": resample,
    "ignore": ignore,
    "fixed": fixed,
    "read": read,
    "separate": separate,
}
"""Every way that needs no more than what was shared, and nothing of the optimiser."""


def start_masks(update: Update, keys: Tensor) -> Masks:
    """Where masks that are optimised start: drawn with the client's rate, 0 or 1."""
    drawn = dropout_masks(
        update.network, rng.derive(keys, rng.Stream.OPTIMISED_MASK), update.rate, update.dtype
    )
    return tuple((mask > 0).to(mask) for mask in drawn)


def _ones(update: Update, shape: Shape) -> Tensor:
    return update.like.new_ones(len(update), update.images_per_update, *shape)


def _doubts(network: Network) -> list[str]:
    """Why not all masks of a network can be read even where every zero of a gradient is seen."""
    doubts = {}  # its keys: a set that keeps its order
    for place in _dropout_places(network)[0]:
        linear, series = _linear_behind(network, place)
        if linear is None:
            doubts["dropout before convolutions cannot be read"] = True
            continue
        if series > 1:
            doubts["dropout layers in series"] = True
        if network.can_be_zero(place):
            doubts["features can be zero without being dropped"] = True
    return [*doubts]


def _dropout_places(network: Network) -> tuple[list[int], list[Shape]]:
    places = [place for place, layer in enumerate(network.layers) if isinstance(layer, Dropout)]
    return places, network.dropout_shapes()


def _linear_behind(network: Network, place: int) -> tuple[Linear | None, int]:
    """The linear layer that a dropout layer's features go into, and how many such are in series."""
    series = 1
    for before in reversed(network.layers[:place]):
        if not isinstance(before, Dropout | Flatten):
            break
        series += isinstance(before, Dropout)
    for layer in network.layers[place + 1 :]:
        if isinstance(layer, Linear):
            return layer, series
        if not isinstance(layer, Dropout | Flatten):
            break
        series += isinstance(layer, Dropout)
    return None, series
