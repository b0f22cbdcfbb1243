"""Inconclusive attacks are named in sentences, those of the same kind together."""

import pytest

from dropleak.analysis import inconclusive
from dropleak.analysis.efficacy import FAILS, INAPPLICABLE, NOT_ATTACKED, UNSURE

DOUBTS = {
    "one": {"a": FAILS, "b": None},
    "two": {"a": FAILS, "b": UNSURE},
    "three": {"a": FAILS, "b": FAILS},
}


def test_attacks_are_grouped_by_reason_and_named_with_their_clients():
    grouped = inconclusive.grouped(DOUBTS)
    assert {why: inconclusive.named(attacks, DOUBTS) for why, attacks in grouped.items()} == {
        FAILS: "a on one and two; a and b on three",
        UNSURE: "b on two",
    }
    assert inconclusive.named(grouped[UNSURE], DOUBTS, "`{}`") == "`b` on `two`"


def test_clients_are_not_named_where_all_are_meant():
    everywhere = {name: {"a": FAILS} for name in DOUBTS}
    (attacks,) = inconclusive.grouped(everywhere).values()
    assert inconclusive.named(attacks, DOUBTS) == "a on every client"
    (attacks,) = inconclusive.grouped({"one": {"a": FAILS}}).values()
    assert inconclusive.named(attacks, ["one"]) == "a"


@pytest.mark.parametrize("reason", [FAILS, UNSURE, NOT_ATTACKED, INAPPLICABLE])
def test_reasons_are_in_the_number_of_the_attacks(reason):
    assert inconclusive.explain(reason, {("a",): ["one"]}) == reason
    attackers, clients = {("a", "b"): ["one"]}, {("a",): ["one", "two"]}
    several = inconclusive.explain(reason, attackers)
    assert "these" in several
    assert inconclusive.explain(reason, clients) == several
