"""The answer of an experiment: what attackers recover, and whether dropout protects from them."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from dropleak import formatting
from dropleak.analysis.claims.verdicts import RARE
from dropleak.tables import parquet

_KEY = ["client", "attacker", "dropout_rate"]

_HELPS = "dropout makes this attack easier"
# What else a rate shows, with a place for what protects.
_RECOVERS = "{} does not protect"
_CLOSER = "{} does not protect, as reconstructions are closer than the mean image"
_STOPS = "{} stops this attack"
_UNKNOWN = "it is not known whether {} protects"


def sentences(
    summary: pa.Table,
    tradeoff: pa.Table,
    attackers: Collection[str],
    clients: Mapping[str, Mapping],
) -> list[str]:
    """A sentence for every attacker on every client, in plain text.

    It has the shares of recovered images, with their intervals, without dropout and at the highest
    rate. A verdict follows, which holds at every rate that it names. By the rules of `tradeoff` and
    `efficacy` dropout

    - makes the attack easier where the interval of the share of images recovered is above that
      without dropout;
    - does not protect where images are recovered more than rarely, or the mean error is below that
      of the mean training image;
    - stops an attack where the mean error is above that, and none of the images is recovered or
      they are known to be recovered rarely, provided that the attack is known to succeed without a
      defence. If it is not, its failure means nothing.

    A defence protects in place of dropout where it stops the attack without dropout.

    Args:
        summary: with the columns `schemas.SUMMARY`.
        tradeoff: with the columns and metadata of `schemas.TRADEOFF`.
        attackers: those that count, which an oracle does not.
        clients: settings of all, by name.
    """
    measures = tradeoff.select([*_KEY, "private", "above_mean_image_high"]).to_pandas()
    frame = summary.to_pandas().merge(measures, on=_KEY, how="left").sort_values("dropout_rate")
    doubts, several = parquet.metadata(tradeoff)["doubts"], frame["client"].nunique() > 1
    return [
        f"{attacker}{f' on {client}' * several}: {_shares(rows)}"
        + (
            ", but it is given the masks, which no client shares."
            if attacker not in attackers
            else f"{_verdict(rows, doubts[client][attacker], bool(clients[client]['defence']))}."
        )
        for (client, attacker), rows in frame.groupby(["client", "attacker"])
    ]


def _shares(rows: pd.DataFrame) -> str:
    """The shares of recovered images at the lowest and the highest rate."""
    first, last = rows.iloc[0], rows.iloc[-1]
    shares = [
        formatting.share(row.success_share, row.success_low, row.success_high)
        for row in (first, last)
    ]
    lowest = f"{shares[0]} recovered {_where(first.dropout_rate)}"
    return lowest if len(rows) == 1 else f"{lowest}, {shares[1]} {_where(last.dropout_rate)}"


def _where(rate: float) -> str:
    return f"at rate {rate}" if rate else "without dropout"


def _verdict(rows: pd.DataFrame, doubt: str | None, defended: bool) -> str:
    """The end of a sentence; empty if there was no dropout."""
    without = rows.loc[rows["dropout_rate"] == 0.0, "success_high"].max()  # NaN without rate 0.0
    findings = {row.dropout_rate: _finding(row, without) for row in rows.itertuples()}
    stopped_without_dropout = findings.pop(0.0, None) == _STOPS
    subject = "the defence" if defended and stopped_without_dropout else "dropout"
    if doubt and {*findings.values()} == {_UNKNOWN}:
        return f", which means nothing: {doubt}"
    rates: dict[str, list[float]] = {}
    for rate, finding in findings.items():
        rates.setdefault(finding.format(subject), []).append(rate)
    if len(rates) == 1:
        return f": {next(iter(rates))}"
    parts = (f"at {formatting.rates(where)} {finding}" for finding, where in rates.items())
    return f": {'; '.join(parts)}" if rates else ""


def _finding(row: Any, without: float) -> str:
    """What an attacker's attacks at a rate show.

    Args:
        row: of the summary with the trade-off.
        without: the end of the interval of the share of images recovered without dropout, or NaN.
    """
    if row.success_low > without:
        return _HELPS
    if row.success_low > RARE:
        return _RECOVERS
    if row.above_mean_image_high < 0:
        return _CLOSER
    rare = row.success_share == 0 or row.success_high <= RARE
    # Missing, not False, at a rate without a training, which the trade-off leaves out.
    return _STOPS if row.private is True and rare else _UNKNOWN
