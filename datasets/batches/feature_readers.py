"""The store's features beside its films, read with Ray Data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.storage import files
from datasets.store.feature_store import FeatureSpecs, folder_of, kept_bytes
from datasets.store.film_store import PRESENCE, Store, StoreError, film_schema, reading
from datasets.store.shards import read_shards

if TYPE_CHECKING:
    import ray.data


def feature_table(
    store: Store, split: str, feature_specs: FeatureSpecs, *, columns: Sequence[str] = ("labels",), cpus: float = 1
) -> ray.data.Dataset:
    """Return a split's row, columns and stored features, in the store's order.

    Features are bytes, one column for each key of `feature_specs`.
    """
    folders = {column: folder_of(store, features.name, split) for column, features in feature_specs.items()}
    place = store.path
    schema = film_schema(len(store.manifest.genres), store.manifest.poster_shape)
    names = list(dict.fromkeys(("row", *columns)))
    fields = [*(schema.field(name) for name in names), *(pa.field(column, pa.binary()) for column in folders)]
    empty = pa.schema(fields).empty_table()
    presence, selection = [PRESENCE[need] for need in store.needs], store.selection

    def read(path: str) -> pa.Table:
        films_on, _ = files.resolve(place)  # in each task, as `readers.read_films` does
        with reading(path):
            films = pq.read_table(path, filesystem=films_on, columns=[*names, *presence], partitioning=None)
        for column, folder in folders.items():
            filesystem, inner = files.resolve(folder)
            part = f"{inner}/{path.rsplit('/', 1)[-1]}"
            try:
                table = pq.read_table(part, filesystem=filesystem, partitioning=None)
            except (OSError, pa.ArrowException) as error:
                raise StoreError(f"{part} is missing or damaged: remove {folder}, and it is made again") from error
            if not table["row"].equals(films["row"]):
                raise StoreError(f"{folder} holds the features of other films than {path}: remove that folder")
            films = films.append_column(column, table["features"])
        return films.filter(selection).drop_columns(presence) if presence else films

    paths = store.parts(split)
    part_bytes = kept_bytes(store, feature_specs.values(), split) / max(1, len(paths))
    return read_shards(paths, read, empty, cpus=cpus, part_bytes=part_bytes)
