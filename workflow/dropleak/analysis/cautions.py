"""What a reader of the results must know first: where they mean nothing, and what to do."""

from collections.abc import Sequence
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
    doubts = known["doubts"]
    found = [_vanished(summary)] if any(summary["vanished"].to_pylist()) else []
    for reason, attacks in efficacy.grouped(doubts).items():
        why = efficacy.explain(reason, attacks)
        said = f"Privacy from {efficacy.named(attacks, doubts)} is inconclusive: {why}."
        found.append(Caution(said, _ADVICE[reason]))
    clients: dict[tuple, list[str]] = {}
    for client, rates in known["at_chance"].items():
        clients.setdefault(tuple(rates), []).append(client)
    found += [
        _chance(known["chance"], rates, efficacy.which_of("of", names, doubts))
        for rates, names in clients.items()
        if rates
    ]
    return found


def as_text(found: list[Caution]) -> str:
    """For a terminal: a paragraph each, or nothing."""
    paragraphs = (fill(f"WARNING: {each.found} {each.advice}", 100) for each in found)
    return "".join(f"\n{paragraph}\n" for paragraph in paragraphs)


def _vanished(summary: pa.Table) -> Caution:
    """How many attacks of each attacker had nothing to go on, and at which rates."""
    lost = summary.to_pandas().query("vanished > 0")
    several, where = summary["client"].to_pandas().nunique() > 1, []
    for (client, attacker), own in lost.groupby(["client", "attacker"]):
        vanished, total = own[["vanished", "attacks"]].sum()
        whom = f"{attacker} on {client}" if several else attacker
        where.append(
            f"{vanished:,} of {total:,} attacks by {whom} ({formatting.rates(own['dropout_rate'])})"
        )
    return Caution(
        f"The shared gradient is numerically empty (vanished) in {formatting.series(where)}.",
        "No attack can succeed there: choose a network with smaller initial weights or smaller "
        "images (data.size), or normalise the images.",
    )


def _chance(chance: dict, rates: Sequence[float], whose: str) -> Caution:
    return Caution(
        f"Test accuracy{whose} is at chance at {formatting.rates(rates)}: the largest class is "
        f"{chance['level']:.1%} of the {chance['images']:,} test images, and guessing can get up "
        f"to {chance['high']:.1%} of them right.",
        "There is nothing to lose there: train for more utility.epochs, with another "
        "utility.learning_rate, or on more images.",
    )
