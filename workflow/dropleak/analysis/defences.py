"""What each defence protects against its strongest attacker, and the accuracy that it keeps."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak.analysis import accuracy, statistics, twins
from dropleak.engine import defences
from dropleak.tables import parquet
from dropleak.tables.schemas import DEFENCES

KEY = ["client", "dropout_rate"]


def compare_defences(
    summary: pa.Table,
    tradeoff: pa.Table,
    utility: pa.Table,
    *,
    clients: Mapping[str, Mapping],
    attackers: Collection[str],
    budgets: pa.Table,
) -> pa.Table:
    """Every client and rate by its strongest attacker, and whether others beat it.

    Args:
        summary: with the columns `schemas.SUMMARY`.
        tradeoff: with the columns and metadata of `schemas.TRADEOFF`.
        utility: with the columns `schemas.UTILITY`.
        clients: their settings by name.
        attackers: those that count, which an oracle does not.
        budgets: privacy budgets, with the columns `schemas.CLIENTS`.

    Returns:
        a table with the columns `schemas.DEFENCES`.
    """
    shares = [name for name in summary.column_names if name.startswith(("success", "identified"))]
    outcomes = summary.select([*KEY, "attacker", "attacks", "inapplicable", *shares]).to_pandas()
    weighed = tradeoff.to_pandas().merge(outcomes, on=[*KEY, "attacker"])
    applicable = weighed["inapplicable"] < weighed["attacks"]
    frame = strongest(weighed[applicable & weighed["attacker"].isin(attackers)])
    places = frame["client"].map([*clients].index)
    frame = frame.iloc[np.lexsort((frame["dropout_rate"], places))].reset_index(drop=True)
    runs = utility.to_pandas()
    spent = {row["client"]: row for row in budgets.to_pylist()}
    rows = []
    for client, rate in frame[KEY].itertuples(index=False):
        defence = clients[client]["defence"]
        accuracies = accuracy.by_seed(accuracy.of_client(runs, clients[client]))[rate]
        low, high = statistics.mean_interval(accuracies.to_numpy(), within=(0, 1))
        rows.append(
            {
                "undefended": twins.undefended(client, clients),
                "kind": next(iter(defence), None),
                "defence": defences.label(defence),
                "test_accuracy_low": low,
                "test_accuracy_high": high,
                "epsilon": spent[client]["epsilon"],
                "delta": spent[client]["delta"],
            }
        )
    frame["front"] = False
    undefended = pd.Series([row["undefended"] for row in rows], frame.index, dtype=object)
    for _, same in frame.groupby(undefended):
        frame.loc[same.index, "front"] = front(same)
    columns: dict = {
        name: [row[name] for row in rows] for name in DEFENCES.names if name not in frame
    }
    for name in frame.columns.intersection(DEFENCES.names):
        # Arrow takes nan in pandas for null, which intervals of one image are not.
        nullable = DEFENCES.field(name).nullable
        columns[name] = frame[name] if nullable else frame[name].to_numpy()
    metadata = parquet.metadata(tradeoff)
    kept = {name: metadata[name] for name in ("mean_image_rmse", "chance")}
    return parquet.build(DEFENCES, columns, **kept)


def strongest(weighed: pd.DataFrame) -> pd.DataFrame:
    """The attacker with the lowest mean error on each client at each rate.

    An attacker that fails without a defence too does not measure one: its error, which may be no
    more than that of grey images, counts only where all others prove nothing either.

    Args:
        weighed: rows of the trade-off.
    """
    ordered = weighed.assign(proves=weighed["inconclusive"].isna()).sort_values(
        ["proves", "rmse_clipped_mean"], ascending=[False, True], kind="stable"
    )
    return ordered.drop_duplicates(KEY)


def front(rows: pd.DataFrame) -> pd.Series:
    """Whether nothing beats each of these rows: no other has a higher error and a higher accuracy.

    Rows whose protection is inconclusive are not on the front, and beat none.
    """
    known = rows["inconclusive"].isna().to_numpy()
    error, kept = rows["rmse_clipped_mean"].to_numpy(), rows["test_accuracy"].to_numpy()
    beats = (error[:, None] > error) & (kept[:, None] > kept) & known[:, None]
    return pd.Series(known & ~beats.any(axis=0), rows.index)
