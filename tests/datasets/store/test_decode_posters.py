"""Rows by place, as Arrow takes them and without joining what they are taken from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from datasets.storage import malloc_trim
from datasets.store.decode_posters import taken

POOL = pa.proxy_memory_pool(pa.default_memory_pool())  # must outlive what it gave


def films(number: int, *, letters: int = 12) -> pa.Table:
    labels = pa.array(np.arange(2 * number, dtype=np.float32))
    return pa.table(
        {
            "id": [f"film-{place}" for place in range(number)],
            "overview": [str(place % 10) * letters for place in range(number)],
            "labels": pa.FixedSizeListArray.from_arrays(labels, 2),
        }
    )


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_rows_are_those_that_arrow_takes_in_their_order(size: int) -> None:
    table = films(100)
    # As a file's rows come, some left out: batches of several lengths, one of them empty.
    batches = table.slice(3).to_batches(max_chunksize=size)
    empty = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in table.schema], schema=table.schema)
    batches.insert(1, empty)
    whole = pa.Table.from_batches(batches)
    order = np.random.default_rng(0).permutation(len(whole))
    for places in (order, order[:5], order[:1]):
        assert taken(batches, places).equals(whole.take(pa.array(places)).combine_chunks())


def test_what_is_taken_from_is_not_joined(tmp_path: Path) -> None:
    """A few of many films take the memory of those few, however they are spread."""
    table = films(20_000, letters=1000)
    with pa.ipc.new_file(str(tmp_path / "films.arrow"), table.schema) as file:
        file.write_table(table, max_chunksize=1000)
    mapped = pa.ipc.open_file(pa.memory_map(str(tmp_path / "films.arrow"))).read_all()
    before = pa.default_memory_pool()
    pa.set_memory_pool(POOL)
    try:
        some = taken(mapped.to_batches(), np.arange(0, 20_000, 100))
    finally:
        pa.set_memory_pool(before)
    assert len(some) == 200
    assert POOL.max_memory() < table.nbytes / 20


def test_giving_memory_back_hurts_nobody_who_has_none_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without glibc, and many times in a row."""

    def absent(name: str) -> None:
        raise OSError(name)

    calls = []
    monkeypatch.setattr(malloc_trim, "_last", 0.0)
    monkeypatch.setattr(malloc_trim.ctypes, "CDLL", lambda name: calls.append(name) or absent(name))
    malloc_trim.malloc_trim()
    malloc_trim.malloc_trim()
    assert calls == ["libc.so.6"]  # the second came too soon
