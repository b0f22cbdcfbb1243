"""Attacks on clients in the course of one training."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa


def by_epoch(summary: pa.Table, course: Mapping[str, int]) -> pd.DataFrame:
    """The rows of a course's clients, with the epoch after which each is attacked as `epochs`.

    Args:
        summary: with the columns `schemas.SUMMARY`.
        course: epochs by client, see `networks.courses`.
    """
    frame = summary.to_pandas()
    frame = frame[frame["client"].isin(course.keys())]
    return frame.assign(epochs=frame["client"].map(course))
