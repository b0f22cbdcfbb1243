"""Joining the tables of many jobs: small ones into a file, large ones into a folder of links."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dropleak.errors import InputError
from dropleak.runtime.files import atomic
from dropleak.tables import parquet


def concatenate(
    sources: Sequence[str | Path], target: str | Path, schema: pa.Schema, key: Sequence[str]
) -> None:
    """Join small tables into one file.

    Args:
        sources: of the same images, ordered by all of `key` but the last.
        target: file to write, with the metadata of the sources except their origin.
        schema: of all of them.
        key: columns that identify a row.

    Raises:
        InputError: if a table does not fit, or two rows have the same values in `key`.
    """
    joined = _Joined(key)
    tables = [joined.add(source, parquet.read(source, schema)) for source in sources]
    parquet.write(pa.concat_tables(tables), target)


def link(
    sources: Sequence[str | Path],
    index: str | Path,
    schema: pa.Schema,
    key: Sequence[str],
    rows: Sequence[int],
) -> None:
    """Join tables into a folder of links to their files, without copying them.

    The folder is a Parquet data set: pandas and others read it as one table. Only the columns of
    the key are read. Where a file system has no hard links, files are copied.

    Args:
        sources: as above.
        index: the file `_metadata` in the folder, with what is at the ends of all files, in their
            order. The folder's earlier content is deleted.
        schema: as above.
        key: as above.
        rows: how many of each source's first rows to take; fewer than all are copied.

    Raises:
        InputError: as above.
    """
    folder, joined, parts = Path(index).parent, _Joined(key), []
    shutil.rmtree(folder, ignore_errors=True)
    above = os.path.commonpath([Path(source).parent for source in sources])
    for source, count in zip(sources, rows, strict=True):
        name = Path(source).relative_to(above)
        with parquet.opened(source, schema) as file:
            joined.add(source, file.read(key).slice(0, count))
            first = file.read().slice(0, count) if count < file.metadata.num_rows else None
        if first is None:
            _link(source, folder / name)
        else:
            parquet.write(first, folder / name)
        part = pq.read_metadata(folder / name)
        part.set_file_path(name.as_posix())
        parts.append(part)
    with atomic(index) as partial:
        pq.write_metadata(schema.with_metadata(joined.metadata), partial, parts)


def _link(source: str | Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class _Joined:
    """Checks that tables belong together, remembering one group of rows at a time."""

    metadata: dict
    """What all have but their origin."""

    def __init__(self, key: Sequence[str]):
        self._key = key
        self._first: str | Path | None = None
        self._groups: set[tuple] = set()
        self._seen: set[tuple] = set()

    def add(self, source: str | Path, table: pa.Table) -> pa.Table:
        """A source's table without its origin; a group's rows must be contiguous.

        Raises:
            InputError: it is of other images, or a row occurred before.
        """
        table = parquet.without_origin(table)
        if self._first is None:
            self._first, self.metadata = source, table.schema.metadata
        if table.schema.metadata != self.metadata:
            raise InputError(f"{source}: is of other images than {self._first}")
        for row in zip(*(table[name].to_pylist() for name in self._key), strict=True):
            *group, last = row
            if tuple(group) not in self._groups:
                self._groups.add(tuple(group))
                self._seen = set()
                self._current = group
            if group != self._current or last in self._seen:
                words = ", ".join(f"{k} {v}" for k, v in zip(self._key, row, strict=True))
                raise InputError(f"{source}: has a second row for {words}")
            self._seen.add(last)
        return table
