"""Privacy against utility: what an attack gets, and what dropout costs, at each rate."""

import numpy as np
import pyarrow as pa

from dropleak import metrics, tables
from dropleak.schemas import TRADEOFF


def guess_rmse(train: pa.Table, attacked: pa.Table) -> float:
    """Mean RMSE of a guess that needs no gradient: the mean training image.

    An attack that is no closer has not found the pixels. It may still show an outline under noise.

    Args:
        train, attacked: image tables.
    """
    shape = tables.metadata(train)["shape"]
    total = sum(
        tables.decode_pixels(part["pixels"], shape).sum(0, dtype=np.float64)
        for part in train.to_batches(max_chunksize=4096)
    )
    guess = (total / len(train) / 255)[None]
    errors = [
        metrics.rmse(tables.decode_pixels(part["pixels"], shape) / 255, guess)
        for part in attacked.to_batches(max_chunksize=1024)
    ]
    return float(np.concatenate(errors).mean())


def weigh(summary: pa.Table, utility: pa.Table, guess: float, tolerated_loss: float) -> pa.Table:
    """Reconstruction error and test accuracy for every attacker and rate that has both.

    Args:
        summary: with the columns `schemas.SUMMARY`.
        utility: with the columns `schemas.UTILITY`.
        guess: see `guess_rmse`.
        tolerated_loss: accuracy that a user would give up, from that at the lowest trained rate.

    Returns:
        a table with the columns `schemas.TRADEOFF`.
    """
    runs = utility.select(["rate", "epoch", "test_accuracy"]).to_pandas()
    final = runs[runs["epoch"] == runs["epoch"].max()]
    accuracy = final.groupby("rate")["test_accuracy"].mean()
    lowest = accuracy.iloc[0] - tolerated_loss
    errors = ["rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high"]
    frame = summary.select(["attacker", "rate", *errors]).to_pandas()
    frame = frame.merge(accuracy, left_on="rate", right_index=True)
    frame["private"] = frame["rmse_clipped_low"].fillna(frame["rmse_clipped_mean"]) > guess
    frame["accurate"] = frame["test_accuracy"] >= lowest
    return tables.build(
        TRADEOFF, frame[TRADEOFF.names], guess_rmse=guess, lowest_accuracy=float(lowest)
    )
