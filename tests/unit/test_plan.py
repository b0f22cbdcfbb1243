"""Which results can be used."""

import pytest

from dropleak import identity, plan, tables
from dropleak.config import complete
from dropleak.schemas import UTILITY

CONFIG = complete({"experiment": "test"})
SETTINGS = identity.of_training(CONFIG, identity.of_images(CONFIG))


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


def test_damage_is_told_with_its_file_and_changes_are_counted():
    damaged = [plan.Result(name, damage=f"{name}: is damaged") for name in "ab"]
    outdated = [plan.Result(name, outdated="seed was 5 and is 0") for name in "cd"]
    assert plan.notes([*damaged, *outdated, plan.Result("e")], {"b", "c", "d", "e"}) == [
        "a: is damaged; it is not needed",
        "b: is damaged; it is made anew",
        "results of 2 files are made anew: seed was 5 and is 0",
    ]


def test_results_of_other_settings_count_where_something_is_made_in_their_place(
    tmp_path, monkeypatch
):
    known = {"0-4": "", "0-2": "iterations was 40 and is 60", "4-6": "seed was 5 and is 0"}
    for batch in known:
        (tmp_path / f"images-{batch}.parquet").touch()
    monkeypatch.setattr(
        plan,
        "inspect",
        lambda path, schema, settings, rows: plan.Result(
            str(path), outdated=known[path.stem.removeprefix("images-")]
        ),
    )

    def outdated(images):
        _, found = plan.attack_files(str(tmp_path), SETTINGS, images, 2)
        return [each.outdated for each in found if each.outdated]

    assert outdated(4) == []
    assert len(outdated(6)) == 2
