import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trainings import utility

from dropleak.errors import InputError
from dropleak.tables import parquet
from dropleak.tables.schemas import SCHEMAS, UTILITY


def test_a_table_comes_back_with_columns_and_metadata(tmp_path):
    table = utility(0.3)
    parquet.write(table, tmp_path / "a.parquet")
    back = parquet.read(tmp_path / "a.parquet", UTILITY)
    assert back.equals(table)
    assert parquet.metadata(back) == {"dataset": "digits"}


def test_every_column_has_a_description():
    for schema in SCHEMAS.values():
        for field in schema:
            assert field.metadata[b"description"]
    assert SCHEMAS["attacks"].field("psnr").metadata[b"unit"] == b"dB"


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(table, path, **options):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        parquet.write(utility(0.0), tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really", b"\x80\x04K\x01."])
def test_a_file_that_is_not_parquet_is_named(tmp_path, content):
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.parquet: is damaged \("):
        parquet.read(tmp_path / "bad.parquet", UTILITY)


def test_a_table_of_another_schema_is_named_with_its_columns(tmp_path):
    wrong = utility(0.3).drop_columns(["seconds"])
    pq.write_table(wrong, tmp_path / "old.parquet")
    with pytest.raises(InputError, match=r"old\.parquet: .*seconds"):
        parquet.read(tmp_path / "old.parquet", UTILITY)


def test_any_damaged_byte_gives_a_message(tmp_path):
    path, rng = tmp_path / "a.parquet", random.Random(0)
    parquet.write(utility(0.3), path)
    intact = path.read_bytes()
    messages = []
    for _ in range(300):
        content = bytearray(intact)
        content[rng.randrange(len(intact))] ^= rng.randrange(1, 256)
        path.write_bytes(content)
        try:
            parquet.read(path, UTILITY)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 100  # the others hit padding or statistics
    assert all(message.startswith(f"{path}: is ") for message in messages)


def test_pixels_are_rounded_to_bytes_and_back():
    images = np.array([0.0, 0.5, 1.0, 100 / 255]).reshape(1, 1, 2, 2)
    encoded = parquet.encode_pixels(images)
    assert parquet.decode_pixels(encoded, (1, 2, 2)).flatten().tolist() == [0, 128, 255, 100]


def test_a_table_is_read_in_parts_by_columns(tmp_path):
    table = pa.concat_tables([utility(0.1), utility(0.2), utility(0.3)])
    pq.write_table(table, tmp_path / "all.parquet", row_group_size=2)
    parts = list(parquet.parts(tmp_path / "all.parquet", UTILITY, ["epoch", "dropout_rate"]))
    assert [part["dropout_rate"].to_pylist() for part in parts] == [[0.1] * 2, [0.2] * 2, [0.3] * 2]
    assert parts[0].column_names == ["epoch", "dropout_rate"]
    assert pa.concat_tables(parts).equals(
        parquet.read(tmp_path / "all.parquet", UTILITY, ["epoch", "dropout_rate"])
    )
    with pytest.raises(InputError, match="is not the expected table"):
        list(parquet.parts(tmp_path / "all.parquet", SCHEMAS["attacks"], ["dropout_rate"]))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="is damaged"):
        list(parquet.parts(tmp_path / "broken.parquet", UTILITY, ["dropout_rate"]))
