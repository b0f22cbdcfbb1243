"""How an attacker handles the clients' dropout in its own forward pass.

Each way takes what was shared and a key for each image (int64 [B, n]), and returns a source of
masks: a function from the number of evaluations so far (int64 [B]), and the number K of those to
come, to a mask for each dropout layer, [B, n, K, *shape], or [B, n, 1, *shape] if all are the same.
"""

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.separation import EXACT, Claims
from dropleak.engine.attack.separation import separate as separate_images
from dropleak.engine.client.update import Update
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.model import DropoutSite, Model

Masks = tuple[Tensor, ...]


@dataclass(frozen=True)
class Constant:
    """The same masks at every evaluation."""

    masks: Masks  # [B, n, *shape] each
    claims: Claims | None = None
    """What the attacker says of masks that it has read, in their order."""
    labels: Tensor | None = None
    """int64 [B, n], in the order of the masks, where these come with labels of their own."""
    features: Tensor | None = None
    """[B, n, d], in the same order: inputs of the classifier as far as they are known, else NaN."""

    deterministic = True

    def __call__(self, evaluations: Tensor, count: int) -> Masks:
        return tuple(mask[:, :, None] for mask in self.masks)

    def select(self, clients: Tensor) -> "Constant":
        """The same for the clients at `clients` (int64 [K], or bool [B])."""
        masks = tuple(mask[clients] for mask in self.masks)
        labels, features = (
            None if known is None else known[clients] for known in (self.labels, self.features)
        )
        if self.claims is None:
            return Constant(masks, None, labels, features)
        places = torch.arange(len(self.claims), device=clients.device)[clients].tolist()
        return Constant(masks, tuple(self.claims[place] for place in places), labels, features)


@dataclass(frozen=True)
class Resampled:
    """Fresh masks at every evaluation."""

    network: Model
    rate: float
    dtype: torch.dtype
    stream: Tensor  # int64 [B, n]

    claims = None
    features = None
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
        exact = ((EXACT,) * update.images_per_update,) * len(update)
        return replace(ignore(update, keys), claims=exact)
    n, masks = update.images_per_update, []
    vanished = torch.zeros(len(update), dtype=torch.bool)
    for site in update.network.dropout_sites():
        if site.weight is None or site.elements is None:
            masks.append(_ones(update, site.shape))
            continue
        columns = update.gradients[site.weight].abs().amax(1)  # [B, inputs]
        vanished |= (columns == 0).all(1).cpu()
        kept_by_one = (1 - update.rate) ** site.series
        kept_by_some = 1 - (1 - kept_by_one) ** (n * len(site.elements))
        mask = _seen(site.elements, columns, prod(site.shape)).to(update.dtype)
        mask = mask * kept_by_some ** (-1 / site.series)
        masks.append(mask.reshape(len(update), 1, *site.shape).expand(-1, n, *site.shape))
    several = ["gradients are means over several images"] * (n > 1)
    claim = "; ".join([*several, *_doubts(update)]) or EXACT
    claims = tuple(("gradients vanish" if empty else claim,) * n for empty in vanished.tolist())
    return Constant(tuple(masks), claims)


def separate(update: Update, keys: Tensor) -> Constant:
    """The mask of every image before the classifier, its label and features, from `separation`.

    Of images that were not found, mask and label are what `read` and label inference make of the
    gradient that the others leave. All other masks are as in `read`, and so is that of one image if
    `read` is sure of it: noise hides a small feature from `separation`, but its column is not zero.
    """
    separation, otherwise = separate_images(update), read(update, keys)
    found, labels = separation.found, infer_labels(update, keys)
    remaining = {
        client: (separation.remaining(update, client), keys[client : client + 1, ~found[client]])
        for client in (found.any(1) & ~found.all(1)).nonzero().flatten().tolist()
    }
    if labels is not None:
        labels = torch.where(found, separation.labels, labels)
        for client, rest in remaining.items():
            if (inferred := infer_labels(*rest)) is not None:
                labels[client, ~found[client]] = inferred
    features = separation.features if found.any() else None
    alone, doubts = update.images_per_update == 1, _doubts(update)
    if update.rate == 0 or (alone and not doubts):
        return replace(otherwise, labels=labels, features=features)
    kept = (separation.features > 0).to(update.dtype) / (1 - update.rate)
    masks = list(otherwise.masks)
    for place, site in enumerate(update.network.dropout_sites()):
        if _masks_classifier(site, update.network):
            known = found.reshape(*found.shape, *[1] * len(site.shape))
            masks[place] = torch.where(known, kept.reshape(masks[place].shape), masks[place])
            for client, rest in remaining.items():
                masks[place][client, ~found[client]] = read(*rest).masks[place][0]
    claim = "; ".join(doubts) or EXACT
    if alone:
        claims = otherwise.claims
    else:
        claims = tuple(
            tuple(claim if own == EXACT else own for own in claims) for claims in separation.claims
        )
    return Constant(tuple(masks), claims, labels, features)


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


def _masks_classifier(site: DropoutSite, network: Model) -> bool:
    """Whether a site's mask multiplies the classifier's inputs one by one."""
    if network.classifier is None or site.weight != network.classifier.weight:
        return False
    order = torch.arange(prod(site.shape))
    return site.elements is not None and torch.equal(site.elements.flatten().cpu(), order)


def _doubts(update: Update) -> list[str]:
    """Why masks may be wrong even where every zero of a gradient is read."""
    defended = ["gradients are defended"]
    sites = update.network.dropout_sites()
    doubts = [doubt for site in sites for doubt in site.doubts]
    return list(dict.fromkeys(defended * (update.defence is not None) + doubts))


def _seen(elements: Tensor, columns: Tensor, count: int) -> Tensor:
    """Which elements of a mask have a column that is not zero: bool [B, count].

    Args:
        elements: of which each input is a multiple, int64 [rows, inputs].
        columns: magnitudes of the inputs' columns, [B, inputs].
        count: of the mask's elements.
    """
    places = elements.to(columns.device).flatten().expand(len(columns), -1)
    values = columns.repeat(1, len(elements))
    return columns.new_zeros(len(columns), count).scatter_reduce(1, places, values, "amax") > 0
