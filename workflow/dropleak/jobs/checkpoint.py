"""What an attack job saves: the attack's state with its trajectory and the time it took."""

import time

import torch

from dropleak.engine.attack.state import CheckpointHook, Tensors
from dropleak.runtime.checkpoint import Checkpoint
from dropleak.scoring.trajectory import TrajectoryObserver


class AttackCheckpoint(CheckpointHook):
    """Saves to a file now and then; an attack begins when this is made."""

    def __init__(self, file: Checkpoint, observer: TrajectoryObserver):
        self._file, self._observer = file, observer
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time of the attack so far, without what its observation took."""
        return time.perf_counter() - self._began - self._observer.seconds

    def restore(self) -> Tensors | None:
        state = self._file.load()
        if state:
            self._observer.restore(state)
            self._began -= float(state["seconds"])
            print(f"resuming after {int(state['done'])} iterations that were done before")
        return state

    def save(self, state: Tensors) -> None:
        if self._file.due:
            seconds = torch.tensor(self.seconds, dtype=torch.float64)
            everything = {**state, **self._observer.state(), "seconds": seconds}
            self._file.write(everything, f"{int(state['done'])} iterations")
