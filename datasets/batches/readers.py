"""Columns of the store's films, read with Ray Data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.batches.batching import Block
from datasets.storage import files
from datasets.store.film_store import Store, film_schema, reading
from datasets.store.shards import read_shards

if TYPE_CHECKING:
    import ray.data


def read_films(store: Store, split: str, columns: list[str], *, cpus: float = 1) -> ray.data.Dataset:
    """Return columns of a split, in the store's order; each task requests `cpus` from Ray."""
    shape, selection, folder = store.manifest.poster_shape, store.selection, store.folder(split)
    schema = film_schema(len(store.manifest.genres), shape)
    empty = pa.schema([schema.field(name) for name in columns]).empty_table()

    def read(path: str) -> pa.Table:
        # Resolved in each task: a filesystem of S3 loses its number of tries on the way to a worker.
        filesystem, _ = files.resolve(folder)
        with reading(path):
            return pq.read_table(path, filesystem=filesystem, columns=columns, partitioning=None, filters=selection)

    paths = store.parts(split)
    film_bytes = math.prod(shape) if "poster" in columns else 0
    part_bytes = film_bytes * store.whole.films[split] / max(1, len(paths))
    return read_shards(paths, read, empty, cpus=cpus, part_bytes=part_bytes)


def blocks_of(iterator: Any) -> Iterator[Block]:
    """Yield the blocks of a Ray Data iterator or dataset as numpy, without copying."""
    yield from iterator.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=2)
