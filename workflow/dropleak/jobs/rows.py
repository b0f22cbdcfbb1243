"""Scored attacks as rows of the attacks table."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from dropleak.engine.attack.reconstruction import Reconstruction
from dropleak.scoring.score import Scores
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS


def attack_rows(
    images: pa.Table,
    reconstruction: Reconstruction,
    scores: Scores,
    identification: tuple[np.ndarray, int],
    constants: Mapping[str, object],
) -> pa.Table:
    """One row per image, with the columns `schemas.ATTACKS`.

    Args:
        images: rows of the image table, update by update.
        reconstruction, scores: of the attacks on them.
        identification: rank of each image, and the number of candidates.
        constants: columns that have the same value in all rows.
    """
    n, trajectory = reconstruction.images.shape[1], scores.trajectory
    indices = images["index"].to_pylist()

    def of_image(values: np.ndarray) -> np.ndarray:
        """Values [B, n, ...], by row."""
        return values.reshape(-1, *values.shape[2:])

    def of_client(values: Iterable) -> list:
        """B values, by row."""
        return [value for value in values for _ in range(n)]

    def constant(value: object) -> list:
        return [value] * len(images)

    ranks, candidates = identification
    agreement, claims = scores.mask_agreement, scores.mask_claims
    columns = {
        "image": indices,
        "update": of_client(indices[::n]),
        "label": images["label"],
        "label_inferred": of_image(scores.labels),
        "mask_claim": constant(None) if claims is None else of_image(claims),
        "mask_exact": constant(None) if agreement is None else of_image(agreement == 1),
        "mask_agreement": constant(None) if agreement is None else of_image(agreement),
        "status": of_client(map(str, reconstruction.status)),
        "iterations": of_client(reconstruction.iterations.tolist()),
        "evaluations": of_client(reconstruction.evaluations.tolist()),
        "loss": of_client(trajectory.loss[:, -1]),
        "restart": of_client(reconstruction.restart.tolist()),
        "rmse": of_image(trajectory.rmse[:, :, -1]),
        "rmse_clipped": of_image(scores.rmse_clipped),
        "psnr": of_image(scores.psnr),
        "ssim": of_image(scores.ssim),
        "identification_rank": ranks,
        "candidates": constant(candidates),
        "trajectory_iteration": constant(trajectory.iterations),
        "trajectory_loss": of_client(trajectory.loss),
        "trajectory_rmse": list(of_image(trajectory.rmse)),
        "trajectory_rmse_clipped": list(of_image(trajectory.rmse_clipped)),
        "trajectory_rmse_standardised": list(of_image(trajectory.rmse_standardised)),
        "trajectory_rmse_clipped_standardised": list(
            of_image(trajectory.rmse_clipped_standardised)
        ),
        "reconstruction": parquet.encode_pixels(of_image(scores.images)),
        **{name: constant(value) for name, value in constants.items()},
    }
    shape = parquet.metadata(images)["shape"]
    return parquet.build(ATTACKS, columns, shape=shape)
