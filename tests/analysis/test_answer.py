"""The answer at the end of a run and on the report's first page."""

import pytest

from dropleak.analysis import efficacy
from dropleak.analysis.answer import sentences
from dropleak.tables import parquet
from dropleak.tables.schemas import SUMMARY, TRADEOFF

ALL = ("100% (90% to 100%)", 1.0, 0.9, 1.0)
"""Shares of recovered images: in words, and as in the summary."""
FEW = ("10% (2% to 30%)", 0.1, 0.02, 0.3)
ONE = ("1% (0% to 4%)", 0.01, 0.0, 0.04)
ONE_OF_FEW = ("3% (1% to 16%)", 0.03, 0.01, 0.16)
NONE = ("0% (0% to 10%)", 0.0, 0.0, 0.1)

NEAR, UNCLEAR, FAR = (-0.2, -0.1), (-0.1, 0.1), (0.1, 0.2)
"""Intervals of the error above the mean image's."""


def answer(
    rows,
    doubt=None,
    attackers=("idlg",),
    trained=(0.0, 0.1, 0.3, 0.5),
    clients=("lenet",),
    defence=None,
):
    """Sentences about idlg from (rate, share, interval above the mean image) on some clients."""
    key = [(client, "idlg", *row) for client in clients for row in rows]
    summary = {field.name: [0] * len(key) for field in SUMMARY}
    summary |= {"client": [row[0] for row in key], "attacker": [row[1] for row in key]}
    summary |= {"dropout_rate": [row[2] for row in key]}
    shares = [row[3][1:] for row in key]
    names = ("success_share", "success_low", "success_high")
    summary |= dict(zip(names, zip(*shares, strict=True), strict=True))
    tradeoff = [row for row in key if row[2] in trained]
    columns = {field.name: [0] * len(tradeoff) for field in TRADEOFF}
    columns |= {name: summary[name] for name in ("client", "attacker", "dropout_rate")}
    columns = {name: column[: len(tradeoff)] for name, column in columns.items()}
    columns |= {"inconclusive": [None] * len(tradeoff), "epochs": [None] * len(tradeoff)}
    columns |= {name: [False] * len(tradeoff) for name in ("at_chance", "accurate")}
    columns["above_mean_image_high"] = [row[4][1] for row in tradeoff]
    columns["private"] = [
        None if doubt and row[4] is not NEAR else row[4][0] > 0 for row in tradeoff
    ]
    return sentences(
        parquet.build(SUMMARY, summary),
        parquet.build(TRADEOFF, columns, doubts={client: {"idlg": doubt} for client in clients}),
        attackers,
        {client: {"defence": defence or {}} for client in clients},
    )


@pytest.mark.parametrize(
    ("share", "distance", "verdict"),
    [
        (ALL, NEAR, "dropout does not protect"),
        (ALL, FAR, "dropout does not protect"),
        (
            NONE,
            NEAR,
            "dropout does not protect, as reconstructions are closer than the mean image",
        ),
        (NONE, FAR, "dropout stops this attack"),
        (ONE, FAR, "dropout stops this attack"),
        (ONE_OF_FEW, FAR, "it is not known whether dropout protects"),
        (NONE, UNCLEAR, "it is not known whether dropout protects"),
        (FEW, FAR, "it is not known whether dropout protects"),
    ],
)
def test_an_attack_that_succeeds_without_dropout_shows_what_dropout_does(share, distance, verdict):
    (sentence,) = answer([(0.0, ALL, NEAR), (0.5, share, distance)])
    assert sentence == (
        f"idlg: {ALL[0]} recovered without dropout, {share[0]} at rate 0.5: {verdict}."
    )


def test_dropout_can_make_an_attack_easier():
    (sentence,) = answer([(0.0, FEW, UNCLEAR), (0.1, ALL, NEAR), (0.5, FEW, NEAR)])
    assert sentence.endswith(
        ": at rate 0.1 dropout makes this attack easier; at rate 0.5 dropout does not protect, as "
        "reconstructions are closer than the mean image."
    )


def test_a_verdict_names_its_rates_if_they_differ():
    (sentence,) = answer([(0.0, ALL, NEAR), (0.1, ALL, NEAR), (0.3, NONE, FAR), (0.5, NONE, FAR)])
    assert sentence.endswith(
        ": at rate 0.1 dropout does not protect; at rates 0.3 and 0.5 dropout stops this attack."
    )


@pytest.mark.parametrize("doubt", [efficacy.FAILS, efficacy.UNSURE, efficacy.INAPPLICABLE])
def test_an_attack_that_fails_without_dropout_means_nothing(doubt):
    (sentence,) = answer([(0.0, NONE, FAR), (0.5, NONE, FAR)], doubt)
    assert sentence.endswith(f" at rate 0.5, which means nothing: {doubt}.")
    assert "stops" not in sentence


def test_an_attack_that_succeeds_shows_that_dropout_fails_whatever_it_does_without():
    (sentence,) = answer([(0.5, ALL, NEAR)], efficacy.NOT_ATTACKED)
    assert sentence == f"idlg: {ALL[0]} recovered at rate 0.5: dropout does not protect."


def test_without_dropout_there_is_no_verdict():
    assert answer([(0.0, ALL, NEAR)]) == [f"idlg: {ALL[0]} recovered without dropout."]


def test_an_attack_that_a_defence_stops_does_not_speak_for_dropout():
    rows = [(0.0, NONE, FAR), (0.5, NONE, FAR)]
    (sentence,) = answer(rows, defence={"sign": {}})
    assert sentence.endswith(": the defence stops this attack.")
    assert answer(rows)[0].endswith(": dropout stops this attack.")


def test_a_rate_without_a_training_shows_no_protection():
    (sentence,) = answer([(0.0, ALL, NEAR), (0.5, NONE, FAR)], trained=[0.0])
    assert sentence.endswith(": it is not known whether dropout protects.")


def test_an_oracle_has_no_verdict():
    (sentence,) = answer([(0.0, ALL, NEAR), (0.5, ALL, NEAR)], attackers=[])
    assert sentence.endswith(" at rate 0.5, but it is given the masks, which no client shares.")


def test_clients_are_named_if_there_are_several():
    first, second = answer([(0.0, ALL, NEAR)], clients=["one", "two"])
    assert (first.partition(":")[0], second.partition(":")[0]) == ("idlg on one", "idlg on two")
