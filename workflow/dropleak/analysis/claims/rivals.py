"""Which clients with another defence dropout is compared with, chosen by accuracy alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Point:
    """A client at one rate, and its strongest attacker."""

    client: str
    rate: float
    attacker: str
    inconclusive: str | None


@dataclass(frozen=True)
class Rivalry:
    """Dropout and another kind of defence at the same accuracy."""

    kind: str
    dropout: Point
    rival: Point | None
    """None if no client with this kind of defence keeps the accuracy that dropout does."""


def rivalries(defences: pd.DataFrame, tolerated_loss: float) -> Iterator[Rivalry]:
    """Every kind of defence that differs from an attacked client in nothing else, in their order.

    By a rule fixed before the data: dropout's rate is the highest whose accuracy is at most
    `tolerated_loss` below that at rate 0.0, or the lowest if there is none. The rival is, without
    dropout, the least accurate client of its kind that is not less accurate than dropout: what a
    user would choose who wants as much protection as that accuracy allows.

    Args:
        defences: with the columns `schemas.DEFENCES`.
        tolerated_loss: accuracy that a user would give up.
    """
    for client, rows in defences.groupby("undefended", sort=False):
        plain = rows[rows["client"] == client].set_index("dropout_rate")["test_accuracy"]
        above = plain[plain.index > 0].sort_index()
        if above.empty or 0.0 not in plain:
            continue
        tolerable = above[above >= plain[0.0] - tolerated_loss]
        rate = tolerable.index[-1] if len(tolerable) else above.index[0]
        (dropout,) = _points(rows[(rows["client"] == client) & (rows["dropout_rate"] == rate)])
        for kind, rivals in rows[rows["dropout_rate"] == 0].groupby("kind", sort=False):
            enough = rivals[rivals["test_accuracy"] >= plain[rate]]
            rival = next(_points(enough.sort_values("test_accuracy", kind="stable")), None)
            yield Rivalry(str(kind), dropout, rival)


def _points(rows: pd.DataFrame) -> Iterator[Point]:
    names = ["client", "dropout_rate", "attacker", "inconclusive"]
    for client, rate, attacker, reason in rows[names].itertuples(index=False):
        yield Point(client, rate, attacker, None if pd.isna(reason) else reason)
