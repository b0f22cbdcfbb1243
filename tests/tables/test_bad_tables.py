"""Tables that cannot be used."""

import pickle

import pandas as pd
import pytest
from bad import Payload, refused, with_value

from dropleak.data import imagetable
from dropleak.planning import inventory
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS, IMAGES


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (with_value("pixels", 3, b"short"), ["row 3 has a wrong number of pixels", "delete it"]),
        (with_value("label", 2, 10), ["row 2 has a wrong label"]),
        (with_value("label", 0, -1), ["row 0 has a wrong label"]),
        (with_value("index", 5, 4), ["row 5 has a wrong index"]),
        (lambda table: table.slice(0, 7), ["has 7 rows and should have more"]),
        (lambda table: table.replace_schema_metadata({}), ["does not say its classes and dataset"]),
        (lambda table: table.drop_columns("label"), ["is not the expected table", "label"]),
    ],
)
def test_an_image_table_is_refused(tmp_path, digits, spoil, words):
    path = tmp_path / "test.parquet"
    parquet.write(spoil(digits["test"]), path)
    refused(imagetable.read, path, [9, 5, 0], words=[str(path), *words])


def test_rows_of_an_image_table_are_read_in_the_order_given(tmp_path, digits):
    parquet.write(digits["test"], tmp_path / "test.parquet")
    assert imagetable.read(tmp_path / "test.parquet").equals(digits["test"])
    assert imagetable.read(tmp_path / "test.parquet", [7, 2])["index"].to_pylist() == [7, 2]


@pytest.mark.parametrize("content", ["pickle", "text", "folder", "nothing", "other schema"])
def test_a_file_that_is_no_table_is_refused(tmp_path, content):
    path, trap = tmp_path / "images-0-2.parquet", tmp_path / "unpickled"
    match content:
        case "pickle":
            path.write_bytes(pickle.dumps(Payload(trap)))
        case "text":
            path.write_text("PAR1 is not enough PAR1", encoding="utf-8")
        case "folder":
            path.mkdir()
        case "nothing":
            path.touch()
        case _:
            pd.DataFrame({"x": [1]}).to_parquet(path)
    refused(parquet.read, path, IMAGES, words=[str(path)])
    assert str(path) in inventory.damage(path, ATTACKS, {})
    assert not trap.exists()


def test_other_files_beside_results_are_ignored(tmp_path):
    for name in ("images-0-2 (copy).parquet", "images-a-b.parquet", "images-0-2-3.parquet"):
        (tmp_path / name).touch()
    names, damaged = inventory.attack_files(str(tmp_path), {}, images=2, size=2)
    assert names == [f"{tmp_path}/images-0-2.parquet"]
    assert not damaged
