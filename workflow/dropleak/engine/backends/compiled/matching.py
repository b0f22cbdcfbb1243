"""The compiled objective."""

import ctypes
from functools import cached_property

import torch
from torch import Tensor

from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.backends import compiled
from dropleak.engine.backends.compiled.structures import Matching, Problems, Variation
from dropleak.engine.models.parameters import rows

COMPILED_DISTANCES = ("euclidean", "cosine")


def _library(like: Tensor) -> ctypes.CDLL:
    library = compiled.find(like)
    assert library is not None  # or another backend had been chosen
    return library


class CompiledMatching(GradientMatching):
    """Gradient matching, and steps of the optimiser on it, by `matching.c`."""

    @cached_property
    def _weights(self) -> Tensor:
        return rows(self.update.parameters, len(self.update))

    def match(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        x = x.contiguous()
        loss, gradient = x.new_empty(len(x)), torch.empty_like(x)
        addresses = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, loss, gradient))
        matching = ctypes.byref(self._matching(evaluations, 1))
        size = ctypes.c_long(x.shape[1])
        _library(x).matching_evaluate(len(x), size, matching, *addresses)
        return loss, gradient

    def step(self, problems: Problems, evaluations: Tensor) -> None:
        """Up to `problems.max_iter` iterations of L-BFGS on each problem.

        Args:
            problems: their state, which is changed.
            evaluations: int64 [B], how often each has been evaluated before.
        """
        matching = self._matching(evaluations, problems.max_iter)
        library = _library(self._weights)
        images, (channels, height, width) = self.variables.images, self.variables.image
        prior = Variation(
            planes=images * channels,
            height=height,
            width=width,
            smoothing=self.attacker.total_variation_smoothing,
            weight=self.total_variation,
        )
        library.matching_step(*map(ctypes.byref, (problems, matching, prior)))

    def _matching(self, evaluations: Tensor, count: int) -> Matching:
        """The structure for `count` evaluations of each problem."""
        masks = None
        if self.masks is not None:
            sites = [mask.flatten(3) for mask in self.masks(evaluations, count)]
            none = self._weights.new_empty(len(evaluations), self.update.images_per_update, 1, 0)
            masks = torch.cat(sites, 3) if sites else none
        return Matching.of(
            self.update,
            self._weights,
            self._scale,
            self._shared,
            self._features,
            self.labels,
            masks,
            self.attacker,
        )
