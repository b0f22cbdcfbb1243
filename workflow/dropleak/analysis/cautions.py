"""What a reader of the results must know first: where they mean nothing, and what to do."""

from textwrap import fill
from typing import NamedTuple

import pyarrow as pa

from dropleak.analysis import efficacy
from dropleak.report import formatting
from dropleak.tables import parquet


class Caution(NamedTuple):
    """Something that makes results worthless."""

    found: str
    """A sentence."""
    advice: str
    """Another one: what to try."""


_ADVICE = {
    efficacy.FAILS: "Raise attack.iterations, or choose an attacker made for this network: "
    "L-BFGS needs smooth activations such as sigmoids.",
    efficacy.UNSURE: "Attack more images.",
    efficacy.NOT_ATTACKED: "Add 0.0 to rates.",
}


def cautions(summary: pa.Table, tradeoff: pa.Table) -> list[Caution]:
    """What to be careful with in a run; nothing if all is well.

    Args:
        summary, tradeoff: with the columns and metadata in `schemas`.
    """
    known = parquet.metadata(tradeoff)
    found = [_vanished(summary)] if any(summary["vanished"].to_pylist()) else []
    for reason, names in efficacy.grouped(known["doubts"]).items():
        said = f"Privacy from {formatting.series(names)} is inconclusive: {reason}."
        found.append(Caution(said, _ADVICE[known["doubts"][names[0]]]))
    if known["at_chance"]:
        found.append(_chance(known["chance"], known["at_chance"]))
    return found


def as_text(found: list[Caution]) -> str:
    """For a terminal: a paragraph each, or nothing."""
    paragraphs = (fill(f"WARNING: {each.found} {each.advice}", 100) for each in found)
    return "".join(f"\n{paragraph}\n" for paragraph in paragraphs)


def _vanished(summary: pa.Table) -> Caution:
    """How many attacks of each attacker had nothing to go on, and at which rates."""
    where = []
    for attacker, own in summary.to_pandas().query("vanished > 0").groupby("attacker"):
        lost, total = own[["vanished", "attacks"]].sum()
        where.append(
            f"{lost:,} of {total:,} attacks by {attacker} ({formatting.rates(own['rate'])})"
        )
    return Caution(
        f"The shared gradient is numerically empty (vanished) in {formatting.series(where)}.",
        "No attack can succeed there: choose smaller initial weights (client.network) or smaller "
        "images (data.size), or normalise the images.",
    )


def _chance(chance: dict, rates: list[float]) -> Caution:
    return Caution(
        f"Test accuracy is at chance at {formatting.rates(rates)}: the largest class is "
        f"{chance['level']:.1%} of the {chance['images']:,} test images, and guessing can get up "
        f"to {chance['high']:.1%} of them right.",
        "There is nothing to lose there: train for more utility.epochs, with another "
        "utility.learning_rate, or on more images.",
    )
