"""The compiled optimiser."""

import torch
from torch import Tensor

from dropleak.engine.attack.lbfgs import LBFGS
from dropleak.engine.backends.compiled.matching import CompiledMatching
from dropleak.engine.backends.compiled.structures import Problems


class CompiledLBFGS(LBFGS):
    """The optimiser by `lbfgs.c`, for a compiled objective."""

    def _make_room(self) -> None:
        """C solves for each problem in turn, without an inverse."""

    def step(  # type: ignore[override]  # it optimises nothing but the compiled objective
        self, objective: CompiledMatching
    ) -> Tensor:
        first_loss = torch.empty_like(self.loss)
        problems = Problems(
            batch=len(self.x),
            history=self.history_size,
            max_iter=self.max_iter,
            size=self.x.shape[1],
            line_search=self.line_search,
            lr=self.lr,
            tolerance_grad=self.tolerance_grad,
            tolerance_change=self.tolerance_change,
            x=self.x,
            move=self._move,
            previous_gradient=self._previous_gradient,
            s=self._s,
            y=self._y,
            curvature=self._curvature,
            scale=self._scale,
            loss=self.loss,
            first_loss=first_loss,
            pairs=self._pairs,
            outcome=self.outcome,
            iterations=self.iterations,
            evaluations=self.evaluations,
            idle=self.idle,
        )
        objective.step(problems, self.evaluations)
        return first_loss
