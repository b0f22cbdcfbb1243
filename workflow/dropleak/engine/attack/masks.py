"""How an attacker handles the clients' dropout in its own forward pass.

Each way takes what was shared and a key for each image (int64 [B, n]), and returns a source of
masks: a function from the number of evaluations so far (int64 [B]), and the number K of those to
come, to a mask for each dropout layer, [B, n, K, *shape], or [B, n, 1, *shape] if all are the same.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.client.update import Update
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.model import Model

Masks = tuple[Tensor, ...]

EXACT = "exact"


@dataclass(frozen=True)
class Constant:
    """The same masks at every evaluation."""

    masks: Masks  # [B, n, *shape] each
    claims: tuple[str, ...] | None = None
    """What the attacker says of masks that it has read, B times: `EXACT`, or why they are not."""

    deterministic = True

    def __call__(self, evaluations: Tensor, count: int) -> Masks:
        return tuple(mask[:, :, None] for mask in self.masks)

    def select(self, clients: Tensor) -> "Constant":
        """The same for the clients at `clients` (int64 [K], or bool [B])."""
        masks = tuple(mask[clients] for mask in self.masks)
        if self.claims is None:
            return Constant(masks)
        places = torch.arange(len(self.claims), device=clients.device)[clients].tolist()
        return Constant(masks, tuple(self.claims[place] for place in places))


@dataclass(frozen=True)
class Resampled:
    """Fresh masks at every evaluation."""

    network: Model
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


def read(update: Update, keys: Tensor) -> MaskSource:
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
    masks, doubts = [], {}  # the latter's keys: a set that keeps its order
    n = update.images_per_update
    if n > 1:
        doubts["gradients are means over several images"] = True
    vanished = torch.zeros(len(update), dtype=torch.bool)
    for site in update.network.dropout_sites():
        doubts |= dict.fromkeys(site.doubts, True)
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
    claim = "; ".join(doubts) or EXACT
    claims = tuple("gradients vanish" if empty else claim for empty in vanished.tolist())
    return Constant(tuple(masks), claims)


SOURCES = {"resample": resample, "ignore": ignore, "fixed": fixed, "read": read}
"""Every way that needs no more than what was shared, and nothing of the optimiser."""


def start_masks(update: Update, keys: Tensor) -> Masks:
    """Where masks that are optimised start: drawn with the client's rate, 0 or 1."""
    drawn = dropout_masks(
        update.network, rng.derive(keys, rng.Stream.OPTIMISED_MASK), update.rate, update.dtype
    )
    return tuple((mask > 0).to(mask) for mask in drawn)


def _ones(update: Update, shape: Shape) -> Tensor:
    return update.like.new_ones(len(update), update.images_per_update, *shape)


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
