"""The compiled objective."""

import ctypes

import torch
from torch import Tensor

from dropleak.attack import compiled
from dropleak.attack.compiled.structures import Matching, Problems
from dropleak.attack.objective import GradientMatching


class CompiledMatching(GradientMatching):
    """Gradient matching, and steps of the optimiser on it, by `matching.c`."""

    def __call__(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        x = x.contiguous()
        loss, gradient = x.new_empty(len(x)), torch.empty_like(x)
        addresses = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, loss, gradient))
        matching = self._matching(evaluations, 1)
        compiled.find(x).matching_evaluate(len(x), ctypes.byref(matching), *addresses)
        return loss, gradient

    def step(self, problems: Problems, evaluations: Tensor) -> None:
        """Up to `problems.max_iter` iterations of L-BFGS on each problem.

        Args:
            problems: their state, which is changed.
            evaluations: int64 [B], how often each has been evaluated before.
        """
        matching = self._matching(evaluations, problems.max_iter)
        library = compiled.find(self._weights)
        library.matching_step(ctypes.byref(problems), ctypes.byref(matching))

    def _matching(self, evaluations: Tensor, count: int) -> Matching:
        """The structure for `count` evaluations of each problem."""
        masks = [mask.flatten(2) for mask in self._masks(evaluations, count)]
        none = self._weights.new_empty(len(evaluations), 1, 0)
        return Matching.of(
            self.update.network,
            self._weights,
            self._shared,
            self.labels,
            torch.cat(masks, 2) if masks else none,
        )
