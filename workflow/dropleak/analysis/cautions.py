"""Warnings about results that mean nothing, with advice."""

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

import pyarrow as pa

from dropleak import formatting
from dropleak.analysis import efficacy, inconclusive
from dropleak.tables import parquet


class Caution(NamedTuple):
    """A reason why results mean nothing."""

    problem: str
    """A sentence."""
    advice: str
    """Another one: what to try."""


_ADVICE = {
    efficacy.FAILS: "Raise attack.iterations, or choose an attacker made for this network: "
    "L-BFGS needs smooth activations such as sigmoids.",
    efficacy.UNSURE: "Attack more images.",
    efficacy.NOT_ATTACKED: "Add 0.0 to rates, and to clients the same one without its defence.",
    efficacy.INAPPLICABLE: "mask_claim in the table of attacks says why; choose other attackers.",
}


def cautions(summary: pa.Table, tradeoff: pa.Table) -> list[Caution]:
    """Warnings about a run; empty if all is well.

    Args:
        summary, tradeoff: with the columns and metadata in `schemas`.
    """
    metadata = parquet.metadata(tradeoff)
    doubts = metadata["doubts"]
    warnings = [_vanished(summary)] if any(summary["vanished"].to_pylist()) else []
    for reason, attacks in inconclusive.grouped(doubts).items():
        why = inconclusive.explain(reason, attacks)
        problem = f"Privacy from {inconclusive.named(attacks, doubts)} is inconclusive: {why}."
        warnings.append(Caution(problem, _ADVICE[reason]))
    clients: dict[tuple, list[str]] = {}
    for client, rates in metadata["at_chance"].items():
        clients.setdefault(tuple(rates), []).append(client)
    warnings += [
        _chance(metadata["chance"], rates, inconclusive.which_of("of", names, doubts))
        for rates, names in clients.items()
        if rates
    ]
    return warnings


def as_text(warnings: list[Caution]) -> str:
    """The warnings for a terminal, a paragraph each."""
    paragraphs = (fill(f"WARNING: {w.problem} {w.advice}", 100) for w in warnings)
    return "".join(f"\n{paragraph}\n" for paragraph in paragraphs)


def _vanished(summary: pa.Table) -> Caution:
    """Number and rates of each attacker's attacks on empty gradients."""
    affected = summary.to_pandas().query("vanished > 0")
    several, where = summary["client"].to_pandas().nunique() > 1, []
    for (client, attacker), rows in affected.groupby(["client", "attacker"]):
        vanished, total = rows[["vanished", "attacks"]].sum()
        name = f"{attacker} on {client}" if several else attacker
        rates = formatting.rates(rows["dropout_rate"])
        where.append(f"{vanished:,} of {total:,} attacks by {name} ({rates})")
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
        "There is no accuracy to lose there: train for more utility.epochs, with another "
        "utility.learning_rate, or on more images.",
    )
