"""Which results can be used, and what becomes of the others."""

import errno
import os
import re
import sys

import numpy as np
import pytest

from dropleak.errors import InputError
from dropleak.planning import inventory
from dropleak.planning.layout import Folder, Layout
from dropleak.planning.validation import complete
from dropleak.tables import parquet, weights
from dropleak.tables.schemas import UTILITY

CONFIG = complete({"experiment": "test"})
TRAININGS = Layout(CONFIG).trainings["lenet", "classifier", "none"]
SETTINGS = TRAININGS.settings


def utility(rows=1, settings=SETTINGS):
    columns = {
        "network": "lenet",
        "dropout": "classifier",
        "defence": "none",
        "dropout_rate": 0.5,
        "seed": 0,
        "epoch": 1,
        "train_loss": 2.0,
        "test_accuracy": 0.1,
    }
    columns |= {"seconds": 1.0, "host": "here", "device": "cpu"}
    table = parquet.build(UTILITY, {key: [value] * rows for key, value in columns.items()})
    return table if settings is None else parquet.with_origin(table, settings)


def damage(path, rows=None):
    return inventory.damage(path, UTILITY, SETTINGS, rows)


def test_a_result_of_the_same_settings_can_be_used(tmp_path):
    parquet.write(utility(), tmp_path / "a.parquet")
    assert damage(tmp_path / "a.parquet", rows=1) is None


@pytest.mark.parametrize(
    ("table", "rows", "problem"),
    [
        (utility(), 2, "has 1 rows and should have 2"),
        (utility(settings=None), None, "does not say which settings it was made with"),
        (utility().drop_columns(["host"]), None, "is not the expected table"),
        (
            utility(settings=SETTINGS | {"seed": 5}),
            None,
            "belongs to other settings (seed was 5 and is 0)",
        ),
    ],
)
def test_a_result_that_does_not_fit_is_damaged(tmp_path, table, rows, problem):
    path = tmp_path / "a.parquet"
    parquet.write(table, path)
    assert damage(path, rows).startswith(f"{path}: {problem}")


@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_a_truncated_file_is_damaged(tmp_path, length):
    path = tmp_path / "a.parquet"
    parquet.write(utility(), path)
    path.write_bytes(path.read_bytes()[:length])
    assert "a.parquet: is damaged" in damage(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_an_unreachable_file_is_not_damaged(tmp_path, monkeypatch, number):
    def unreachable(*arguments, **options):
        raise OSError(number, f"Failed to open local file. Detail: [errno {number}]")

    path = tmp_path / "a.parquet"
    parquet.write(utility(), path)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", unreachable)
    assert damage(path) is None
    with pytest.raises(InputError, match=re.escape(f"cannot be read ({os.strerror(number)})")):
        parquet.read(path, UTILITY)


def test_damaged_attacks_leave_their_names_to_new_ones(tmp_path, monkeypatch):
    for batch in ("0-4", "4-6", "4-6 (copy)"):
        (tmp_path / f"images-{batch}.parquet").touch()
    monkeypatch.setattr(
        inventory,
        "damage",
        lambda path, schema, settings, rows: "is damaged" if "4-6" in path.name else None,
    )
    needed, damaged = inventory.attack_files(str(tmp_path), {}, 7, 2)
    names = [f"{tmp_path}/images-{batch}.parquet" for batch in ("0-4", "4-6", "6-7")]
    assert needed == names
    assert damaged == {names[1]: "is damaged"}


def test_a_file_that_is_set_aside_is_kept(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"half")
    message = inventory.set_aside(path, f"{path}: is damaged")
    assert message == f"{path}: is damaged; renamed to a.parquet.damaged, and made again if needed"
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet.damaged"]
    with pytest.raises(InputError, match="gone: is damaged; remove it"):
        inventory.set_aside(tmp_path / "gone", "gone: is damaged")


def test_weights_that_are_damaged_or_of_other_settings_cannot_be_used(tmp_path):
    path, settings = tmp_path / "epoch-1.safetensors", {"seed": 0}
    weights.write(path, {"a": np.ones(3)}, settings)
    assert inventory.damage_of_weights(path, settings) is None
    problem = inventory.damage_of_weights(path, {"seed": 1})
    assert problem == f"{path}: belongs to other settings (seed was 0 and is 1)"
    for content in (path.read_bytes()[:-1], b"", b"not weights"):
        path.write_bytes(content)
        assert f"{path}: is damaged" in inventory.damage_of_weights(path, settings)


def made(parent, **changes):
    """A folder with one result, made with some settings changed."""
    folder = Folder(str(parent), SETTINGS | changes)
    parquet.write(utility(settings=folder.settings), f"{folder.path}/rate-0.5.parquet")
    return folder


def test_new_settings_are_reported_with_their_changes(tmp_path):
    now = Folder(str(tmp_path), SETTINGS)
    assert inventory.new_settings(now) is None  # no earlier results
    made(tmp_path, seed=4)
    latest = made(tmp_path, seed=5)
    os.utime(f"{latest.path}/rate-0.5.parquet", (2e9, 2e9))
    message = inventory.new_settings(now)
    assert message == f"{now.path}: is new because seed was 5 and is 0; {latest.path} is kept"
    made(tmp_path)
    assert inventory.new_settings(now) is None


def test_digests_depend_on_settings_alone():
    backwards = dict(reversed(SETTINGS.items()))
    assert Folder("a", SETTINGS).digest == Folder("b", backwards).digest
    assert Folder("a", SETTINGS).digest != Folder("a", SETTINGS | {"seed": 5}).digest


def test_results_of_other_settings_are_listed_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("experiment: test", encoding="utf-8")
    used, other = made(TRAININGS.parent), made(TRAININGS.parent, seed=5)
    damaged = tmp_path / used.path / "rate-0.9.parquet.damaged"
    damaged.touch()
    other_client = tmp_path / "results/test/attacks/lenet-2"
    (other_client / "idlg/0123abcd").mkdir(parents=True)

    def list_them(*arguments):
        monkeypatch.setattr(sys, "argv", ["inventory", "--configfile", "mine.yaml", *arguments])
        inventory.main()
        return capsys.readouterr().out

    output = list_them()
    unused = (other.path, damaged.relative_to(tmp_path), other_client.relative_to(tmp_path))
    for path in unused:
        assert f"  {path}\n" in output
    assert f"  {used.path}\n" not in output
    assert damaged.exists()
    list_them("--remove")
    assert [path.name for path in tmp_path.rglob("*.parquet*")] == ["rate-0.5.parquet"]
    assert list_them() == "results/test: everything is used\n"
