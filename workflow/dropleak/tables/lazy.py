"""Joined tables that may be larger than memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dropleak.tables import parquet

Condition = tuple[str, str, object]
"""A condition on rows, as in pyarrow's filters: `("dropout_rate", "==", 0.5)`.

Not "in" with a rate of 0.0: pyarrow 26 finds no such row in a file that has only those, as Parquet
gives -0.0 for their minimum.
"""

_MAKE_AGAIN = "; delete the job's file of the same name and run again"


class StoredTable:
    """A table from `joining.link`, read by the columns and rows that are needed.

    It is read one job at a time; jobs whose rows cannot meet the conditions are skipped.

    Args:
        index: the file `_metadata` in its folder.
        schema: that it must have.

    Raises:
        InputError: on opening or reading, naming the file and its problem.
    """

    def __init__(self, index: str | Path, schema: pa.Schema):
        parquet.inspect(index, schema)
        self._dataset = ds.parquet_dataset(
            index, format=ds.ParquetFileFormat(page_checksum_verification=True)
        )

    def read(self, columns: Sequence[str], *conditions: Condition) -> pa.Table:
        """Some columns of the rows that meet all conditions, in their order."""
        if conditions:
            empty = self._dataset.schema.empty_table().select(columns)
            return pa.concat_tables([empty, *self.parts(columns, *conditions)])
        try:  # at once, which takes half as long for all rows
            return self._dataset.to_table(columns=columns, use_threads=False)
        except parquet.DAMAGE:
            for _ in self.parts(columns):
                pass  # until the job whose file it is, which only this names
            raise

    def parts(self, columns: Sequence[str], *conditions: Condition) -> Iterator[pa.Table]:
        """The same, as a table for each job with such rows."""
        condition = pq.filters_to_expression(list(conditions)) if conditions else None
        # Not the data set's own batches: pyarrow reads ahead of a slow reader without a limit.
        for file in self._dataset.get_fragments():
            for job in file.split_by_row_group(condition):
                try:
                    rows = job.to_table(columns=columns, filter=condition, use_threads=False)
                except parquet.DAMAGE as error:
                    raise parquet.failure(file.path, error, _MAKE_AGAIN) from None
                if rows:
                    yield rows
