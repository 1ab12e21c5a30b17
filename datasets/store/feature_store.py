"""The store's film features, computed once by a pretrained encoder.

features/NAME/split=SPLIT/part-*.parquet   row int64, features float16 as bytes: [views, units] of a poster, [tokens,
                                           units] of an overview; one file per Parquet file of films, in its order
features/NAME/split=SPLIT/features.json    encoder and store; written last: a folder with it is complete

NAME is the encoder, its input, and the beginning of its weights' SHA-256: other weights have another folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from datasets.storage import atomic, files
from datasets.store.film_store import Store

SCHEMA = pa.schema([("row", pa.int64()), ("features", pa.binary())])
VIEWS = 2
"""A poster and its mirror image."""
FEATURES_FILE = "features.json"
"""Metadata file of a features folder; a folder with it is complete."""
_OWN = re.compile(r"part-\d+\.parquet|" + re.escape(FEATURES_FILE))


@dataclass(frozen=True)
class Features:
    """Metadata of stored features."""

    encoder: str
    weights: str
    """SHA-256 of the encoder's weights."""
    input: str
    """Input of the encoder: "192x128" pixels of the poster, "256-tokens" of the overview."""
    units: int = 0
    """Length of a vector; 0 before any was computed."""

    @property
    def name(self) -> str:
        """Return the folder name of the features."""
        return f"{self.encoder}-{self.input}-{self.weights[:12]}"

    @property
    def of_tokens(self) -> bool:
        """Return whether the features are of an overview's tokens, not of a poster."""
        return self.input.endswith("tokens")


FeatureSpecs = Mapping[str, Features]
"""A model's input features by block column: "inputs", or "poster" and "tokens"."""


def folder_of(store: Store, name: str, split: str) -> str:
    """Return the folder of a split's features."""
    return files.join(store.path, "features", name, f"split={split}")


def kept(store: Store, wanted: Features, split: str) -> Features | None:
    """Return the stored features with their `units`; None where missing or of other films."""
    try:
        values = files.parse_json(files.read_text(files.join(folder_of(store, wanted.name, split), FEATURES_FILE)))
        source = {"store": values.pop("store"), "films": values.pop("films")}
        stored = Features(**values)
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    is_wanted = replace(stored, units=0) == replace(wanted, units=0) and source == _films_of(store, split)
    return stored if is_wanted and _has_all_parts(store, wanted, split) else None


def _has_all_parts(store: Store, features: Features, split: str) -> bool:
    """Return whether every file of films has a file of features; other jobs may remove some."""
    filesystem, inner = files.resolve(folder_of(store, features.name, split))
    names = {info.base_name for info in filesystem.get_file_info(pafs.FileSelector(inner))}
    return names >= {path.rsplit("/", 1)[-1] for path in store.parts(split)}


def _films_of(store: Store, split: str) -> dict[str, Any]:
    return {"store": store.manifest.fingerprint, "films": store.whole.films[split]}


def is_own(path: str) -> bool:
    """Return whether a path within a features folder is that of one of its files."""
    return bool(_OWN.fullmatch(path))


def write_part(folder: str, part: str, rows: Sequence[int], features: Sequence[bytes]) -> None:
    """Write the features of one file of films, under the same name."""
    filesystem, inner = files.resolve(folder)
    filesystem.create_dir(inner, recursive=True)
    table = pa.table({"row": rows, "features": features}, schema=SCHEMA)
    # float16 features hardly compress.
    pq.write_table(table, f"{inner}/{part.rsplit('/', 1)[-1]}", filesystem=filesystem, compression="none")


def finish(folder: str, features: Features, store: Store, split: str) -> None:
    """Write the metadata of a folder, which marks it complete."""
    atomic.write_text(
        files.join(folder, FEATURES_FILE), json.dumps(asdict(features) | _films_of(store, split), indent=2)
    )


def kept_bytes(store: Store, feature_specs: Iterable[Features], split: str) -> int:
    """Return the size of a split's features in bytes."""
    folders = [files.resolve(folder_of(store, features.name, split)) for features in feature_specs]
    return sum(
        info.size or 0 for filesystem, inner in folders for info in filesystem.get_file_info(pafs.FileSelector(inner))
    )
