"""Summary statistics per client, attacker and rate."""

from collections.abc import Mapping

import pyarrow as pa

from dropleak import formatting
from dropleak.analysis import statistics
from dropleak.tables import parquet
from dropleak.tables.schemas import COMPARISON, SUMMARY

STATUSES = (
    "converged",
    "stalled",
    "diverged",
    "exhausted",
    "stopped",
    "vanished",
    "inapplicable",
)

COLUMNS = [
    *("client", "attacker", "dropout_rate", "image", "update", "status", "rmse", "rmse_clipped"),
    *("label", "label_inferred", "mask_exact", "iterations", "evaluations", "seconds"),
    *("identification_rank", "candidates"),
]
"""The columns of the attacks that are needed."""


def summarise(attacks: pa.Table, success_rmse: float) -> pa.Table:
    """Counts, RMSE and shares over all images; every number includes every attack.

    Args:
        attacks: with the columns `COLUMNS`.
        success_rmse: an attack with a smaller RMSE is a success.
    """
    scalars = attacks.select(COLUMNS).to_pandas()
    rows = []
    groups = scalars.groupby(["client", "attacker", "dropout_rate"], sort=True)
    for (client, attacker, rate), group in groups:
        # Images of an update are attacked together: only updates are independent.
        errors = group.groupby("update")["rmse_clipped"].mean()
        low, high = statistics.mean_interval(errors.to_numpy(), within=(0, 1))
        group = group.sort_values("update", kind="stable")
        of_updates = group["update"].nunique(), -1
        successes = group["rmse"].lt(success_rmse).to_numpy().reshape(of_updates)
        success_low, success_high = statistics.share_interval(successes)
        identified = group["identification_rank"].eq(1).to_numpy().reshape(of_updates)
        identified_low, identified_high = statistics.share_interval(identified)
        mask_exact = group["mask_exact"].dropna()
        counts = {status: int((group["status"] == status).sum()) for status in STATUSES}
        rows.append(
            {
                "client": client,
                "attacker": attacker,
                "dropout_rate": rate,
                "attacks": len(group),
                **counts,
                "rmse_median": group["rmse"].median(),
                "rmse_q1": group["rmse"].quantile(0.25),
                "rmse_q3": group["rmse"].quantile(0.75),
                "rmse_clipped_mean": group["rmse_clipped"].mean(),
                "rmse_clipped_low": low,
                "rmse_clipped_high": high,
                "success_share": successes.mean(),
                "success_low": success_low,
                "success_high": success_high,
                "identified_share": identified.mean(),
                "identified_low": identified_low,
                "identified_high": identified_high,
                "identification_rank_median": group["identification_rank"].median(),
                "candidates": group["candidates"].iloc[0],
                "label_share": (group["label"] == group["label_inferred"]).mean(),
                "mask_exact_share": mask_exact.mean() if len(mask_exact) else None,
                "iterations_mean": group["iterations"].mean(),
                "evaluations_mean": group["evaluations"].mean(),
                "seconds_mean": group["seconds"].mean(),
            }
        )
    return parquet.build(SUMMARY, {key: [row[key] for row in rows] for key in rows[0]})


def compare(attacks: pa.Table, baselines: Mapping[str, str]) -> pa.Table:
    """Compare every attacker of a client with a baseline, on the same problems.

    Args:
        attacks: with the columns `COLUMNS`.
        baselines: names of the attackers to compare with, by client.

    Returns:
        a table with the columns `schemas.COMPARISON`; empty if no client has several attackers.
    """
    scalars = attacks.select(COLUMNS).to_pandas()
    rows: dict[str, list] = {name: [] for name in COMPARISON.names}
    for (client, rate), problems in scalars.groupby(["client", "dropout_rate"], sort=True):
        by_attacker = {
            name: attacked.set_index("image") for name, attacked in problems.groupby("attacker")
        }
        baseline = baselines[client]
        base = by_attacker.pop(baseline)
        for attacker, attacked in by_attacker.items():
            difference = (attacked["rmse_clipped"] - base["rmse_clipped"]).dropna()
            by_update = difference.groupby(attacked["update"]).mean()
            low, high = statistics.mean_interval(by_update.to_numpy(), within=(-1, 1))
            row = {
                "client": client,
                "attacker": attacker,
                "baseline": baseline,
                "dropout_rate": rate,
                "images": len(difference),
                "difference": difference.mean(),
                "difference_low": low,
                "difference_high": high,
                "better_share": (difference < 0).mean(),
                "evaluations_ratio": attacked["evaluations"].mean() / base["evaluations"].mean(),
                "seconds_ratio": attacked["seconds"].mean() / base["seconds"].mean(),
            }
            for name, value in row.items():
                rows[name].append(value)
    return parquet.build(COMPARISON, rows)


def as_text(summary: pa.Table) -> str:
    """The summary for a terminal, with the statuses that occur."""
    frame = summary.to_pandas()
    clients = ["client"] * (frame["client"].nunique() > 1)
    statuses = [status for status in STATUSES if frame[status].any()]
    shown = frame[[*clients, "attacker", "dropout_rate", "attacks", *statuses]].assign(
        **{
            "median RMSE": frame["rmse_median"].map("{:.3g}".format),
            "mean clipped RMSE (95%)": [
                formatting.interval(*mean_and_ends)
                for mean_and_ends in zip(
                    frame["rmse_clipped_mean"],
                    frame["rmse_clipped_low"],
                    frame["rmse_clipped_high"],
                    strict=True,
                )
            ],
            "successes": frame["success_share"].map("{:.0%}".format),
            "identified": frame["identified_share"].map("{:.0%}".format),
            "labels": frame["label_share"].map("{:.0%}".format),
            "masks": [
                "" if share is None or share != share else f"{share:.0%}"
                for share in frame["mask_exact_share"]
            ],
            "s": frame["seconds_mean"].map("{:.2f}".format),
        }
    )
    return shown.rename(columns={"dropout_rate": "rate"}).to_string(index=False)
