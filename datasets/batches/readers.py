"""The store's films as model inputs, read with Ray Data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.batches.batching import Block
from datasets.storage import files
from datasets.store.film_store import Store, film_schema, label_array, poster_array
from datasets.store.shards import read_shards
from datasets.text.pretrained_tokenizer import WordPiece
from datasets.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import ray.data

Tokens = Vocabulary | WordPiece
"""An encoder of overviews into token ids."""


def read_films(store: Store, split: str, columns: list[str], *, cpus: float = 1) -> ray.data.Dataset:
    """Return columns of a split, in the store's order; each task requests `cpus` from Ray."""
    filesystem, _ = files.resolve(store.folder(split))
    shape = store.manifest.poster_shape
    schema = film_schema(len(store.manifest.genres), shape)
    empty = pa.schema([schema.field(name) for name in columns]).empty_table()

    def read(path: str) -> pa.Table:
        return pq.read_table(path, filesystem=filesystem, columns=columns, partitioning=None)

    paths = store.parts(split)
    film_bytes = math.prod(shape) if "poster" in columns else 0
    part_bytes = film_bytes * store.manifest.films[split] / max(1, len(paths))
    return read_shards(paths, read, empty, cpus=cpus, part_bytes=part_bytes)


def poster_films(store: Store, split: str, *, cpus: float = 1) -> ray.data.Dataset:
    """Return a split's inputs uint8 [H, W, 3] and labels float32 [G]."""
    shape = store.manifest.poster_shape

    def to_inputs(table: pa.Table) -> Block:
        return {"inputs": poster_array(table["poster"], shape), "labels": label_array(table["labels"])}

    films = read_films(store, split, ["poster", "labels"], cpus=cpus)
    return films.map_batches(to_inputs, batch_format="pyarrow", num_cpus=cpus)


def overview_films(
    store: Store, split: str, vocabulary: Tokens, *, max_tokens: int, cpus: float = 1
) -> ray.data.Dataset:
    """Return a split's inputs int32 [max_tokens] (token ids), lengths int32 and labels float32 [G]."""

    def to_inputs(table: pa.Table) -> Block:
        ids, lengths = vocabulary.encode(table["overview"].to_pylist(), max_tokens=max_tokens)
        return {"inputs": ids, "lengths": lengths, "labels": label_array(table["labels"])}

    films = read_films(store, split, ["overview", "labels"], cpus=cpus)
    return films.map_batches(to_inputs, batch_format="pyarrow", num_cpus=cpus)


def both_films(store: Store, split: str, vocabulary: Tokens, *, max_tokens: int, cpus: float = 1) -> ray.data.Dataset:
    """Return a split's poster uint8 [H, W, 3], tokens int32 [max_tokens], lengths int32; labels float32 [G]."""
    shape = store.manifest.poster_shape

    def to_inputs(table: pa.Table) -> Block:
        ids, lengths = vocabulary.encode(table["overview"].to_pylist(), max_tokens=max_tokens)
        labels = label_array(table["labels"])
        return {"poster": poster_array(table["poster"], shape), "tokens": ids, "lengths": lengths, "labels": labels}

    films = read_films(store, split, ["poster", "overview", "labels"], cpus=cpus)
    return films.map_batches(to_inputs, batch_format="pyarrow", num_cpus=cpus)


def blocks_of(iterator: Any) -> Iterator[Block]:
    """Yield the blocks of a Ray Data iterator or dataset as numpy, without copying."""
    yield from iterator.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=2)
