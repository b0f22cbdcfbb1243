"""What the attacker minimises: the distance of its dummy gradients from the shared ones, and of
features from those that it knows."""

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple, Self, cast

import torch
from torch import Tensor
from torch.func import vjp
from torch.linalg import vecdot
from torch.nn import functional as F

from dropleak.engine.attack import priors
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.attack.masks import MaskSource
from dropleak.engine.attack.variables import Variables
from dropleak.engine.backends.autograd.derivatives import ordinary
from dropleak.engine.backends.derivatives import Derivatives, derivatives
from dropleak.engine.client.update import Update
from dropleak.engine.defences.defence import Defence
from dropleak.engine.models.parameters import beside, flatten, repeated, unflatten

STAGE_FACTOR = 0.1
"""Factor of total variation's weight from one stage of an attack to the next."""


class GradientMatching:
    """Distance of gradients plus priors, for B clients, as a function of rows of variables.

    Args:
        update: what was shared.
        attacker: its settings.
        labels: int64 [B, n], or None if they are optimised.
        masks: where they come from, or None if they are optimised.
        stage: of each client's attack, from 0, int64 [B]; see `at_stage`. The first one if None.
    """

    def __init__(
        self,
        update: Update,
        attacker: Attacker,
        labels: Tensor | None,
        masks: MaskSource | None,
        stage: Tensor | None = None,
    ):
        self.update, self.attacker, self.labels, self.masks = update, attacker, labels, masks
        self.stage = update.like.new_zeros(len(update)).long() if stage is None else stage
        self.variables = Variables.of(update, masks is None, labels is None)

    @property
    def _defence(self) -> Defence | None:
        """The clients' defence, if the attacker accounts for it."""
        return self.update.defence if self.attacker.adapts else None

    @cached_property
    def _scales(self) -> dict[str, Tensor] | None:
        """By parameter, what its gradients are multiplied by, [B]; None if nothing."""
        if not self.attacker.normalise:
            return None
        norms = {name: g.flatten(1).norm(dim=1) for name, g in self.update.gradients.items()}
        return {name: torch.where(norm > 0, 1 / norm, 1) for name, norm in norms.items()}

    @cached_property
    def _scale(self) -> Tensor | None:
        """What rows of gradients, [B, P], are multiplied by; None if nothing."""
        scale = None
        if self._scales is not None:
            sizes = {name: g[0].numel() for name, g in self.update.gradients.items()}
            scale = repeated(self._scales, sizes)
        weights = None if self._defence is None else self._defence.weights(self.update)
        if weights is None:
            return scale
        rows = flatten(weights).to(self.update.dtype)
        return rows if scale is None else scale * rows

    def _scaled(self, gradients: Tensor) -> Tensor:
        """Rows of gradients, [B, P], as they are compared."""
        return gradients if self._scale is None else gradients * self._scale

    @cached_property
    def _shared(self) -> Tensor:
        """What was shared, as it is compared."""
        return self._scaled(flatten(self.update.gradients))

    def _expected(self, dummy: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """What the attacker expects to be shared in place of its dummy gradients, [B, P].

        Returns:
            rows, and the transpose of their derivative.
        """
        defence = self._defence
        if defence is None or not defence.is_expected:
            return dummy, lambda direction: direction

        def defended(rows: Tensor) -> Tensor:
            return flatten(defence.expected(unflatten(self.update.network, rows)))

        with torch.inference_mode(False):
            rows, transpose = cast(Any, vjp(defended, ordinary(dummy)))

        def back(direction: Tensor) -> Tensor:
            with torch.inference_mode(False):
                return transpose(ordinary(direction))[0]

        return rows, back

    @property
    def _features(self) -> Tensor | None:
        """The features to match, [B, n, d], not a number where they are unknown."""
        return self.masks.features if self.masks and self.attacker.features else None

    @cached_property
    def _targets(self) -> Tensor | None:
        """Probabilities of the labels, [B, n, classes], unless labels are optimised."""
        if self.labels is None:
            return None
        return F.one_hot(self.labels, self.update.network.classes).to(self.update.like)

    @cached_property
    def _derivatives(self) -> Derivatives:
        update = self.update
        return derivatives(update.network, update.parameters, len(update), update.images_per_update)

    @property
    def deterministic(self) -> bool:
        """Whether a second evaluation at the same place gives the same value."""
        return self.masks is None or self.masks.deterministic

    @property
    def has_priors(self) -> bool:
        """Whether it is more than a distance of gradients."""
        return bool(self.attacker.total_variation or self._mask_regulariser)

    @cached_property
    def total_variation(self) -> Tensor:
        """Its weight at each attack's stage, float64 [B]."""
        stages = range(self.attacker.stages)
        weights = [self.attacker.total_variation * STAGE_FACTOR**stage for stage in stages]
        return torch.tensor(weights, dtype=torch.float64).to(self.stage.device)[self.stage]

    @property
    def _mask_regulariser(self) -> float:
        return self.attacker.mask_regulariser if self.variables.masks else 0.0

    def select(self, clients: Tensor) -> Self:
        """The same objective for the clients at `clients` (int64 [K], or bool [B])."""
        return type(self)(
            self.update.select(clients),
            self.attacker,
            None if self.labels is None else self.labels[clients],
            None if self.masks is None else self.masks.select(clients),
            self.stage[clients],
        )

    def at_stage(self, stage: Tensor) -> Self:
        """The same at other stages (int64 [B]), where total variation has other weights."""
        if torch.equal(stage, self.stage):
            return self
        other = copy(self)  # with everything that it has computed, but what depends on the stage
        vars(other).pop("total_variation", None)
        other.stage = stage
        return other

    def __call__(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient.

        Args:
            x: rows of variables, [B, N].
            evaluations: int64 [B], how often each client has been evaluated before.

        Returns:
            loss [B] and its gradient [B, N].
        """
        loss, gradient = self.match(x, evaluations)
        if not self.has_priors:
            return loss, gradient
        images, masks, _ = self.variables.split(x)
        slopes = self.variables.split(gradient)
        if self.attacker.total_variation:
            value, slope = priors.total_variation(images, self.attacker.total_variation_smoothing)
            weight = self.total_variation.to(loss)
            loss = loss + weight * value
            slopes[0].addcmul_(beside(weight, slope), slope)
        if self._mask_regulariser:
            value, mask_slopes = priors.mask_rate(masks, self.update.rate)
            loss = loss + self._mask_regulariser * value
            for total, slope in zip(slopes[1], mask_slopes, strict=True):
                total.add_(slope, alpha=self._mask_regulariser)
        return loss, gradient

    def match(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        """The distance of gradients and features alone; as `__call__`."""
        images, masks, logits = self.variables.split(x)
        scale = 1 / (1 - self.update.rate)
        if self.masks is None:
            multipliers = [mask * scale for mask in masks]
        else:
            multipliers = [mask.squeeze(2) for mask in self.masks(evaluations, 1)]
        targets = logits.softmax(2) if self._targets is None else self._targets
        found = self._match(images, multipliers, targets)
        mask_slopes, logit_slope = [], logits
        if self.masks is None:
            mask_slopes = [scale * slope for slope in found.masks]
        if self.labels is None:
            mean = vecdot(targets, found.targets)[..., None]
            logit_slope = targets * (found.targets - mean)
        return found.loss, self.variables.join(found.images, mask_slopes, logit_slope)

    def _match(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> "Slopes":
        """The distance at images [B, n, ...], masks and probabilities of classes."""
        dummy = self._derivatives.gradients(images, masks, targets)
        distance = DISTANCES[self.attacker.distance].compute
        expected, transpose = self._expected(dummy)
        loss, direction = distance(self._scaled(expected), self._shared)
        slope = None
        if self._features is not None:
            value, slope = self._feature_distance(self._derivatives.features(), self._features)
            loss = loss + value
        by_image = self._derivatives.image_gradient(transpose(self._scaled(direction)), slope)
        by_mask = self._derivatives.mask_gradients() if self.masks is None else []
        by_target = self._derivatives.target_gradient() if self.labels is None else targets
        return Slopes(loss, by_image, by_target, by_mask)

    def _feature_distance(self, features: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean square of the differences [B, n, d] of those that are known, times its weight.

        Returns:
            [B], and its gradient by features.
        """
        difference = torch.where(known.isnan(), 0, features - known)
        share = self.attacker.features / difference[0].numel()
        return share * difference.square().sum((1, 2)), 2 * share * difference


class Slopes(NamedTuple):
    """A distance, [B], and its gradients, shaped as what they are for.

    Those for masks or targets may be missing, or anything, where these are not optimised.
    """

    loss: Tensor
    images: Tensor
    targets: Tensor
    masks: Sequence[Tensor]
