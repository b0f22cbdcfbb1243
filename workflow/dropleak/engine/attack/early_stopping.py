"""Early stopping: attacks end on their loss, and the iterates with the lowest one are kept."""

import math

import torch
from torch import Tensor

from dropleak.engine.attack.attacker import Attacker


class EarlyStopping:
    """Compares the losses of B attacks at the start of each of the optimiser's steps.

    Without `patience` and `target_loss` it does nothing.

    Args:
        attacker: one of its attacks ends when its loss is below `target_loss`, or `patience`
            iterations after its lowest loss so far.
        result: the attacks' "x", [B, N], "loss", [B], and "stage", [B]. The lowest losses and their
            iterates are added to it, so that they are saved with the rest.

    Each stage of an attack counts for itself, as its loss is another function. An attack that would
    end before its last stage goes on to the next.
    """

    def __init__(self, attacker: Attacker, result: dict[str, Tensor]):
        self._patience = attacker.patience or math.inf
        self._target = attacker.target_loss
        self.active = attacker.patience is not None or attacker.target_loss > 0
        if self.active:
            result["best_x"] = result["x"].clone()
            result["best_loss"] = torch.full_like(result["loss"], torch.inf)
            result["best_iteration"] = torch.zeros_like(result["iterations"])
            result["best_stage"] = torch.zeros_like(result["stage"])

    def look(self, iteration: int, running: Tensor, result: dict[str, Tensor]) -> Tensor:
        """Compare the losses of some attacks (int64 [R]) with their lowest ones at this stage.

        Returns:
            which have done enough, bool [R].
        """
        if not self.active:
            return torch.zeros_like(running, dtype=torch.bool)
        stage = result["stage"][running]
        begun = running[stage > result["best_stage"][running]]
        result["best_stage"][running] = stage
        result["best_loss"][begun] = torch.inf
        result["best_iteration"][begun] = iteration
        lower = running[result["loss"][running] < result["best_loss"][running]]
        result["best_x"][lower] = result["x"][lower]
        result["best_loss"][lower] = result["loss"][lower]
        result["best_iteration"][lower] = iteration
        waited = iteration - result["best_iteration"][running]
        return (result["best_loss"][running] < self._target) | (waited >= self._patience)

    def keep_best(self, result: dict[str, Tensor]) -> None:
        """Replace the last iterates and their losses by the best ones."""
        if self.active:
            known = result["best_loss"].isfinite()
            result["x"][known] = result["best_x"][known]
            result["loss"][known] = result["best_loss"][known]
