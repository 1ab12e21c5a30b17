"""Features of films, made once by a pretrained encoder and kept in the store beside the films themselves.

features/NAME/split=SPLIT/part-*.parquet   row int64, features float16 as bytes: [views, units] of a poster, [tokens,
                                           units] of an overview; a file for each of the split's films, in its order
features/NAME/split=SPLIT/features.json    which encoder, of which films; written last: a folder with it is whole

NAME is the encoder, what it was given, and the beginning of its weights' SHA-256: other weights have another folder.
"""

from __future__ import annotations

import json
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
ABOUT = "features.json"
"""What a folder of features says of itself; one that has it is whole."""


@dataclass(frozen=True)
class Features:
    """Which features: what a folder of them says of itself."""

    encoder: str
    weights: str
    """SHA-256 of the encoder's weights."""
    input: str
    """What the encoder is given of a film: "192x128" pixels of its poster, "256-tokens" of its overview."""
    units: int = 0
    """Length of a vector; 0 before any was made."""

    @property
    def name(self) -> str:
        """Return the name of their folder."""
        return f"{self.encoder}-{self.input}-{self.weights[:12]}"

    @property
    def of_tokens(self) -> bool:
        """Return whether they are of an overview's tokens, and not of a poster."""
        return self.input.endswith("tokens")


FeatureSpecs = Mapping[str, Features]
"""The features that a model is fed, by the column of a block that holds them: "inputs", or "poster" and "tokens"."""


def parse_feature_specs(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Features]:
    """Parse the features recorded in a checkpoint (`Checkpoint.features`)."""
    return {column: Features(**features) for column, features in told.items()}


def folder_of(store: Store, name: str, split: str) -> str:
    """Return where a split's features are kept."""
    return files.join(store.path, "features", name, f"split={split}")


def kept(store: Store, wanted: Features, split: str) -> Features | None:
    """Return these features as the store keeps them, `units` and all; None where it has none, or of other films."""
    try:
        about = json.loads(files.read_text(files.join(folder_of(store, wanted.name, split), ABOUT)))
        of = {"store": about.pop("store"), "films": about.pop("films")}
        found = Features(**about)
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    is_wanted = replace(found, units=0) == replace(wanted, units=0) and of == _films_of(store, split)
    return found if is_wanted and _has_all_parts(store, wanted, split) else None


def _has_all_parts(store: Store, features: Features, split: str) -> bool:
    """Return whether there is a file of features for each of films: on a shared disk another job may have meddled."""
    filesystem, inner = files.resolve(folder_of(store, features.name, split))
    there = {info.base_name for info in filesystem.get_file_info(pafs.FileSelector(inner))}
    return there >= {path.rsplit("/", 1)[-1] for path in store.parts(split)}


def _films_of(store: Store, split: str) -> dict[str, Any]:
    return {"store": store.manifest.fingerprint, "films": store.manifest.films[split]}


def write_part(folder: str, part: str, rows: Sequence[int], features: Sequence[bytes]) -> None:
    """Write the features of one file of films, under that file's name."""
    filesystem, inner = files.resolve(folder)
    filesystem.create_dir(inner, recursive=True)
    table = pa.table({"row": rows, "features": features}, schema=SCHEMA)
    # float16 is all but noise to a compressor.
    pq.write_table(table, f"{inner}/{part.rsplit('/', 1)[-1]}", filesystem=filesystem, compression="none")


def finish(folder: str, features: Features, store: Store, split: str) -> None:
    """Say that a folder is whole, and what it holds."""
    atomic.write_text(files.join(folder, ABOUT), json.dumps(asdict(features) | _films_of(store, split), indent=2))


def kept_bytes(store: Store, feature_specs: Iterable[Features], split: str) -> int:
    """Return the bytes of a split's features."""
    folders = [files.resolve(folder_of(store, features.name, split)) for features in feature_specs]
    return sum(
        info.size or 0 for filesystem, inner in folders for info in filesystem.get_file_info(pafs.FileSelector(inner))
    )
