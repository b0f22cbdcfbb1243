"""Errors of reconstructions while an attack runs."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from dropleak.engine.attack.state import Tensors
from dropleak.scoring import metrics


@dataclass(frozen=True)
class Trajectory:
    """T observations of the attacks on B clients with n images each, in the images' order."""

    iterations: list[int]  # T
    loss: np.ndarray  # [B, T]
    rmse: np.ndarray  # [B, n, T], as are the others
    rmse_standardised: np.ndarray
    rmse_clipped: np.ndarray
    rmse_clipped_standardised: np.ndarray
    order: np.ndarray  # int64 [B, n], index of each image's final reconstruction


class TrajectoryObserver:
    """Observes an attack from R starts; it knows the truth, which no attacker sees.

    Args:
        truth: private images, float64 [B, n, C, H, W] in [0, 1].
        std: of the channels, to standardise pixels, [C].
    """

    def __init__(self, truth: np.ndarray, std: np.ndarray):
        self._truth, self._scales = truth, (np.ones(()), std)
        self._iterations: list[int] = []
        self._losses: list[np.ndarray] = []
        """[R, B] each."""
        self._errors: list[np.ndarray] = []
        """[R, 4, B, n, n] each: RMSE and standardised RMSE, first of unclipped and then of clipped
        reconstructions; see `metrics.pairwise_rmse`."""
        self.seconds = 0.0
        """Time spent observing."""

    def observe(self, iteration: int, images: torch.Tensor, loss: torch.Tensor) -> None:
        """Measure the errors; see the observer of `reconstruct_best`."""
        began = time.perf_counter()
        errors = [
            metrics.pairwise_rmse(self._truth, start, self._scales)
            + metrics.pairwise_rmse(self._truth, metrics.clip(start), self._scales)
            for start in images.double().cpu().numpy()
        ]
        self._iterations.append(iteration)
        self._losses.append(loss.double().cpu().numpy())
        self._errors.append(np.stack(errors))
        self.seconds += time.perf_counter() - began

    def trajectory(self, restart: np.ndarray) -> Trajectory:
        """The trajectory of each client from the start that was kept (int64 [B])."""
        clients = np.arange(len(restart))
        errors = np.stack(self._errors, axis=-1)[restart, :, clients]  # [B, 4, n, n, T]
        order = metrics.assign(errors[:, 2, :, :, -1])
        errors = np.take_along_axis(errors, order[:, None, :, None, None], axis=3)
        loss = np.stack(self._losses, axis=-1)[restart, clients]
        rmse, standardised, clipped, clipped_standardised = errors[:, :, :, 0].swapaxes(0, 1)
        return Trajectory(
            self._iterations, loss, rmse, standardised, clipped, clipped_standardised, order
        )

    def state(self) -> Tensors:
        """The observations so far, for a checkpoint."""
        return {
            "trajectory.iterations": torch.tensor(self._iterations),
            "trajectory.losses": torch.from_numpy(np.stack(self._losses)),
            "trajectory.errors": torch.from_numpy(np.stack(self._errors)),
        }

    def restore(self, state: Tensors) -> None:
        """Resume from a checkpoint."""
        self._iterations = state["trajectory.iterations"].tolist()
        self._losses = list(state["trajectory.losses"].numpy())
        self._errors = list(state["trajectory.errors"].numpy())
