"""The strong Wolfe line search of `torch.optim.LBFGS` on many independent problems.

A step t along a descent direction d satisfies the conditions (Nocedal and Wright, Numerical
Optimization, equations 3.7) if with c1 = 1e-4 and c2 = 0.9

    f(x + t d) <= f(x) + c1 t f'(x) d        and        |f'(x + t d) d| <= c2 |f'(x) d|.

Steps grow until such a step is bracketed or found (algorithm 3.5); then the bracket shrinks
(algorithm 3.6), both by cubic interpolation. Problems that are done wait for the others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_C1, _C2 = 1e-4, 0.9


@dataclass(frozen=True)
class Points:
    """Points on B lines."""

    t: Tensor  # [B]
    loss: Tensor  # [B]
    gradient: Tensor  # [B, N]
    slope: Tensor  # [B], of the loss along the line

    def where(self, condition: Tensor, others: "Points") -> "Points":
        """These points where the condition (bool [B]) holds, others elsewhere."""
        return Points(
            torch.where(condition, self.t, others.t),
            torch.where(condition, self.loss, others.loss),
            torch.where(condition[:, None], self.gradient, others.gradient),
            torch.where(condition, self.slope, others.slope),
        )


Evaluate = Callable[[Tensor, Tensor], Points]
"""(t [B], lines to evaluate, bool [B]) -> the points at t. A loss that is not finite is +inf."""


def strong_wolfe(
    evaluate: Evaluate,
    start: Points,
    t: Tensor,
    lines: Tensor,
    limit: Tensor,
    width_limit: Tensor,
) -> Points:
    """A step that satisfies the conditions on each line, or the best one that was seen.

    Args:
        evaluate: the objective along the lines.
        start: the points at t = 0, with negative slopes.
        t: first steps to try, [B].
        lines: bool [B], the lines to search.
        limit: int64 [B], most evaluations on each line after the first one.
        width_limit: [B], width of a bracket at which its search ends.
    """

    def too_high(points: Points) -> Tensor:
        return points.loss > start.loss + _C1 * points.t * start.slope

    def flat(points: Points) -> Tensor:
        return points.slope.abs() <= -_C2 * start.slope

    # first, second: the ends of the bracket in torch's order, which decides between equal losses
    previous, new = start, evaluate(t, lines)
    first, second = start, new
    tries = torch.zeros_like(limit)
    growing, zooming = lines, torch.zeros_like(lines)
    satisfied, hesitant = torch.zeros_like(lines), torch.zeros_like(lines)
    while True:
        # A bracket from the steps so far, or a longer step.
        spent = growing & (tries >= limit)
        bracketed = too_high(new) | ((tries > 1) & (new.loss >= previous.loss))
        accepted = growing & ~spent & ~bracketed & flat(new)
        bracketed = growing & ~spent & ~accepted & (bracketed | (new.slope >= 0))
        first = start.where(spent, new.where(accepted, previous.where(bracketed, first)))
        second = new.where(growing, second)
        satisfied = satisfied | accepted
        growing = growing & ~(spent | accepted | bracketed)
        longer = _cubic_minimum(previous, new, new.t + 0.01 * (new.t - previous.t), 10 * new.t)

        # A step within the bracket.
        zooming = (zooming | bracketed) & ~satisfied & (tries < limit)
        zooming = zooming & ((second.t - first.t).abs() >= width_limit)
        left, right = torch.minimum(first.t, second.t), torch.maximum(first.t, second.t)
        inner, hesitant = _away_from_ends(
            _cubic_minimum(first, second, left, right), left, right, hesitant, zooming
        )

        trying = growing | zooming
        if not trying.any():
            break
        t = torch.where(growing, longer, inner)
        previous = new.where(growing, previous)
        tried = evaluate(t, trying)
        new = tried.where(trying, new)
        tries = tries + trying

        # The bracket around the better end.
        low_first = first.loss <= second.loss
        low, high = first.where(low_first, second), second.where(low_first, first)
        worse = zooming & (too_high(tried) | (tried.loss >= low.loss))
        better = zooming & ~worse
        satisfied = satisfied | (better & flat(tried))
        turned = better & ~flat(tried) & (tried.slope * (high.t - low.t) >= 0)
        low, high = tried.where(better, low), low.where(turned, tried.where(worse, high))
        first, second = low.where(low_first, high), high.where(low_first, low)
    return first.where(first.loss <= second.loss, second)


def _away_from_ends(
    t: Tensor, left: Tensor, right: Tensor, hesitant: Tensor, zooming: Tensor
) -> tuple[Tensor, Tensor]:
    """Steps moved inwards if they stay close to an end of the bracket for a second time.

    Returns:
        t [B], and whether it stayed close for the first time, bool [B].
    """
    margin = 0.1 * (right - left)
    close = torch.minimum(right - t, t - left) < margin
    move = close & (hesitant | (t >= right) | (t <= left))
    inwards = torch.where((t - right).abs() < (t - left).abs(), right - margin, left + margin)
    return torch.where(move, inwards, t), torch.where(zooming, close & ~move, hesitant)


def _cubic_minimum(a: Points, b: Points, low: Tensor, high: Tensor) -> Tensor:
    """Minimum of the cubics through two points (equation 3.59), kept within bounds, [B]."""
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1.square() - a.slope * b.slope
    d2 = square.clamp(min=0).sqrt()
    ordered = a.t <= b.t
    left, right = torch.where(ordered, a.t, b.t), torch.where(ordered, b.t, a.t)
    left_slope = torch.where(ordered, a.slope, b.slope)
    right_slope = torch.where(ordered, b.slope, a.slope)
    share = (right_slope + d2 - d1) / (right_slope - left_slope + 2 * d2)
    t = (right - (right - left) * share).clamp(low, high)
    return torch.where((square >= 0) & t.isfinite(), t, (low + high) / 2)
