"""Rows written one by one to a local Arrow file, then memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

_ROWS_A_BATCH = 4096  # Held as Python objects until they are written.


class RowFile:
    """Writer of rows to a local file, deletable once `finish` has mapped it."""

    def __init__(self, file: str, schema: pa.Schema) -> None:
        self._file, self.schema = file, schema
        self._writer = pa.ipc.new_file(file, schema)
        self._start()

    def _start(self) -> None:
        self.columns: list[list[Any]] = [[] for _ in self.schema]
        self._append = [column.append for column in self.columns]

    def add(self, *values: Any) -> None:
        """Write a row, its values in the schema's order."""
        for append, value in zip(self._append, values, strict=True):
            append(value)
        if len(self.columns[0]) == _ROWS_A_BATCH:
            self._write()

    def _write(self) -> None:
        arrays = [pa.array(column, field.type) for column, field in zip(self.columns, self.schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self.schema))
        self._start()

    def finish(self) -> pa.Table:
        """Return all rows, mapped."""
        if self.columns[0]:
            self._write()
        self._writer.close()
        return mapped(self._file)


def mapped(file: str) -> pa.Table:
    """Return the rows of an Arrow file without reading them."""
    return pa.ipc.open_file(pa.memory_map(file)).read_all()


def taken(batches: Sequence[pa.RecordBatch], places: np.ndarray) -> pa.Table:
    """Return the rows `places` of a table, given as its batches, in that order.

    `pa.Table.take` would concatenate the batches first: all overviews of a memory-mapped table, again for each part.
    """
    starts = np.cumsum([0, *(len(batch) for batch in batches)])
    batch_of = np.searchsorted(starts, places, side="right") - 1
    order = np.argsort(batch_of, kind="stable")
    selected = []
    for number, rows in zip(*_runs(batch_of[order], places[order]), strict=True):
        selected.append(batches[number].take(pa.array(rows - starts[number])))
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return pa.Table.from_batches(selected).combine_chunks().take(pa.array(inverse))


def _runs(numbers: np.ndarray, values: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """Return the unique numbers of a sorted array, and the values of each."""
    different, starts = np.unique(numbers, return_index=True)
    return different.tolist(), np.split(values, starts[1:])
