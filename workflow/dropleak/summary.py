"""The experiment in a few numbers per attacker and rate."""

import pandas as pd
import pyarrow as pa

from dropleak import stats, tables
from dropleak.schemas import SUMMARY

STATUSES = ("converged", "stalled", "diverged", "exhausted")


def summarise(attacks: pa.Table, success_rmse: float, seed: int) -> pa.Table:
    """Counts, RMSE and shares over all images; no attack is left out of any number.

    Args:
        attacks: with the columns `schemas.ATTACKS`.
        success_rmse: an attack with a smaller RMSE is a success.
        seed: of the bootstrap.
    """
    scalars = attacks.select(
        ["attacker", "rate", "status", "rmse", "rmse_clipped", "label", "label_inferred"]
    ).to_pandas()
    rows = []
    for (attacker, rate), group in scalars.groupby(["attacker", "rate"], sort=True):
        low, high = stats.mean_interval(group["rmse_clipped"].to_numpy(), seed)
        counts = {status: int((group["status"] == status).sum()) for status in STATUSES}
        rows.append(
            {
                "attacker": attacker,
                "rate": rate,
                "attacks": len(group),
                **counts,
                "rmse_median": group["rmse"].median(),
                "rmse_q1": group["rmse"].quantile(0.25),
                "rmse_q3": group["rmse"].quantile(0.75),
                "rmse_clipped_mean": group["rmse_clipped"].mean(),
                "rmse_clipped_low": low,
                "rmse_clipped_high": high,
                "success_share": (group["rmse"] < success_rmse).mean(),
                "label_share": (group["label"] == group["label_inferred"]).mean(),
            }
        )
    return tables.build(SUMMARY, pd.DataFrame(rows))


def as_text(summary: pa.Table) -> str:
    """The summary for a terminal."""
    frame = summary.to_pandas()
    shown = frame[["attacker", "rate", "attacks", *STATUSES]].assign(
        **{
            "median RMSE": frame["rmse_median"].map("{:.3g}".format),
            "mean clipped RMSE [95%]": [
                f"{mean:.3f} [{low:.3f}, {high:.3f}]"
                for mean, low, high in zip(
                    frame["rmse_clipped_mean"],
                    frame["rmse_clipped_low"],
                    frame["rmse_clipped_high"],
                    strict=True,
                )
            ],
            "successes": frame["success_share"].map("{:.0%}".format),
            "labels": frame["label_share"].map("{:.0%}".format),
        }
    )
    return shown.to_string(index=False)
