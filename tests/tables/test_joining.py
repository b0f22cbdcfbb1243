"""Tables of jobs become one, whether they are copied or linked."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from trainings import utility

from dropleak.errors import InputError
from dropleak.tables import joining, parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import UTILITY

KEY = ["dropout_rate", "seed", "epoch"]


def written(folder, *tables):
    paths = [folder / f"jobs/rate-{number}/images.parquet" for number in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        parquet.write(parquet.with_origin(table, {"path": str(path)}), path)
    return paths


def concatenated(folder, *tables):
    joining.concatenate(written(folder, *tables), folder / "all.parquet", UTILITY, KEY)
    return parquet.read(folder / "all.parquet", UTILITY)


def linked(folder, *tables, rows=(2, 2)):
    index = folder / "all" / "_metadata"
    joining.link(written(folder, *tables), index, UTILITY, KEY, rows)
    return StoredTable(index, UTILITY).read(UTILITY.names)


ways = pytest.mark.parametrize("join", [concatenated, linked])


@ways
def test_tables_are_joined_in_order_without_their_origins(join, tmp_path):
    joined = join(tmp_path, utility(0.5), utility(0.0))
    assert joined.equals(pa.concat_tables([utility(0.5), utility(0.0)]))
    assert parquet.metadata(joined) == {"dataset": "digits"}


@ways
def test_a_duplicate_row_is_an_error(join, tmp_path):
    with pytest.raises(
        InputError, match=r"rate-1/images\.parquet: has a second row for dropout_rate 0\.3, seed 0"
    ):
        join(tmp_path, utility(0.3), utility(0.3))
    assert not (tmp_path / "all.parquet").exists()
    assert not (tmp_path / "all" / "_metadata").exists()


@ways
def test_tables_of_different_images_are_not_joined(join, tmp_path):
    with pytest.raises(InputError, match="other images"):
        join(tmp_path, utility(0.0), utility(0.5, dataset="mnist"))


def test_nothing_is_copied_and_pandas_reads_the_folder(tmp_path):
    joined = linked(tmp_path, utility(0.0), utility(0.5))
    assert pd.read_parquet(tmp_path / "all").equals(joined.to_pandas())
    for path in tmp_path.glob("jobs/*/*.parquet"):
        assert path.samefile(tmp_path / "all" / path.relative_to(tmp_path / "jobs"))


def test_the_rest_of_a_job_that_reaches_too_far_is_left_out(tmp_path):
    joined = linked(tmp_path, utility(0.0), utility(0.5), rows=(2, 1))
    assert joined.equals(pa.concat_tables([utility(0.0), utility(0.5).slice(0, 1)]))
    assert len(parquet.read(tmp_path / "jobs/rate-1/images.parquet", UTILITY)) == 2


def test_what_was_joined_earlier_is_gone(tmp_path):
    linked(tmp_path, utility(0.0), utility(0.5))
    joined = linked(tmp_path, utility(0.7), rows=(2,))
    assert pd.read_parquet(tmp_path / "all").equals(joined.to_pandas())


def test_a_full_disk_is_not_the_fault_of_a_source(tmp_path, full_disk):
    paths = written(tmp_path, utility(0.0))
    with full_disk, pytest.raises(OSError, match="File too large") as raised:
        joining.link(paths, tmp_path / "all" / "_metadata", UTILITY, KEY, rows=[1])
    assert raised.value.filename == str(tmp_path / "all" / "images.parquet")


def test_without_links_files_are_copied(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    joined = linked(tmp_path, utility(0.0), utility(0.5))
    assert len(joined) == 4
    (copy, _) = sorted(Path(tmp_path, "all").rglob("*.parquet"))
    assert not copy.samefile(tmp_path / "jobs" / copy.relative_to(tmp_path / "all"))
