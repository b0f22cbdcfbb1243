"""Interpretations of what the paper leaves open, ordered by distance to its numbers.

The paper leaves open what the attacker does about dropout (one interpretation per attacker),
whether RMSE is taken before or after clipping, on pixels in [0, 1] or standardised ones, whether
its values are means or medians, and how many iterations there were.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak import paper
from dropleak.analysis import statistics
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import INTERPRETATIONS

_SCALES = {
    ("raw", "[0, 1]"): "trajectory_rmse",
    ("clipped", "[0, 1]"): "trajectory_rmse_clipped",
    ("raw", "standardised"): "trajectory_rmse_standardised",
    ("clipped", "standardised"): "trajectory_rmse_clipped_standardised",
}
_STATISTICS = {
    "mean": (np.mean, statistics.scale_interval),
    "median": (np.median, statistics.median_interval),
}
"""Each with its interval."""

_COLUMNS = ["attacker", "dropout_rate", "image", "trajectory_iteration", *_SCALES.values()]


def relevant(attacks: StoredTable, client: str, attackers: Iterable[str]) -> Iterator[pa.Table]:
    """What `compare` needs of the attacks, one job at a time: those at the paper's rates."""
    for attacker, rate in product(attackers, paper.RMSE):
        of_one = {"client": client, "attacker": attacker, "dropout_rate": rate}
        yield from attacks.parts(_COLUMNS, *((name, "==", value) for name, value in of_one.items()))


def compare(parts: Iterable[pa.Table], client: str, masks: Mapping[str, str]) -> pa.Table:
    """All interpretations that a run allows.

    Images count as independent, because the paper's updates have one each.

    Args:
        parts: see `relevant`; each with trajectories at the same iterations.
        client: its name.
        masks: attackers that could be the paper's, and what each does about dropout.

    Returns:
        a table with the columns `schemas.INTERPRETATIONS`; empty if no published rate was attacked.
    """
    frames = [frame for part in parts for frame in _at_iterations(part)]
    groups = pd.concat(frames).groupby(["attacker", "iterations"]) if frames else ()
    rows: list[dict] = []
    errors = {}
    for (attacker, iterations), attacks in groups:
        matrices = {
            scale: attacks.pivot_table(column, "image", "dropout_rate")
            for scale, column in _SCALES.items()
        }
        for (scale, matrix), (name, (statistic, _)) in product(
            matrices.items(), _STATISTICS.items()
        ):
            errors[len(rows)] = matrix
            values = pd.Series(statistic(matrix.to_numpy(), axis=0), matrix.columns)
            rows.append(
                {
                    "client": client,
                    "attacker": attacker,
                    "masks": masks[attacker],
                    **dict(zip(("rmse", "pixels"), scale, strict=True)),
                    "statistic": name,
                    "iterations": iterations,
                    "images": len(matrix),
                    **{f"rmse_at_{rate}": values.get(rate) for rate in paper.RMSE},
                    "distance": _distance(values),
                }
            )
    for index, row in enumerate(rows):
        ends = _interval(errors[index], row["statistic"], len(rows))
        row |= dict(zip(("distance_low", "distance_high"), ends, strict=True))
    rows.sort(key=lambda row: row["distance"])
    columns = {name: [row.get(name) for row in rows] for name in INTERPRETATIONS.names}
    return parquet.build(INTERPRETATIONS, columns)


def _at_iterations(part: pa.Table) -> Iterator[pd.DataFrame]:
    """Errors of attacks, at each number of iterations that the paper may mean."""
    attacks = part.select(["attacker", "dropout_rate", "image"]).to_pandas()
    iterations = part["trajectory_iteration"][0].as_py()
    candidates = [count for count in paper.ITERATIONS if count in iterations] or iterations[-1:]
    errors = {
        column: part[column].combine_chunks().flatten().to_numpy().reshape(len(part), -1)
        for column in _SCALES.values()
    }
    for count in candidates:
        index = iterations.index(count)
        at_count = {column: values[:, index] for column, values in errors.items()}
        yield attacks.assign(iterations=count, **at_count)


def _distance(values: pd.Series) -> float:
    """Root mean square difference between values by rate and the published ones."""
    return float(np.sqrt(np.mean(np.square(values - _published(values.index)))))


def _published(rates: Iterable[float]) -> np.ndarray:
    return np.array([paper.RMSE[rate] for rate in rates])


def _interval(errors: pd.DataFrame, statistic: str, interpretations: int) -> statistics.Interval:
    """Interval of an interpretation's distance to the published values.

    Its ends are the distances to the nearest and to the farthest point of the intervals of its
    values. An interval around the distance itself would be wrong: noise only adds to a distance, so
    that of an interpretation that is exactly right lies above 0. Each rate has its own
    interval, because a mean over attacks of which some diverged says nothing at one rate and may
    still rule out the interpretation at another.

    Args:
        errors: a row per image and a column per rate.
        statistic: "mean" or "median", of each column.
        interpretations: their number; the intervals have 95% confidence for all of them together.
    """
    confidence = 1 - 0.05 / (errors.shape[1] * interpretations)
    columns = errors.to_numpy().T
    _, interval = _STATISTICS[statistic]
    ends = [interval(column, confidence) for column in columns]
    low, high = np.transpose(ends)
    published = _published(errors.columns)
    nearest = np.clip(published, low, high)
    farthest = np.where(published - low > high - published, low, high)
    return (
        _distance(pd.Series(nearest, errors.columns)),
        _distance(pd.Series(farthest, errors.columns)),
    )
