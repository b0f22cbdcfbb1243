"""Warnings about results that mean nothing."""

from dataclasses import asdict

import pyarrow as pa
import pytest

from dropleak.analysis import efficacy
from dropleak.analysis.cautions import as_text, cautions
from dropleak.analysis.chance import Chance
from dropleak.tables import parquet
from dropleak.tables.schemas import SUMMARY, TRADEOFF

CHANCE = asdict(Chance(0.5, 0.25, 0.75, 12))


def summary(rows, client="lenet"):
    """The summary of attackers at rates, each with this many vanished attacks of 12."""
    columns = {field.name: [0] * len(rows) for field in SUMMARY}
    attackers, rates, vanished = zip(*rows, strict=True)
    columns |= {
        "client": [client] * len(rows),
        "attacker": attackers,
        "dropout_rate": rates,
        "vanished": vanished,
    }
    return parquet.build(SUMMARY, columns | {"attacks": [12] * len(rows)})


def tradeoff(doubts, at_chance=()):
    """The trade-off of one client, without a rate that was both attacked and trained with."""
    return tradeoffs({"lenet": doubts}, {"lenet": list(at_chance)})


def tradeoffs(doubts, at_chance):
    """The same for several clients."""
    none = {name: [] for name in TRADEOFF.names}
    return parquet.build(TRADEOFF, none, chance=CHANCE, at_chance=at_chance, doubts=doubts)


FINE = summary([("idlg", 0.0, 0), ("idlg", 0.5, 0)])


def test_a_sound_run_warns_of_nothing():
    assert cautions(FINE, tradeoff({"idlg": None})) == []
    assert as_text([]) == ""


def test_vanished_gradients_are_counted_for_each_attacker_with_what_to_do():
    table = summary([("a", 0.0, 3), ("a", 0.5, 4), ("b", 0.0, 0), ("c", 0.0, 0), ("c", 0.9, 1)])
    (caution,) = cautions(table, tradeoff({}))
    assert "7 of 24 attacks by a (rates 0.0 and 0.5) and 1 of 12 attacks by c (rate 0.9)" in (
        caution.problem
    )
    for remedy in ("initial weights", "data.size", "normalise"):
        assert remedy in caution.advice


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (efficacy.FAILS, "attack.iterations"),
        (efficacy.UNSURE, "more images"),
        (efficacy.NOT_ATTACKED, "0.0 to rates"),
        (efficacy.INAPPLICABLE, "mask_claim"),
    ],
)
def test_an_attacker_that_shows_nothing_is_named(reason, remedy):
    (caution,) = cautions(FINE, tradeoff({"idlg": reason, "mask-reading": None}))
    assert caution.problem == f"Privacy from idlg is inconclusive: {reason}."
    assert remedy in caution.advice


def test_attackers_are_named_together_if_the_reason_is_the_same():
    doubts = {"a": efficacy.FAILS, "b": efficacy.UNSURE, "c": efficacy.FAILS, "d": None}
    several, single = cautions(FINE, tradeoff(doubts))
    assert "a and c is inconclusive: these attacks fail without a defence too" in several.problem
    assert single.problem.startswith("Privacy from b is inconclusive: too few images")


def test_accuracy_at_chance_is_named_with_the_level_of_chance():
    (caution,) = cautions(FINE, tradeoff({"idlg": None}, [0.0, 0.9]))
    assert "at chance at rates 0.0 and 0.9" in caution.problem
    for number in ("50.0%", "75.0%", "12 test images"):
        assert number in caution.problem
    for remedy in ("utility.epochs", "utility.learning_rate"):
        assert remedy in caution.advice


def test_the_clients_are_named_if_there_are_several():
    vanished = pa.concat_tables([summary([("a", 0.5, 0)], "one"), summary([("a", 0.5, 2)], "two")])
    doubts = {
        "one": {"a": efficacy.FAILS, "b": None},
        "two": {"a": efficacy.FAILS, "b": None},
        "three": {"a": efficacy.FAILS, "b": efficacy.FAILS},
    }
    at_chance = {"one": [0.9], "two": [], "three": [0.9]}
    empty, privacy, accuracy = cautions(vanished, tradeoffs(doubts, at_chance))
    assert "2 of 12 attacks by a on two (rate 0.5)" in empty.problem
    doubts = {name: {"a": efficacy.FAILS} for name in doubts}
    (every,) = cautions(FINE, tradeoffs(doubts, {name: [] for name in doubts}))
    assert "Privacy from a on every client is inconclusive: these attacks" in every.problem
    assert (
        "Privacy from a on one and two; a and b on three is inconclusive: these" in privacy.problem
    )
    assert "Test accuracy of one and three is at chance at rate 0.9" in accuracy.problem


def test_the_terminal_shows_a_short_paragraph_per_warning():
    table = summary([("idlg", 0.0, 3)])
    warnings = cautions(table, tradeoff({"idlg": efficacy.FAILS}, [0.0]))
    paragraphs = as_text(warnings).strip().split("\n\n")
    assert len(paragraphs) == len(warnings) == 3
    for paragraph, caution in zip(paragraphs, warnings, strict=True):
        assert paragraph.startswith("WARNING: ")
        assert " ".join(paragraph.split()) == f"WARNING: {caution.problem} {caution.advice}"
        assert max(map(len, paragraph.splitlines())) <= 100
