"""Tables in files that may be larger than the memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dropleak.tables import parquet

Condition = tuple[str, str, object]
"""What holds for a row, as pyarrow's filters have it: `("dropout_rate", "==", 0.5)`."""


class StoredTable:
    """A table in a file, of which a reader takes the columns and rows that it needs.

    Of a joined table the rows of one job are read at a time, and those of a job not at all if none
    can meet the conditions.

    Raises:
        InputError: here or when reading, naming the file and what is wrong with it.
    """

    def __init__(self, path: str | Path, schema: pa.Schema):
        parquet.inspect(path, schema)
        self._path = path
        self._dataset = ds.dataset(
            path, format=ds.ParquetFileFormat(page_checksum_verification=True)
        )

    def read(self, columns: Sequence[str], *conditions: Condition) -> pa.Table:
        """Some columns of the rows that meet all conditions, in their order."""
        none = self._dataset.schema.empty_table().select(columns)
        return pa.concat_tables([none, *self.parts(columns, *conditions)])

    def parts(self, columns: Sequence[str], *conditions: Condition) -> Iterator[pa.Table]:
        """The same, a table for each job that has such rows."""
        condition = pq.filters_to_expression(list(conditions)) if conditions else None
        # Not the data set's own batches: pyarrow reads ahead of a slow reader without a limit.
        try:
            for file in self._dataset.get_fragments():
                for job in file.split_by_row_group(condition):
                    if rows := job.to_table(columns=columns, filter=condition):
                        yield rows
        except parquet.DAMAGE as error:
            raise parquet.failure(self._path, error, parquet.ANEW) from None
