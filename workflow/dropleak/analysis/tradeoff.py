"""Privacy against utility: reconstruction error and test accuracy at each rate."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak.analysis import accuracy, efficacy, statistics, twins
from dropleak.analysis.chance import Chance
from dropleak.scoring import metrics
from dropleak.tables import parquet
from dropleak.tables.schemas import MEAN_IMAGE, TRADEOFF

COLUMNS = [
    *("client", "attacker", "dropout_rate", "image", "update", "status", "rmse", "rmse_clipped"),
]
"""The columns of the attacks that are needed."""


def mean_image_errors(train: pa.Table, attacked: pa.Table) -> pa.Table:
    """RMSE of the mean training image, a baseline that needs no gradient, for each attacked image.

    An attack that is no closer has not found the pixels, but may still show an outline under noise.

    Args:
        train, attacked: image tables.

    Returns:
        a table with the columns `schemas.MEAN_IMAGE`.
    """
    shape = parquet.metadata(train)["shape"]
    total = sum(
        parquet.decode_pixels(part["pixels"], shape).sum(0, dtype=np.float64)
        for part in train.to_batches(max_chunksize=4096)
    )
    mean = (total / len(train) / 255)[None]
    errors = [
        metrics.rmse(parquet.decode_pixels(part["pixels"], shape) / 255, mean)
        for part in attacked.to_batches(max_chunksize=1024)
    ]
    return parquet.build(MEAN_IMAGE, {"image": attacked["index"], "rmse": np.concatenate(errors)})


def above_mean_image(attacks: pd.DataFrame, mean_image: pa.Table) -> pd.Series:
    """How much the clipped error of each attack exceeds the mean image's on the same image.

    Paired, because an image that is far from the mean is often hard to attack.
    """
    errors = pd.Series(mean_image["rmse"].to_numpy(), mean_image["image"].to_numpy())
    return attacks["rmse_clipped"] - attacks["image"].map(errors)


def compute_tradeoff(
    attacks: pa.Table,
    summary: pa.Table,
    utility: pa.Table,
    mean_image: pa.Table,
    chance: Chance,
    *,
    clients: Mapping[str, Mapping],
    tolerated_loss: float,
    success_rmse: float,
) -> pa.Table:
    """Reconstruction error and test accuracy for every client, attacker and rate that has both.

    An attack that comes closer than the mean image breaks privacy, whatever it does without a
    defence. One that does not shows privacy only if it is known to succeed without one (see
    `efficacy`).

    Args:
        attacks: with the columns `COLUMNS`.
        summary: with the columns `schemas.SUMMARY`.
        utility: with the columns `schemas.UTILITY`.
        mean_image: with the columns `schemas.MEAN_IMAGE`.
        chance: of the test images.
        clients: their settings by name.
        tolerated_loss: accuracy that a user would give up, compared with the lowest trained rate,
            without the client's defence if that was trained too.
        success_rmse: an attack with a smaller RMSE is a success.

    Returns:
        a table with the columns `schemas.TRADEOFF`.
    """
    runs = utility.to_pandas()
    accuracies = {}
    for name, client in clients.items():
        final = accuracy.last_epoch(accuracy.of_client(runs, client))
        accuracies[name] = final.groupby("dropout_rate")["test_accuracy"].mean()
    undefended = {name: twins.undefended(name, clients) for name in clients}
    lowest = {
        name: float(accuracies[twin or name].iloc[0] - tolerated_loss)
        for name, twin in undefended.items()
    }
    means = ["rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high"]
    frame = summary.select(["client", "attacker", "dropout_rate", *means]).to_pandas()
    frame = frame.merge(pd.concat(accuracies, names=["client"]), on=["client", "dropout_rate"])
    errors = attacks.to_pandas()
    errors = errors.assign(above_mean_image=above_mean_image(errors, mean_image))
    key = ["client", "attacker", "dropout_rate"]
    frame = frame.merge(_against_mean_image(errors, key), on=key)
    doubts: dict[str, dict[str, str | None]] = {name: {} for name in clients}
    by_attack = dict(tuple(errors.groupby(["client", "attacker"])))
    for (client, attacker), rows in by_attack.items():
        without = by_attack.get((undefended[client], attacker), errors.iloc[:0])
        doubts[client][attacker] = efficacy.doubt(rows, without, success_rmse)
    broken = frame["above_mean_image_high"] < 0
    reasons = [
        None if broke else doubts[client][attacker]
        for client, attacker, broke in zip(frame["client"], frame["attacker"], broken, strict=True)
    ]
    frame["inconclusive"] = pd.Series(reasons, frame.index, dtype=object)
    private = (frame["above_mean_image_low"] > 0).astype(object)
    frame["private"] = private.where(frame["inconclusive"].isna(), None)
    epochs = (clients[name]["epochs"] for name in frame["client"])
    frame["epochs"] = pd.Series([*epochs], frame.index, dtype=object)
    frame["at_chance"] = frame["test_accuracy"].map(chance.explains).astype(bool)
    enough = frame["test_accuracy"] >= frame["client"].map(lowest).astype(float)
    frame["accurate"] = enough & ~frame["at_chance"]
    return parquet.build(
        TRADEOFF,
        # Arrays, because Arrow takes nan in pandas, the interval of one image, for null.
        {name: frame[name].to_numpy() for name in TRADEOFF.names},
        mean_image_rmse=float(mean_image["rmse"].to_numpy().mean()),
        chance=asdict(chance),
        lowest_accuracy=lowest,
        at_chance={
            name: [float(rate) for rate in by_rate.index[by_rate.map(chance.explains)]]
            for name, by_rate in accuracies.items()
        },
        doubts=doubts,
    )


def _against_mean_image(attacks: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Mean of `above_mean_image` with its interval, for each group of attacks."""
    rows = []
    for group, attacked in attacks.groupby(key):
        # Images of an update are attacked together: only updates are independent.
        above = attacked.groupby("update")["above_mean_image"].mean().to_numpy()
        low, high = statistics.mean_interval(above, within=(-1, 1))
        rows.append((*group, above.mean(), low, high))
    names = ["above_mean_image", "above_mean_image_low", "above_mean_image_high"]
    return pd.DataFrame(rows, columns=[*key, *names])
