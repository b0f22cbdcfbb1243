"""Which results can be used."""

import pytest

from dropleak import identity, plan, tables
from dropleak.config import complete
from dropleak.schemas import UTILITY

CONFIG = complete({"experiment": "test"})
SETTINGS = identity.of_training(CONFIG)


def utility(rows=1, settings=SETTINGS):
    columns = {"rate": 0.5, "seed": 0, "epoch": 1, "train_loss": 2.0, "test_accuracy": 0.1}
    columns |= {"seconds": 1.0, "host": "here", "device": "cpu"}
    table = tables.build(UTILITY, {key: [value] * rows for key, value in columns.items()})
    return table if settings is None else tables.with_origin(table, settings)


def look(path, rows=None):
    return plan.inspect(path, UTILITY, SETTINGS, rows)


def test_what_was_made_with_the_same_settings_is_usable(tmp_path):
    tables.write(utility(), tmp_path / "a.parquet")
    assert look(tmp_path / "a.parquet", rows=1).usable


def test_what_was_made_with_others_is_outdated_and_says_by_what(tmp_path):
    tables.write(utility(settings=SETTINGS | {"seed": 5}), tmp_path / "a.parquet")
    found = look(tmp_path / "a.parquet")
    assert not found.usable
    assert not found.damage
    assert found.outdated == "seed was 5 and is 0"


@pytest.mark.parametrize(
    ("table", "rows", "why"),
    [
        (utility(), 2, "has 1 rows and should have 2"),
        (utility(settings=None), None, "does not say which settings it was made with"),
        (utility().drop_columns(["host"]), None, "is not the expected table"),
    ],
)
def test_what_does_not_fit_is_damaged(tmp_path, table, rows, why):
    tables.write(table, tmp_path / "a.parquet")
    found = look(tmp_path / "a.parquet", rows)
    assert found.damage.startswith(f"{tmp_path / 'a.parquet'}: {why}")
    assert not found.usable


@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_what_was_cut_off_is_damaged(tmp_path, length):
    path = tmp_path / "a.parquet"
    tables.write(utility(), path)
    path.write_bytes(path.read_bytes()[:length])
    assert "a.parquet: is damaged" in look(path).damage


def test_damage_is_told_in_any_case_and_changes_where_something_is_made_anew():
    damaged = plan.Result("a", damage="a: is damaged")
    outdated = [plan.Result(name, outdated="seed was 5 and is 0") for name in "bc"]
    good = plan.Result("d")
    assert plan.notes([good, damaged, *outdated], {"d"}) == ["a: is damaged; it is not needed"]
    assert plan.notes([good, damaged, *outdated], {"a", "b", "d"}) == [
        "a: is damaged; it is made anew",
        "results of 2 files are made anew: seed was 5 and is 0",
    ]
    assert plan.notes([good], {"d", "e"}) == []
