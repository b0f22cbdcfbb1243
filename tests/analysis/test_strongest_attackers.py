"""Defences by their strongest attackers, and the front that nothing beats."""

import pandas as pd
import pytest
from protection import DOUBT, NOISE, SIGN, attack, client, compared
from scipy import stats

from dropleak.tables import parquet

CLIENTS = {
    "plain": client(rates=[0.0, 0.5]),
    "noisy": client(defence=NOISE),
    "signs": client(defence=SIGN),
}
ACCURACIES = {
    ("plain", 0.0): [0.6, 0.62, 0.64],
    ("plain", 0.5): [0.5, 0.5, 0.53],
    ("noisy", 0.0): [0.55, 0.56, 0.57],
    ("signs", 0.0): [0.4],
}


def plain(error=0.01, doubt=None):
    return [
        attack("plain", rate, name, error - rate / 100, doubt=doubt)
        for rate in (0.0, 0.5)
        for name in ("idlg", "reader")
    ]


def rows_of(attacks, **options):
    table = compared(CLIENTS, attacks, ACCURACIES, **options)
    return table.to_pandas().set_index(["client", "dropout_rate"])


def test_each_defence_has_its_strongest_attacker():
    attacks = [
        *plain(),
        attack("noisy", 0.0, "idlg", 0.5),
        attack("noisy", 0.0, "reader", 0.4),
        attack("signs", 0.0, "idlg", 0.3),
        attack("signs", 0.0, "reader", 0.25, inapplicable=30),
    ]
    table = compared(CLIENTS, attacks, ACCURACIES, budgets={"noisy": (2.5, 1e-5)})
    assert parquet.metadata(table)["mean_image_rmse"] == 0.2
    rows = table.to_pandas().set_index(["client", "dropout_rate"])
    assert rows["attacker"].loc["noisy"].tolist() == ["reader"]
    assert rows["attacker"].loc["signs"].tolist() == ["idlg"]
    assert rows.loc[("noisy", 0.0), ["rmse_clipped_mean", "success_share"]].tolist() == [0.4, 0.6]
    assert rows["defence"].tolist() == ["none", "none", "gaussian-noise-0.01", "sign"]
    assert (rows["undefended"] == "plain").all()
    assert rows.loc[("noisy", 0.0), ["epsilon", "delta"]].tolist() == [2.5, 1e-5]
    assert rows["epsilon"].isna().sum() == 3


def test_an_attacker_that_fails_without_a_defence_does_not_measure_one():
    attacks = [
        *plain(),
        attack("noisy", 0.0, "idlg", 0.5),
        attack("noisy", 0.0, "reader", 0.3, DOUBT),
    ]
    row = rows_of(attacks).loc[("noisy", 0.0)]
    assert (row["attacker"], row["private"]) == ("idlg", True)
    assert pd.isna(row["inconclusive"])
    both = [*plain(), *(attack("noisy", 0.0, name, 0.5, DOUBT) for name in ("idlg", "reader"))]
    row = rows_of(both).loc[("noisy", 0.0)]
    assert (row["private"], row["inconclusive"]) == (None, DOUBT)
    broken = [
        *plain(),
        attack("noisy", 0.0, "idlg", 0.5),
        attack("noisy", 0.0, "reader", 0.1, DOUBT),
    ]
    row = rows_of(broken).loc[("noisy", 0.0)]
    assert (row["attacker"], row["private"]) == ("reader", False)


def test_an_oracle_is_no_attacker():
    attacks = [attack("noisy", 0.0, "idlg", 0.5), attack("noisy", 0.0, "reader", 0.1)]
    assert rows_of(attacks, attackers=["idlg"])["attacker"].tolist() == ["idlg"]


def test_accuracy_has_students_interval_over_seeds_if_there_are_several():
    attacks = [attack("plain", 0.0, "idlg", 0.1), attack("signs", 0.0, "idlg", 0.5)]
    rows = rows_of(attacks)
    low, high = stats.t.interval(0.95, 2, 0.62, stats.sem([0.6, 0.62, 0.64]))
    interval = rows.loc["plain", ["test_accuracy", "test_accuracy_low", "test_accuracy_high"]]
    assert interval.iloc[0].tolist() == pytest.approx([0.62, low, high])
    assert rows.loc["signs", ["test_accuracy_low", "test_accuracy_high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("errors", "accuracies", "on_front"),
    [
        ([0.1, 0.3, 0.5], [0.6, 0.5, 0.4], [True, True, True]),
        ([0.1, 0.5, 0.3], [0.6, 0.5, 0.4], [True, True, False]),
        ([0.1, 0.5, 0.5], [0.6, 0.5, 0.4], [True, True, True]),  # not beaten in both
        ([0.5], [0.1], [True]),
    ],
)
def test_nothing_on_the_front_is_beaten_in_both(errors, accuracies, on_front):
    attacks = [
        attack(name, 0.0, "idlg", error)
        for name, error in zip(["plain", "noisy", "signs"], errors, strict=False)
    ]
    values = zip(["plain", "noisy", "signs"], accuracies, strict=False)
    table = compared(CLIENTS, attacks, {(name, 0.0): [value] for name, value in values})
    rows = table.to_pandas().set_index("client")
    assert rows["front"].reindex(["plain", "noisy", "signs"]).dropna().tolist() == on_front


def test_what_is_inconclusive_is_not_on_the_front_and_beats_nothing():
    attacks = [
        *plain(),
        attack("noisy", 0.0, "idlg", 0.6, DOUBT),
        attack("signs", 0.0, "idlg", 0.5),
    ]
    rows = rows_of(attacks)
    assert rows["front"].to_dict() == {
        ("noisy", 0.0): False,
        ("plain", 0.0): True,
        ("plain", 0.5): False,
        ("signs", 0.0): True,
    }


def test_defences_of_different_networks_do_not_compete():
    clients = CLIENTS | {
        "wide": client(network="wide"),
        "wide-signs": client(network="wide", defence=SIGN),
        "lonely": client(network="narrow", defence=SIGN),
    }
    errors = {"plain": 0.1, "signs": 0.3, "wide": 0.4, "wide-signs": 0.5, "lonely": 0.15}
    attacks = [attack(name, 0.0, "idlg", error) for name, error in errors.items()]
    table = compared(
        clients, attacks, {(name, 0.0): [0.1 + error] for name, error in errors.items()}
    )
    rows = table.to_pandas().set_index("client")
    assert rows["front"].to_dict() == {
        "lonely": False,  # the experiment has nothing to compare it with
        "plain": False,
        "signs": True,
        "wide": False,
        "wide-signs": True,
    }
    assert rows["undefended"].isna().to_dict() == {name: name == "lonely" for name in rows.index}


def test_an_experiment_without_trainings_at_its_rates_has_no_rows():
    attacks = [attack("plain", 0.0, "idlg", 0.1)]
    assert len(compared(CLIENTS, attacks, ACCURACIES, attackers=[])) == 0


def test_a_defended_client_alone_has_a_row_but_no_rank():
    clients = {"signs": client(defence=SIGN)}
    table = compared(clients, [attack("signs", 0.0, "idlg", 0.1)], {("signs", 0.0): [0.4]})
    (row,) = table.to_pylist()
    assert (row["undefended"], row["defence"], row["front"]) == (None, "sign", False)
