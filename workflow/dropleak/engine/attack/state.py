"""The state of an attack between two steps, from which another process can resume it."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]

STATE_VERSION = 2
"""Version of the tensors in a state: raised when they are others, or mean something else."""


class CheckpointHook:
    """Saves and restores an attack's state. This one saves nothing."""

    def restore(self) -> Tensors | None:
        """The state saved last, on any device; None if there is none."""
        return None

    def save(self, state: Tensors) -> None:
        """Called after every step of the optimiser; later steps may change the tensors."""


class AttackState(NamedTuple):
    """The state of an attack."""

    done: int
    """Iterations done."""
    running: Tensor
    """Clients whose attacks continue, int64 [R]."""
    result: dict[str, Tensor]
    """Results so far of all clients."""
    optimiser: dict[str, Tensor]
    """State of the optimiser for the attacks that continue."""

    def tensors(self) -> Tensors:
        """The entire state as tensors by name."""
        return {
            "done": torch.tensor(self.done),
            "running": self.running,
            **{f"result.{name}": tensor for name, tensor in self.result.items()},
            **{f"optimiser.{name}": tensor for name, tensor in self.optimiser.items()},
        }

    @classmethod
    def of(cls, tensors: Tensors, device: torch.device) -> "AttackState":
        """The reverse of `tensors`."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): tensor.to(device)
                for name, tensor in tensors.items()
                if name.startswith(prefix)
            }

        running = tensors["running"].to(device)
        return cls(int(tensors["done"]), running, part("result."), part("optimiser."))
