"""The base of optimisers that work on many independent problems at once."""

from collections.abc import Callable, Mapping
from copy import copy
from enum import IntEnum
from typing import Self

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
    STOPPED = 4
    """The attack ended on its loss, see `early_stopping`. No optimiser says so itself."""


class Optimiser:
    """A batch of independent problems.

    Attributes:
        x: [B, N], the iterates.
        loss: [B], the loss at x; or where x was before its latest move, if a step moves it last
            without evaluating it again.
        outcome: int64 [B], an `Outcome` each.
        iterations, evaluations: int64 [B], totals over all steps.
        idle: bool [B]; no further step would move x.
    """

    def __init__(self, x: Tensor):
        self.x = x.clone()
        self.loss = x.new_full((len(x),), torch.nan)
        self.outcome = torch.full((len(x),), int(Outcome.ITERATION_LIMIT), device=x.device)
        self.iterations = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self.evaluations = torch.zeros_like(self.iterations)
        self.idle = torch.zeros(len(x), dtype=torch.bool, device=x.device)

    @property
    def state(self) -> dict[str, Tensor]:
        """Everything that steps change, with a row per problem in each tensor."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def with_state(self, state: Mapping[str, Tensor]) -> Self:
        """The same optimiser for other problems, with their state."""
        other = copy(self)
        vars(other).update(state)
        return other

    def select(self, index: Tensor) -> Self:
        """The problems at `index` (int64 [K], or bool [B]) with their state."""
        return self.with_state({name: value[index] for name, value in self.state.items()})

    def step(self, objective: Objective) -> Tensor:
        """Some iterations of each problem; returns the loss at the start, [B]."""
        raise NotImplementedError
