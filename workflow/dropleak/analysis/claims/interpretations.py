"""Interpretations of what the paper leaves open, ordered by how near they come to its numbers.

It leaves open what the attacker does about dropout (one interpretation per attacker), whether RMSE
is taken before or after clipping, of pixels in [0, 1] or of standardised ones, whether its values
are means or medians, and how many iterations there were.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak.analysis import paper, statistics
from dropleak.tables import parquet
from dropleak.tables.schemas import INTERPRETATIONS

_SCALES = {
    ("raw", "[0, 1]"): "trajectory_rmse",
    ("clipped", "[0, 1]"): "trajectory_rmse_clipped",
    ("raw", "standardised"): "trajectory_rmse_standardised",
    ("clipped", "standardised"): "trajectory_rmse_clipped_standardised",
}
_STATISTICS = {"mean": np.mean, "median": np.median}

COLUMNS = ["attacker", "dropout_rate", "image", "trajectory_iteration", *_SCALES.values()]
"""What is needed of the attacks."""


def compare(
    parts: Iterable[pa.Table], client: str, masks: Mapping[str, str], seed: int
) -> pa.Table:
    """All interpretations that a run allows.

    Images are taken as independent, as the paper has one in an update.

    Args:
        parts: the attacks on one client, one table at a time, each with trajectories at the same
            iterations.
        client: its name.
        masks: attackers that could be the paper's, and what each does about dropout.
        seed: of the bootstrap.

    Returns:
        a table with the columns `schemas.INTERPRETATIONS`; it has no rows if no published rate was
        attacked.
    """
    frames = [frame for part in parts for frame in _at_iterations(part, masks)]
    groups = pd.concat(frames).groupby(["attacker", "iterations"]) if frames else ()
    rows: list[dict] = []
    errors = {}
    for (attacker, iterations), own in groups:
        matrices = {
            scale: own.pivot_table(column, "image", "dropout_rate")
            for scale, column in _SCALES.items()
        }
        for (scale, matrix), (name, statistic) in product(matrices.items(), _STATISTICS.items()):
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
    for place, row in enumerate(rows):
        ends = _interval(errors[place], row["statistic"], seed, len(rows))
        row |= dict(zip(("distance_low", "distance_high"), ends, strict=True))
    order = sorted(range(len(rows)), key=lambda place: rows[place]["distance"])
    columns = {name: [rows[place].get(name) for place in order] for name in INTERPRETATIONS.names}
    return parquet.build(INTERPRETATIONS, columns)


def _at_iterations(part: pa.Table, masks: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """Errors of the attacks that count, at each number of iterations that the paper may mean."""
    known = part.select(["attacker", "dropout_rate", "image"]).to_pandas()
    counts = known["attacker"].isin(masks.keys()) & known["dropout_rate"].isin(paper.RMSE)
    if not counts.any():
        return
    iterations = part["trajectory_iteration"][0].as_py()
    wanted = [each for each in paper.ITERATIONS if each in iterations] or iterations[-1:]
    errors = {
        column: part[column].combine_chunks().flatten().to_numpy().reshape(len(part), -1)
        for column in _SCALES.values()
    }
    for each in wanted:
        place = iterations.index(each)
        at = {column: values[:, place] for column, values in errors.items()}
        yield known.assign(iterations=each, **at)[counts]


def _distance(values: pd.Series) -> float:
    """Root mean square difference of values, by rate, to the published ones."""
    return float(np.sqrt(np.mean(np.square(values - _published(values.index)))))


def _published(rates: Iterable[float]) -> np.ndarray:
    return np.array([paper.RMSE[rate] for rate in rates])


def _interval(
    errors: pd.DataFrame, statistic: str, seed: int, interpretations: int
) -> statistics.Interval:
    """How far an interpretation may be from the published values, and how far it may not be.

    To the nearest and to the farthest point of the intervals of its values. Not the bootstrap's
    interval of the distance: noise only adds to a distance, so that all resamples of an
    interpretation that is exactly right lie above 0. And rate by rate, as a mean over attacks some
    of which diverged says nothing at one rate and may still be out of the question at another.

    Args:
        errors: a row per image and a column per rate.
        statistic: that makes a value of each column.
        seed: of the bootstrap.
        interpretations: their number; the intervals have 95% confidence for all of them together.
    """
    confidence = 1 - 0.05 / (errors.shape[1] * interpretations)
    columns = errors.to_numpy().T
    if statistic == "median":
        ends = [statistics.median_interval(column, confidence) for column in columns]
    else:
        ends = [statistics.mean_interval(column, seed, confidence) for column in columns]
    low, high = np.transpose(ends)
    published = _published(errors.columns)
    nearest = np.clip(published, low, high)
    farthest = np.where(published - low > high - published, low, high)
    return (
        _distance(pd.Series(nearest, errors.columns)),
        _distance(pd.Series(farthest, errors.columns)),
    )
