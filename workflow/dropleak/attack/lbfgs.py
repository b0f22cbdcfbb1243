"""L-BFGS on many independent problems at once, iterate for iterate that of `torch.optim.LBFGS`.

The two loops of the recursion (Nocedal and Wright, Numerical Optimization, algorithm 7.4) are
triangular solves in disguise. With S and Y the history's steps and gradient changes in rows, oldest
first, R the upper triangle of S Y^T, D its diagonal and gamma the scale of the initial inverse
Hessian:

    first loop    R a = S g,           q = g - Y^T a
    second loop   R^T c = D a - gamma Y q
    direction     -(gamma q + S^T c)

so that an iteration is a few batched products instead of 200 small operations.
"""

from collections.abc import Callable
from copy import copy
from enum import IntEnum

import torch
from torch import Tensor

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(x [B, N], evaluations so far, int64 [B]) -> loss [B] and gradient [B, N]."""


class Outcome(IntEnum):
    """How a problem's latest step ended."""

    ITERATION_LIMIT = 0
    STATIONARY = 1
    """No gradient entry exceeds `tolerance_grad`."""
    NO_PROGRESS = 2
    """Loss or variables changed by less than `tolerance_change`, or no descent was left."""
    NOT_FINITE = 3
    """Loss or gradient overflowed; `x` is the last finite iterate."""


class LBFGS:
    """Batched L-BFGS without line search; the arguments are those of `torch.optim.LBFGS`.

    A row of a batch never looks at another one: it has its own history, curvature tests and
    stopping. Like torch, a problem whose step ended on a tolerance goes on in the next step from
    the state it has. One whose values are no longer finite is left at its last finite iterate,
    where torch would fill it with NaN.

    Attributes:
        x: [B, N], the iterates.
        loss: [B], the loss at the latest evaluation.
        outcome: int64 [B], an `Outcome` each.
        iterations, evaluations: int64 [B], totals over all steps.
        idle: bool [B]; the latest step did not move x, nor would another one on the same function.
    """

    def __init__(
        self,
        x: Tensor,
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
    ):
        batch, size = x.shape
        self.lr, self.max_iter, self.history_size = lr, max_iter, history_size
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change
        self.x = x.clone()
        self.loss = x.new_full((batch,), torch.nan)
        self.outcome = torch.full((batch,), int(Outcome.ITERATION_LIMIT), device=x.device)
        self.iterations = torch.zeros(batch, dtype=torch.int64, device=x.device)
        self.evaluations = torch.zeros_like(self.iterations)
        self.idle = torch.zeros(batch, dtype=torch.bool, device=x.device)
        self._direction, self._step_size = torch.zeros_like(x), x.new_zeros(batch)
        self._previous_gradient = torch.zeros_like(x)
        self._scale = x.new_ones(batch)
        # A ring of the latest pairs for each problem, and every s_i . y_j of its slots.
        self._pairs = torch.zeros_like(self.iterations)
        self._s = x.new_zeros(batch, history_size, size)
        self._y = x.new_zeros(batch, history_size, size)
        self._sy = x.new_zeros(batch, history_size, history_size)

    def select(self, index: Tensor) -> "LBFGS":
        """The problems at `index` (int64 [K], or bool [B]) with all they have learnt so far."""
        chosen = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(chosen, name, value[index])
        return chosen

    def step(self, objective: Objective) -> Tensor:
        """Up to `max_iter` iterations of each problem; returns the loss at the start, [B]."""
        active = self.outcome != Outcome.NOT_FINITE
        self._end(active, Outcome.ITERATION_LIMIT)
        gradient, active = self._evaluate(objective, torch.zeros_like(self.x), active)
        initial_loss = self.loss
        self.idle = ~active
        for iteration in range(1, self.max_iter + 1):
            if not active.any():
                break
            first = self.iterations == 0
            self.iterations = self.iterations + active
            self._remember(gradient, active & ~first)
            direction = self._descent_direction(gradient)
            step_size = torch.full_like(self._step_size, self.lr)
            cautious = self.lr * (1.0 / gradient.abs().sum(1)).clamp(max=1.0)
            step_size = torch.where(first, cautious, step_size)
            self._direction = torch.where(active[:, None], direction, self._direction)
            self._step_size = torch.where(active, step_size, self._step_size)
            self._previous_gradient = torch.where(
                active[:, None], gradient, self._previous_gradient
            )

            slope = (gradient * direction).sum(1)
            no_descent = active & (slope > -self.tolerance_change)
            active = self._end(active, Outcome.NO_PROGRESS, no_descent)
            if iteration == 1:
                self.idle |= no_descent

            move = step_size[:, None] * direction
            x = self.x + move
            active = self._end(active, Outcome.NOT_FINITE, ~x.isfinite().all(1))
            self.x = torch.where(active[:, None], x, self.x)
            if iteration == self.max_iter:
                break

            previous_loss = self.loss
            gradient, active = self._evaluate(objective, gradient, active)
            small_move = move.abs().amax(1) <= self.tolerance_change
            small_change = (self.loss - previous_loss).abs() < self.tolerance_change
            active = self._end(active, Outcome.NO_PROGRESS, small_move | small_change)
        return initial_loss

    def _end(self, active: Tensor, outcome: Outcome, which: Tensor | None = None) -> Tensor:
        """Note the outcome of the active problems in `which` (or all); returns who is left."""
        ended = active if which is None else active & which
        self.outcome = torch.where(ended, int(outcome), self.outcome)
        return active & ~ended

    def _evaluate(
        self, objective: Objective, gradient: Tensor, active: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss and gradient of the active problems at x, and who may go on from there."""
        loss, fresh = objective(self.x, self.evaluations)
        self.evaluations = self.evaluations + active
        self.loss = torch.where(active, loss, self.loss)
        gradient = torch.where(active[:, None], fresh, gradient)
        finite = self.loss.isfinite() & gradient.isfinite().all(1)
        active = self._end(active, Outcome.NOT_FINITE, ~finite)
        stationary = gradient.abs().amax(1) <= self.tolerance_grad
        return gradient, self._end(active, Outcome.STATIONARY, stationary)

    def _remember(self, gradient: Tensor, candidates: Tensor) -> None:
        """Add the latest pair of those candidates whose curvature is positive to their history."""
        y = gradient - self._previous_gradient
        s = self._direction * self._step_size[:, None]
        curvature = (y * s).sum(1)
        rows = (candidates & (curvature > 1e-10)).nonzero().squeeze(1)
        slots = self._pairs[rows] % self.history_size
        self._s[rows, slots] = s[rows]
        self._y[rows, slots] = y[rows]
        self._sy[rows, :, slots] = _times(self._s, y)[rows]
        self._pairs[rows] += 1
        self._scale[rows] = curvature[rows] / (y * y).sum(1)[rows]

    def _descent_direction(self, gradient: Tensor) -> Tensor:
        """Minus the approximate inverse Hessian times the gradient, [B, N]."""
        age = torch.arange(self.history_size, device=gradient.device)
        filled = self._pairs.clamp(max=self.history_size)[:, None]
        order = (self._pairs[:, None] - filled + age) % self.history_size  # oldest first
        rows, columns = order[:, :, None].expand_as(self._sy), order[:, None, :]
        r = self._sy.gather(1, rows).gather(2, columns.expand_as(self._sy))
        r = r + torch.diag_embed((age >= filled).to(r))
        d = r.diagonal(dim1=1, dim2=2)
        by_age, by_slot = order, order.argsort(1)
        scale = self._scale[:, None]

        def solve(matrix: Tensor, right: Tensor, upper: bool) -> Tensor:
            return torch.linalg.solve_triangular(matrix, right[:, :, None], upper=upper).squeeze(2)

        a = solve(r, _times(self._s, gradient).gather(1, by_age), upper=True)
        q = gradient - _times(self._y.mT, a.gather(1, by_slot))
        c = d * a - scale * _times(self._y, q).gather(1, by_age)
        c = solve(r.mT, c, upper=False)
        return -(scale * q + _times(self._s.mT, c.gather(1, by_slot)))


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """[B, M, N] by [B, N] to [B, M].

    As a row from the left: on the CPU torch's batched product of a matrix and a column is up to
    20 times slower.
    """
    return (vectors[:, None, :] @ matrices.mT).squeeze(1)
