"""The columns that tables in the report have: the most important first, few enough for a window.

A cell can join several columns of the Parquet table, such as a mean and its interval. The CSV files
have every column by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from dropleak.formatting import interval, number, share, yes_or_no

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table in the report."""

    header: str
    """In words, with the unit."""
    names: tuple[str, ...]
    """The columns of the Parquet table that a cell has, the first of which is described."""
    cell: Callable[..., str] = str
    """From the values of these columns to text."""

    def text(self, row: Row) -> str:
        """The cell of a row."""
        return self.cell(*(row[name] for name in self.names))

    def meaning(self, schema: pa.Schema) -> str:
        """The description of its first column."""
        return schema.field(self.names[0]).metadata[b"description"].decode()


def _with_ends(name: str, mean: str = "") -> tuple[str, ...]:
    return (mean or name, f"{name}_low", f"{name}_high")


_WHO = (
    Column("Client", ("client",)),
    Column("Attacker", ("attacker",)),
    Column("Dropout rate", ("dropout_rate",)),
)
_SUCCESS = Column("Recovered (95% interval)", _with_ends("success", "success_share"), share)
_IDENTIFIED = Column(
    "Identified (95% interval)", _with_ends("identified", "identified_share"), share
)
_RMSE = Column(
    "RMSE after clipping, pixels 0 to 1: mean (95% interval)",
    _with_ends("rmse_clipped", "rmse_clipped_mean"),
    interval,
)
_ABOVE = Column(
    "RMSE above that of the mean image (95% interval)", _with_ends("above_mean_image"), interval
)
_PRIVATE = Column("Private", ("private", "inconclusive"), yes_or_no)

TABLES: dict[str, tuple[Column, ...]] = {
    "summary": (
        *_WHO,
        _SUCCESS,
        _IDENTIFIED,
        Column("Labels found", ("label_share",), share),
        Column("Masks found exactly", ("mask_exact_share",), share),
        _RMSE,
        Column(
            "RMSE, pixels 0 to 1: median (quartiles)",
            ("rmse_median", "rmse_q1", "rmse_q3"),
            interval,
        ),
        Column("Attacks", ("attacks",)),
        Column("Iterations an attack", ("iterations_mean",), "{:,.0f}".format),
        Column("Seconds an attack", ("seconds_mean",), number),
    ),
    "comparison": (
        *_WHO,
        Column("Compared with", ("baseline",)),
        Column(
            "Difference of RMSE after clipping (95% interval)", _with_ends("difference"), interval
        ),
        Column("Better on", ("better_share",), share),
        Column("Images", ("images",)),
        Column("Evaluations, as a multiple", ("evaluations_ratio",), number),
        Column("Time, as a multiple", ("seconds_ratio",), number),
    ),
    "tradeoff": (
        *_WHO,
        _PRIVATE,
        Column("Accurate", ("accurate",), yes_or_no),
        Column("Test accuracy", ("test_accuracy",), partial(share, digits=1)),
        _ABOVE,
        _RMSE,
    ),
    "defences": (
        Column("Client", ("client",)),
        Column("Defence", ("defence",)),
        Column("Dropout rate", ("dropout_rate",)),
        Column("Strongest attacker", ("attacker",)),
        _SUCCESS,
        _IDENTIFIED,
        _RMSE,
        Column(
            "Test accuracy (95% interval)", _with_ends("test_accuracy"), partial(share, digits=1)
        ),
        Column("Privacy budget: epsilon", ("epsilon",), number),
        _PRIVATE,
        Column("On the front", ("front",), yes_or_no),
    ),
}
"""The columns of each table, by its name in `SCHEMAS`."""
