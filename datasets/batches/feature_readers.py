"""The store's features as model inputs, read with Ray Data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.batches.batching import Block, bytes_array, truncate_tokens
from datasets.storage import files
from datasets.store.feature_store import VIEWS, FeatureSpecs, folder_of, kept_bytes
from datasets.store.film_store import Store, StoreError, label_array
from datasets.store.shards import read_shards

if TYPE_CHECKING:
    import ray.data


def feature_table(store: Store, split: str, feature_specs: FeatureSpecs, *, cpus: float = 1) -> ray.data.Dataset:
    """Return a split's row, labels and stored features, in the store's order.

    Features are bytes, one column for each key of `feature_specs`.
    """
    folders = {
        column: files.resolve(folder_of(store, features.name, split)) for column, features in feature_specs.items()
    }
    films_on, _ = files.resolve(store.path)
    labels = pa.list_(pa.float32(), len(store.manifest.genres))
    columns = [("row", pa.int64()), ("labels", labels), *((column, pa.binary()) for column in folders)]
    empty = pa.schema(columns).empty_table()

    def read(path: str) -> pa.Table:
        films = pq.read_table(path, filesystem=films_on, columns=["row", "labels"], partitioning=None)
        for column, (filesystem, folder) in folders.items():
            part = f"{folder}/{path.rsplit('/', 1)[-1]}"
            table = pq.read_table(part, filesystem=filesystem, partitioning=None)
            if not table["row"].equals(films["row"]):
                raise StoreError(f"{folder} holds the features of other films than {path}: remove that folder")
            films = films.append_column(column, table["features"])
        return films

    paths = store.parts(split)
    part_bytes = kept_bytes(store, feature_specs.values(), split) / max(1, len(paths))
    return read_shards(paths, read, empty, cpus=cpus, part_bytes=part_bytes)


def feature_films(
    store: Store, split: str, feature_specs: FeatureSpecs, *, max_tokens: int = 0, cpus: float = 1
) -> ray.data.Dataset:
    """Return a split's features, one column for each key of `feature_specs`, and labels float32 [G].

    Features are a poster's views float16 [VIEWS, units], or an overview's vectors as bytes of float16 [length, units],
    truncated to `max_tokens`, and lengths int32.
    """

    def to_inputs(table: pa.Table) -> Block:
        return {**inputs_of(table, feature_specs, max_tokens=max_tokens), "labels": label_array(table["labels"])}

    films = feature_table(store, split, feature_specs, cpus=cpus)
    return films.map_batches(to_inputs, batch_format="pyarrow", num_cpus=cpus)


def inputs_of(table: pa.Table, feature_specs: FeatureSpecs, *, max_tokens: int = 0) -> Block:
    """Return the inputs (and lengths) of `feature_films` from a table of features."""
    block: Block = {}
    for column, features in feature_specs.items():
        rows = table[column].to_pylist()
        if features.of_tokens:
            block[column] = bytes_array(rows)
            block["lengths"] = np.array([len(row) // (2 * features.units) for row in rows], np.int32)
        else:
            block[column] = np.frombuffer(b"".join(rows), np.float16).reshape(-1, VIEWS, features.units)
    return truncate_tokens(block, vocabulary_size=0, max_tokens=max_tokens) if "lengths" in block else block
