"""Tables in files that may be larger than memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dropleak.tables import parquet

Condition = tuple[str, str, object]
"""A condition on rows, as in pyarrow's filters: `("dropout_rate", "==", 0.5)`."""


class StoredTable:
    """A table in a file, read by the columns and rows that are needed.

    Joined tables are read one job at a time; jobs whose rows cannot meet the conditions are
    skipped.

    Raises:
        InputError: on opening or reading, naming the file and its problem.
    """

    def __init__(self, path: str | Path, schema: pa.Schema):
        parquet.inspect(path, schema)
        self._path = path
        self._dataset = ds.dataset(
            path, format=ds.ParquetFileFormat(page_checksum_verification=True)
        )

    def read(self, columns: Sequence[str], *conditions: Condition) -> pa.Table:
        """Some columns of the rows that meet all conditions, in their order."""
        empty = self._dataset.schema.empty_table().select(columns)
        return pa.concat_tables([empty, *self.parts(columns, *conditions)])

    def parts(self, columns: Sequence[str], *conditions: Condition) -> Iterator[pa.Table]:
        """The same, as a table for each job with such rows."""
        condition = pq.filters_to_expression(list(conditions)) if conditions else None
        # Not the data set's own batches: pyarrow reads ahead of a slow reader without a limit.
        try:
            for file in self._dataset.get_fragments():
                for job in file.split_by_row_group(condition):
                    if rows := job.to_table(columns=columns, filter=condition):
                        yield rows
        except parquet.DAMAGE as error:
            raise parquet.failure(self._path, error, parquet.DELETE) from None
