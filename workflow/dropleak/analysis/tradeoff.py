"""Privacy against utility: what an attack gets, and what dropout costs, at each rate."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak.analysis import accuracy, efficacy, statistics
from dropleak.analysis.chance import Chance
from dropleak.scoring import metrics
from dropleak.tables import parquet
from dropleak.tables.schemas import GUESSES, TRADEOFF

COLUMNS = ["client", "attacker", "rate", "image", "update", "rmse", "rmse_clipped"]
"""What is needed of the attacks."""


def guess_errors(train: pa.Table, attacked: pa.Table) -> pa.Table:
    """RMSE of a guess that needs no gradient, the mean training image, for each attacked image.

    An attack that is no closer has not found the pixels. It may still show an outline under noise.

    Args:
        train, attacked: image tables.

    Returns:
        a table with the columns `schemas.GUESSES`.
    """
    shape = parquet.metadata(train)["shape"]
    total = sum(
        parquet.decode_pixels(part["pixels"], shape).sum(0, dtype=np.float64)
        for part in train.to_batches(max_chunksize=4096)
    )
    guess = (total / len(train) / 255)[None]
    errors = [
        metrics.rmse(parquet.decode_pixels(part["pixels"], shape) / 255, guess)
        for part in attacked.to_batches(max_chunksize=1024)
    ]
    return parquet.build(GUESSES, {"image": attacked["index"], "rmse": np.concatenate(errors)})


def above_guess(attacks: pd.DataFrame, guesses: pa.Table) -> pd.Series:
    """By how much the clipped error of each attack exceeds that of the guess of the same image.

    Image by image, as one that is hard to guess is often hard to attack.
    """
    errors = pd.Series(guesses["rmse"].to_numpy(), guesses["image"].to_numpy())
    return attacks["rmse_clipped"] - attacks["image"].map(errors)


def weigh(
    attacks: pa.Table,
    summary: pa.Table,
    utility: pa.Table,
    guesses: pa.Table,
    chance: Chance,
    *,
    clients: Mapping[str, Mapping],
    tolerated_loss: float,
    success_rmse: float,
    seed: int,
) -> pa.Table:
    """Reconstruction error and test accuracy for every client, attacker and rate that has both.

    An attack that is closer than the guess has broken privacy, however it does without dropout. One
    that is not shows privacy only if it is known to succeed without (see `efficacy`).

    Args:
        attacks: with the columns `COLUMNS`.
        summary: with the columns `schemas.SUMMARY`.
        utility: with the columns `schemas.UTILITY`.
        guesses: with the columns `schemas.GUESSES`.
        chance: of the test images.
        clients: settings of each, by name.
        tolerated_loss: accuracy that a user would give up, from that at the lowest trained rate.
        success_rmse: an attack with a smaller RMSE is a success.
        seed: of the bootstrap.

    Returns:
        a table with the columns `schemas.TRADEOFF`.
    """
    final = accuracy.at_the_end(utility.to_pandas())
    accuracies = {
        name: accuracy.of_client(final, client).groupby("rate")["test_accuracy"].mean()
        for name, client in clients.items()
    }
    lowest = {name: float(own.iloc[0] - tolerated_loss) for name, own in accuracies.items()}
    errors = ["rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high"]
    frame = summary.select(["client", "attacker", "rate", *errors]).to_pandas()
    frame = frame.merge(pd.concat(accuracies, names=["client"]), on=["client", "rate"])
    tried = attacks.to_pandas()
    tried = tried.assign(above_guess=above_guess(tried, guesses))
    frame = frame.merge(_against_guess(tried, seed), on=["client", "attacker", "rate"])
    doubts: dict[str, dict[str, str | None]] = {name: {} for name in clients}
    for (client, attacker), own in tried.groupby(["client", "attacker"]):
        doubts[client][attacker] = efficacy.doubt(own, success_rmse, seed)
    broken = frame["above_guess_high"] < 0
    reasons = [
        None if broke else doubts[client][attacker]
        for client, attacker, broke in zip(frame["client"], frame["attacker"], broken, strict=True)
    ]
    frame["inconclusive"] = pd.Series(reasons, frame.index, dtype=object)
    private = (frame["above_guess_low"] > 0).astype(object)
    frame["private"] = private.where(frame["inconclusive"].isna(), None)
    frame["at_chance"] = frame["test_accuracy"].map(chance.explains).astype(bool)
    enough = frame["test_accuracy"] >= frame["client"].map(lowest).astype(float)
    frame["accurate"] = enough & ~frame["at_chance"]
    return parquet.build(
        TRADEOFF,
        # Arrays: of pandas Arrow would take nan, the interval of one image, for null.
        {name: frame[name].to_numpy() for name in TRADEOFF.names},
        guess_rmse=float(guesses["rmse"].to_numpy().mean()),
        chance=asdict(chance),
        lowest_accuracy=lowest,
        at_chance={
            name: [float(rate) for rate in own.index[own.map(chance.explains)]]
            for name, own in accuracies.items()
        },
        doubts=doubts,
    )


def _against_guess(attacks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mean of `above_guess` with its interval, for each client, attacker and rate."""
    rows, key = [], ["client", "attacker", "rate"]
    for group, own in attacks.groupby(key):
        # Images of an update were attacked together: only updates are independent.
        above = own.groupby("update")["above_guess"].mean().to_numpy()
        low, high = statistics.mean_interval(above, seed)
        rows.append((*group, above.mean(), low, high))
    names = ["above_guess", "above_guess_low", "above_guess_high"]
    return pd.DataFrame(rows, columns=[*key, *names])
