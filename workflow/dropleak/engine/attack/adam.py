"""Adam on many independent problems at once, step for step that of `torch.optim.Adam`."""

from collections.abc import Callable

import torch
from torch import Tensor

from dropleak.engine.attack.optimiser import Objective, Optimiser, Outcome

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8

STEPS_AT = (2.667, 1.6, 1.142)
"""Divisors of the budget for the iterations at which "steps" lowers the learning rate."""

FACTOR = 0.1
"""Factor by which the learning rate is lowered."""

PATIENCE, THRESHOLD = 800, 1e-4
"""For "plateau": iterations in which the loss must fall by this share of the lowest one."""


class Adam(Optimiser):
    """Batched Adam (Kingma and Ba 2015) with the additions of gradient inversion attacks.

    A problem whose loss or gradient is not finite stays at its last finite iterate. None is ever
    idle.

    Args:
        x: start, [B, N].
        lr: learning rate.
        iterations: the total budget, which "steps" divides.
        max_iter: iterations in a step.
        schedule: of the learning rate: "none"; "steps" (Geiping et al. 2020, in their code), as
            `torch.optim.lr_scheduler.MultiStepLR`; "plateau" (Scheliga et al. 2022, in their code),
            as `ReduceLROnPlateau` with patience 800 and eps 0.
        signed: only the signs of a gradient's first `signed` entries are used.
        project: called on x after each iteration, to change it in place.
    """

    def __init__(
        self,
        x: Tensor,
        lr: float,
        iterations: int,
        max_iter: int,
        schedule: str = "none",
        signed: int = 0,
        project: Callable[[Tensor], None] = lambda x: None,
    ):
        super().__init__(x)
        self.max_iter, self.schedule = max_iter, schedule
        self.signed, self.project = signed, project
        self.milestones = [iterations // part for part in STEPS_AT]
        self.lr = x.new_full((len(x),), lr)
        self._mean, self._square = torch.zeros_like(x), torch.zeros_like(x)
        self._lowest = x.new_full((len(x),), torch.inf)
        self._waited = torch.zeros_like(self.iterations)

    def step(self, objective: Objective) -> Tensor:
        """`max_iter` iterations of each problem; returns the loss at the start, [B]."""
        for iteration in range(self.max_iter):
            active = self.outcome != Outcome.NOT_FINITE
            loss, gradient = objective(self.x, self.evaluations)
            self.evaluations = self.evaluations + active
            self.loss = torch.where(active, loss, self.loss)
            if iteration == 0:
                initial_loss = self.loss
            finite = loss.isfinite() & gradient.isfinite().all(1)
            self.outcome = torch.where(active & ~finite, int(Outcome.NOT_FINITE), self.outcome)
            active = active & finite
            self.iterations = self.iterations + active
            gradient[:, : self.signed].sign_()
            x = self.x + self._move(gradient)
            self.project(x)
            self.x = torch.where(active[:, None], x, self.x)
            self._lower_rate(loss)
        return initial_loss

    def _move(self, gradient: Tensor) -> Tensor:
        """Algorithm 1 of the paper."""
        count = self.iterations[:, None].clamp(min=1).to(gradient)
        self._mean = self._mean.lerp(gradient, 1 - _BETA1)
        self._square = torch.addcmul(_BETA2 * self._square, gradient, gradient, value=1 - _BETA2)
        size = self._square.sqrt() / (1 - _BETA2**count).sqrt() + _EPSILON
        return -self.lr[:, None] / (1 - _BETA1**count) * self._mean / size

    def _lower_rate(self, loss: Tensor) -> None:
        if self.schedule == "steps":
            due = torch.stack([self.iterations == step for step in self.milestones]).any(0)
            self.lr = torch.where(due, FACTOR * self.lr, self.lr)
        elif self.schedule == "plateau":
            better = loss < self._lowest * (1 - THRESHOLD)
            self._lowest = torch.where(better, loss, self._lowest)
            self._waited = torch.where(better, 0, self._waited + 1)
            due = self._waited > PATIENCE
            self.lr = torch.where(due, FACTOR * self.lr, self.lr)
            self._waited = torch.where(due, 0, self._waited)
