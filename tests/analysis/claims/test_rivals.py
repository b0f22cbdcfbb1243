"""Dropout against other defences that keep as much accuracy."""

import pandas as pd
import pytest

from dropleak.analysis.claims.rivals import rivalries


def row(client, kind, rate, accuracy, undefended="plain", reason=None):
    columns = {"client": client, "kind": kind, "dropout_rate": rate, "test_accuracy": accuracy}
    return columns | {"undefended": undefended, "attacker": "idlg", "inconclusive": reason}


def chosen(*rows, tolerated=0.05):
    """The rate of dropout and the rival of each kind."""
    frame = pd.DataFrame(rows).astype({"kind": object, "undefended": object})
    return {
        rivalry.kind: (rivalry.dropout.rate, rivalry.rival and rivalry.rival.client)
        for rivalry in rivalries(frame, tolerated)
    }


DROPOUT = [
    row("plain", None, rate, accuracy) for rate, accuracy in ((0.0, 0.6), (0.3, 0.56), (0.5, 0.5))
]
NOISE = [row(f"noise-{a}", "noise", 0.0, a) for a in (0.6, 0.57, 0.55)]
SIGN = [row("sign", "sign", 0.0, 0.5)]


def test_the_rival_keeps_what_dropout_keeps_and_no_more_than_it_must():
    assert chosen(*DROPOUT, *NOISE, *SIGN) == {"noise": (0.3, "noise-0.57"), "sign": (0.3, None)}
    assert chosen(*DROPOUT, *NOISE, *SIGN, tolerated=0.2) == {
        "noise": (0.5, "noise-0.55"),
        "sign": (0.5, "sign"),
    }


def test_dropout_that_costs_too_much_is_taken_at_its_lowest_rate():
    assert chosen(*DROPOUT, *NOISE, tolerated=0.01) == {"noise": (0.3, "noise-0.57")}


def test_a_rival_has_no_dropout_besides():
    both = row("both", "noise", 0.3, 0.56)
    assert chosen(*DROPOUT, *NOISE, both)["noise"] == (0.3, "noise-0.57")


@pytest.mark.parametrize("dropout", [DROPOUT[:1], DROPOUT[1:]])
def test_without_dropout_or_without_rate_0_there_is_no_comparison(dropout):
    assert chosen(*dropout, *NOISE) == {}


def test_only_clients_that_are_otherwise_the_same_are_rivals():
    other = [row("wide-noise", "noise", 0.0, 0.57, undefended="wide")]
    alone = [row("alone", "sign", 0.0, 0.57, undefended=None)]
    assert chosen(*DROPOUT, *other, *alone) == {}
    doubted = row("noise", "noise", 0.0, 0.57, reason="it fails")
    frame = pd.DataFrame([*DROPOUT, doubted])
    (rivalry,) = rivalries(frame, 0.05)
    assert (rivalry.rival.inconclusive, rivalry.dropout.inconclusive) == ("it fails", None)
