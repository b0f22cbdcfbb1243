"""The checkpoint of an attack job: the attack's state, its trajectory and its time so far."""

import time

import torch

from dropleak.engine.attack.state import CheckpointHook, Tensors
from dropleak.runtime.checkpoint import Checkpoint
from dropleak.scoring.trajectory import TrajectoryObserver


class AttackCheckpoint(CheckpointHook):
    """Saves an attack to a file from time to time; make it when the attack begins."""

    def __init__(self, file: Checkpoint, observer: TrajectoryObserver):
        self._file, self._observer = file, observer
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time of the attack so far, without the time for observing it."""
        return time.perf_counter() - self._began - self._observer.seconds

    def restore(self) -> Tensors | None:
        state = self._file.load()
        if state:
            self._observer.restore(state)
            self._began -= float(state["seconds"])
            print(f"resuming after {int(state['done'])} iterations")
        return state

    def save(self, state: Tensors) -> None:
        if self._file.due:
            seconds = torch.tensor(self.seconds, dtype=torch.float64)
            tensors = {**state, **self._observer.state(), "seconds": seconds}
            self._file.write(tensors, f"{int(state['done'])} iterations")
