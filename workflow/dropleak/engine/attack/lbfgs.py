"""L-BFGS on many independent problems at once, iterate for iterate that of `torch.optim.LBFGS`.

The two loops of the recursion (Nocedal and Wright, Numerical Optimization, algorithm 7.4) are
triangular solves in disguise. With S and Y the history's steps and gradient changes in rows, oldest
first, R the upper triangle of S Y^T, D its diagonal and gamma the scale of the initial inverse
Hessian:

    first loop    R a = S g,           q = g - Y^T a
    second loop   R^T c = gamma Y q - D a
    direction     S^T c - gamma q

so an iteration is a few batched products instead of 200 small operations.

The inverse of R is kept from iteration to iteration. When the oldest pair leaves, it loses its
first row and column; a new pair with r = S y and rho = s . y adds the column (-R^-1 r, 1) / rho.
Rows and columns are in the order of the ring's slots, so nothing is ever sorted.
"""

import torch
from torch import Tensor
from torch.linalg import vecdot

from dropleak.engine.attack.line_search import Points, strong_wolfe
from dropleak.engine.attack.optimiser import Objective, Optimiser, Outcome


class LBFGS(Optimiser):
    """Batched L-BFGS; the arguments are those of `torch.optim.LBFGS`.

    Problems are independent: each has its own history, curvature tests and stopping. As in torch, a
    problem whose step ended on a tolerance continues in the next step from its state, and a step
    with a line search ends when max_iter * 5 / 4 evaluations are used up. A problem whose values
    are no longer finite stays at its last finite iterate, where torch would fill it with NaN.

    `idle` is set where the latest step did not move x and another one on the same function would
    not either.
    """

    def __init__(
        self,
        x: Tensor,
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search: bool = False,
    ):
        super().__init__(x)
        batch, size = x.shape
        self.line_search = line_search
        self.lr, self.max_iter, self.history_size = lr, max_iter, history_size
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change
        self._move, self._previous_gradient = torch.zeros_like(x), torch.zeros_like(x)
        # A ring of the latest pairs for each problem.
        self._pairs = torch.zeros_like(self.iterations)
        self._s = x.new_zeros(batch, history_size, size)
        self._y = x.new_zeros(batch, history_size, size)
        self._curvature = x.new_zeros(batch, history_size)  # s . y of the pairs
        self._scale = x.new_ones(batch, 1)
        self._make_room()

    def _make_room(self) -> None:
        """Allocate what this implementation keeps beside the pairs: the inverse of R by slots."""
        self._inverse = self.x.new_zeros(len(self.x), self.history_size, self.history_size)

    @property
    def max_eval(self) -> int:
        """Evaluations in a step with a line search, beyond which no new iteration begins."""
        return self.max_iter * 5 // 4

    def step(self, objective: Objective) -> Tensor:
        """Up to `max_iter` iterations of each problem; returns the loss at the start, [B]."""
        active = self.outcome != Outcome.NOT_FINITE
        self.outcome = torch.where(active, int(Outcome.ITERATION_LIMIT), self.outcome)
        evaluations_before = self.evaluations
        gradient, finite, stationary = self._evaluate(objective, active)
        initial_loss = self.loss
        active = self._stop(active, not_finite=~finite, stationary=stationary)
        self.idle = ~active
        for iteration in range(1, self.max_iter + 1):
            # To ask makes the host wait for a GPU; iterations after all have ended change nothing.
            if iteration.bit_count() == 1 and not active.any():
                break
            first = self.iterations == 0
            self.iterations = self.iterations + active
            products = self._remember(gradient, active & ~first)
            direction = self._descent_direction(gradient, products)
            t = torch.full_like(self.loss, self.lr)
            if iteration == 1:
                cautious = (1.0 / gradient.abs().sum(1)).clamp(max=1.0)
                t = torch.where(first, cautious * self.lr, t)
            self._previous_gradient = torch.where(
                active[:, None], gradient, self._previous_gradient
            )
            slope = vecdot(gradient, direction)
            no_descent = slope > -self.tolerance_change
            if iteration == 1:
                self.idle |= no_descent
            previous_loss, moving = self.loss, active & ~no_descent
            last = iteration == self.max_iter
            if self.line_search:
                not_finite = active & ~slope.isfinite()
                left = self.max_eval - (self.evaluations - evaluations_before)
                start = Points(torch.zeros_like(t), self.loss, gradient, slope)
                t, gradient = self._search(
                    objective, start, direction, t, moving & ~not_finite, left
                )
            else:
                gradient, not_finite = self._leap(
                    objective, gradient, t[:, None] * direction, moving, last
                )
            move = t[:, None] * direction
            self._move = torch.where(active[:, None], move, self._move)
            if iteration == 1:
                self.idle |= moving & (t == 0)
            if last:
                self._stop(active, not_finite, no_progress=no_descent)
                break
            active = active & (self.evaluations - evaluations_before < self.max_eval)
            small_move = _largest(move) <= self.tolerance_change
            small_change = (self.loss - previous_loss).abs() < self.tolerance_change
            active = self._stop(
                active,
                not_finite,
                stationary=moving & (_largest(gradient) <= self.tolerance_grad),
                no_progress=no_descent | small_move | small_change,
            )
        return initial_loss

    def _leap(
        self, objective: Objective, gradient: Tensor, move: Tensor, moving: Tensor, last: bool
    ) -> tuple[Tensor, Tensor]:
        """Move some problems (bool [B]) and evaluate there, unless this is a step's last iteration.

        Returns:
            the gradient, [B, N], and where it, the loss or x are not finite, bool [B].
        """
        x = self.x + move
        overflow = moving & ~_largest(x).isfinite()
        moved = moving & ~overflow
        self.x = torch.where(moved[:, None], x, self.x)
        if last:
            return gradient, overflow
        gradient, finite, _ = self._evaluate(objective, moved)
        return gradient, overflow | (moved & ~finite)

    def _search(
        self,
        objective: Objective,
        start: Points,
        direction: Tensor,
        t: Tensor,
        moving: Tensor,
        left: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Move along the directions of some problems (bool [B]) by a line search.

        Args:
            start: where they are.
            t: first steps to try, [B].
            left: evaluations in this step of the optimiser, int64 [B].

        Returns:
            the steps, [B], and the gradients there, [B, N].
        """
        origin = self.x

        def evaluate(t: Tensor, lines: Tensor) -> Points:
            self.x = torch.where(lines[:, None], origin + t[:, None] * direction, origin)
            loss, gradient = objective(self.x, self.evaluations)
            self.evaluations = self.evaluations + lines
            finite = loss.isfinite() & _largest(gradient).isfinite()
            return Points(
                t, torch.where(finite, loss, torch.inf), gradient, vecdot(gradient, direction)
            )

        narrow = self.tolerance_change / _largest(direction)
        best = strong_wolfe(evaluate, start, t, moving, left, narrow).where(moving, start)
        self.x = torch.where(moving[:, None], origin + best.t[:, None] * direction, origin)
        self.loss = best.loss
        return torch.where(moving, best.t, t), best.gradient

    def _evaluate(self, objective: Objective, moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate at x, where some problems (bool [B]) have moved to.

        Returns:
            gradient [B, N]; whether it and the loss are finite, bool [B]; whether no entry of it
            exceeds the tolerance, bool [B].
        """
        loss, gradient = objective(self.x, self.evaluations)
        self.evaluations = self.evaluations + moved
        self.loss = torch.where(moved, loss, self.loss)
        largest = _largest(gradient)
        return gradient, loss.isfinite() & largest.isfinite(), largest <= self.tolerance_grad

    def _stop(
        self,
        active: Tensor,
        not_finite: Tensor,
        stationary: Tensor | bool = False,
        no_progress: Tensor | bool = False,
    ) -> Tensor:
        """Record the outcomes of active problems that end (bool [B] each); returns the others."""
        outcome = torch.where(not_finite, int(Outcome.NOT_FINITE), int(Outcome.NO_PROGRESS))
        outcome = torch.where(stationary & ~not_finite, int(Outcome.STATIONARY), outcome)
        ended = active & (not_finite | stationary | no_progress)
        self.outcome = torch.where(ended, outcome, self.outcome)
        return active & ~ended

    def _remember(self, gradient: Tensor, candidates: Tensor) -> Tensor:
        """Add the latest pair of those candidates (bool [B]) whose curvature is positive.

        Returns:
            products of the steps in the rings with the gradient, [B, history_size].
        """
        s, y = self._move, gradient - self._previous_gradient
        curvature = vecdot(y, s)[:, None]
        fit = candidates[:, None] & (curvature > 1e-10)
        problems, slot = torch.arange(len(s), device=s.device), self._pairs % self.history_size
        newest = torch.arange(self.history_size, device=s.device) == slot[:, None]

        def put(ring: Tensor, place: tuple[Tensor | slice, ...], values: Tensor | int) -> None:
            ring[place] = torch.where(fit, values, ring[place])

        put(self._s, (problems, slot), s)
        put(self._y, (problems, slot), y)
        # Both in one product, as S is long to read.
        sy, sg = (torch.stack([y, gradient], 1) @ self._s.mT).unbind(1)
        column = -_times(self._inverse, sy.masked_fill(newest, 0))
        put(self._inverse, (problems, slot), 0)
        put(self._inverse, (problems, slice(None), slot), column.masked_fill(newest, 1) / curvature)
        self._curvature = torch.where(newest & fit, curvature, self._curvature)
        self._pairs = self._pairs + fit[:, 0]
        self._scale = torch.where(fit, curvature / vecdot(y, y)[:, None], self._scale)
        return sg

    def _descent_direction(self, gradient: Tensor, sg: Tensor) -> Tensor:
        """Minus the approximate inverse Hessian times the gradient, [B, N].

        Args:
            gradient: [B, N].
            sg: what `_remember` returns for it.
        """
        a = _times(self._inverse, sg)
        q = gradient - _times(self._y.mT, a)
        c = self._scale * _times(self._y, q) - self._curvature * a
        c = _times(self._inverse.mT, c)
        return _times(self._s.mT, c).addcmul(self._scale, q, value=-1)


def _largest(vectors: Tensor) -> Tensor:
    """The largest magnitude in each row of [B, N], or NaN where there is one."""
    return vectors.abs().amax(1)


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """[B, M, N] by [B, N] to [B, M].

    As a product with rows from the left: on the CPU torch's batched product of a matrix and a
    column is up to 20 times slower.
    """
    return (vectors[:, None, :] @ matrices.mT).squeeze(1)
