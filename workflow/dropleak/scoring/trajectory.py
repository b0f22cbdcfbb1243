"""How close reconstructions come to the private images on the way, as metrics see it."""

import time

import numpy as np
import torch

from dropleak.engine.attack.state import Keeper, State
from dropleak.runtime.checkpoint import Checkpoint
from dropleak.scoring import metrics


class Trajectory:
    """Observes an attack.

    Args:
        truth: private images of B clients with n images each, float64 [B, n, C, H, W] in [0, 1].
        std: by which to standardise pixels, [C].
    """

    def __init__(self, truth: np.ndarray, std: np.ndarray):
        self._truth, self._scales = truth, (np.ones(()), std)
        self.iterations: list[int] = []
        self.losses: list[np.ndarray] = []
        """[R, B] each: of every start."""
        self.errors: list[np.ndarray] = []
        """[R, 4, B, n, n] each: RMSE and standardised RMSE of reconstructions as they are, and of
        clipped ones; see `metrics.pairwise_rmse`."""
        self.seconds = 0.0
        """Time that this took."""

    def observe(self, iteration: int, guesses: torch.Tensor, loss: torch.Tensor) -> None:
        """Take down where the attack is; arguments as of `reconstruct.Observer`."""
        began = time.perf_counter()
        runs = guesses.double().cpu().numpy().reshape(-1, *self._truth.shape)
        errors = [
            metrics.pairwise_rmse(self._truth, run, self._scales)
            + metrics.pairwise_rmse(self._truth, metrics.clip(run), self._scales)
            for run in runs
        ]
        self.iterations.append(iteration)
        self.losses.append(loss.double().cpu().numpy().reshape(len(runs), -1))
        self.errors.append(np.stack(errors))
        self.seconds += time.perf_counter() - began

    def state(self) -> State:
        """What has been seen so far, to be kept."""
        return {
            "trajectory.iterations": torch.tensor(self.iterations),
            "trajectory.losses": torch.from_numpy(np.stack(self.losses)),
            "trajectory.errors": torch.from_numpy(np.stack(self.errors)),
        }

    def restore(self, state: State) -> None:
        """Go on from what was kept."""
        self.iterations = state["trajectory.iterations"].tolist()
        self.losses = list(state["trajectory.losses"].numpy())
        self.errors = list(state["trajectory.errors"].numpy())


class TrajectoryKeeper(Keeper):
    """Keeps an attack together with its trajectory and the time that it took, from now on."""

    def __init__(self, checkpoint: Checkpoint | None, trajectory: Trajectory):
        self._checkpoint, self._trajectory = checkpoint, trajectory
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time of the attack so far, without what its observation took."""
        return time.perf_counter() - self._began - self._trajectory.seconds

    def restore(self) -> State | None:
        state = self._checkpoint and self._checkpoint.load()
        if state:
            self._trajectory.restore(state)
            self._began -= float(state["seconds"])
            print(f"going on after {int(state['done'])} iterations that were done before")
        return state

    def offer(self, state: State) -> None:
        if self._checkpoint and self._checkpoint.due:
            seconds = torch.tensor(self.seconds, dtype=torch.float64)
            everything = {**state, **self._trajectory.state(), "seconds": seconds}
            self._checkpoint.write(everything, f"{int(state['done'])} iterations")
