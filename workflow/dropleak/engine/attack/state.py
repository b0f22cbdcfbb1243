"""Where an attack stands between two steps, so that another process can go on from there."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

State = Mapping[str, Tensor]


class Keeper:
    """Keeps where an attack stands. This one does not."""

    def restore(self) -> State | None:
        """What was kept last, on any device; None if nothing was."""
        return None

    def offer(self, state: State) -> None:
        """Called after every step of the optimiser with what may be kept, which changes later."""


class Standing(NamedTuple):
    """Where an attack stands."""

    done: int
    """Iterations."""
    running: Tensor
    """Which attacks are still going on, int64 [R]."""
    result: dict[str, Tensor]
    """What has been found, of all attacks."""
    optimiser: dict[str, Tensor]
    """The optimiser's state, of those that are going on."""

    def state(self) -> State:
        """All of it by name."""
        return {
            "done": torch.tensor(self.done),
            "running": self.running,
            **{f"result.{name}": tensor for name, tensor in self.result.items()},
            **{f"optimiser.{name}": tensor for name, tensor in self.optimiser.items()},
        }

    @classmethod
    def of(cls, state: State, device: torch.device) -> "Standing":
        """The reverse."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): tensor.to(device)
                for name, tensor in state.items()
                if name.startswith(prefix)
            }

        running = state["running"].to(device)
        return cls(int(state["done"]), running, part("result."), part("optimiser."))
