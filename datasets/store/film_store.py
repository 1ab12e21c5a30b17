"""The film store: one folder of Parquet files, prepared once and read by every job.

manifest.json                            metadata of the store; written last: a store with one is complete
films/split=SPLIT/part-*.parquet         row int64, id, overview, labels float32 [G], poster uint8 [H*W*3] as bytes,
                                         poster_file (where the whole poster lies); has_poster and has_overview bool, if
                                         there are films that lack one
words.parquet                            words of the training overviews and their counts, most common first
rejects.csv                              films rejected: id, row, reason, detail
features/                                pretrained encoders' features of the films (`datasets/store/feature_store.py`)
"""

from __future__ import annotations

import contextlib
import functools
import json
import operator
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from datasets.storage import atomic, files
from datasets.storage.failures import explained, is_remote

SPLITS = ("train", "validation", "test")
PRESENCE = {"poster": "has_poster", "overview": "has_overview"}
"""Columns of a store whose films do not all have both."""
POSTER_FILE = "poster_file"
"""Column of the posters' locators (`datasets/tables/sources.py`); older stores have none."""
FORMAT = 1
MANIFEST = "manifest.json"
_AT_ONCE = 16  # files read concurrently on an object store
SCRATCH = ".preparing"
"""Folder of temporary files in a store that is being prepared."""
_OF_EVERY_MANIFEST = {"genres", "films", "poster", "split", "fingerprint"}
_OWN = re.compile(
    rf"manifest\.json|words\.parquet|rejects\.csv|{re.escape(SCRATCH)}/.+|films/split=\w+/part-\d+\.parquet"
    r"|features/[^/]+/\.?split=[^/]+/(part-\d+\.parquet|features\.json)"
)


class StoreError(ValueError):
    """An error for a missing or unusable film store; the message is for the user."""


@dataclass(frozen=True)
class Manifest:
    """Metadata of a store."""

    genres: tuple[str, ...]
    films: dict[str, int]
    """Number of films of each split."""
    genre_films: dict[str, dict[str, int]]
    """Number of films of each genre, by split."""
    poster: dict[str, int]
    """{"height", "width"} of the stored posters, in pixels."""
    split: dict[str, Any]
    """{"seed", "shares"} of the stratified split, and "train_share" if below 1."""
    source: dict[str, Any]
    """{"folder", "fingerprint" (SHA-256 of the CSV), "films", "repeats", "rejects": counts by reason}."""
    fingerprint: str
    """Identifies the store's films and split."""
    created: str
    versions: dict[str, str]
    having: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Counts of the films that have a "poster", an "overview" or "both": {"films", "genre_films"} as above. Empty if
    all films have both: a missing poster is black, and a missing overview empty."""
    format: int = FORMAT

    @property
    def poster_shape(self) -> tuple[int, int, int]:
        """Return (height, width, 3)."""
        return self.poster["height"], self.poster["width"], 3

    def films_of_genres(self, split: str) -> tuple[int, ...]:
        """Return a split's number of films of each genre, in the genres' order."""
        return tuple(self.genre_films[split][genre] for genre in self.genres)


def film_schema(genres: int, poster_shape: tuple[int, int, int], *, incomplete: bool = False) -> pa.Schema:
    """Return the schema of a store's Parquet files; `incomplete` if some films lack poster or overview."""
    presence = [(name, pa.bool_()) for name in PRESENCE.values()] if incomplete else []
    return pa.schema(
        [
            ("row", pa.int64()),
            ("id", pa.string()),
            ("overview", pa.string()),
            ("labels", pa.list_(pa.float32(), genres)),
            # Raw bytes rather than a list of numbers: Parquet would store each pixel as a 32-bit integer.
            ("poster", pa.binary(int(np.prod(poster_shape)))),
            (POSTER_FILE, pa.string()),
            *presence,
        ]
    )


class Store:
    """An open film store, or a view of some of its films."""

    def __init__(
        self, path: str, manifest: Manifest, needs: tuple[str, ...] = (), whole: Manifest | None = None
    ) -> None:
        """Describe a store; `needs` are keys of `PRESENCE` that all films of a view have."""
        self.path = path
        self.manifest = manifest
        """Counts are those of the view."""
        self.needs = needs
        self.whole = whole or manifest
        """Counts are those of all films."""

    def having(self, *needs: str) -> Store:
        """Return a view of the films that have "poster", "overview" or both; the store itself if all have."""
        counts = self.whole.having.get("both" if len(needs) > 1 else needs[0]) if needs else None
        if not counts or counts["films"] == self.whole.films:
            return Store(self.path, self.whole)
        manifest = replace(self.whole, films=counts["films"], genre_films=counts["genre_films"])
        return Store(self.path, manifest, needs, self.whole)

    @property
    def selection(self) -> pc.Expression | None:
        """Return the condition on columns of the store's files for films of the view; None for all films."""
        conditions = [pc.field(PRESENCE[need]) for need in self.needs]
        return functools.reduce(operator.and_, conditions) if conditions else None

    def has(self, need: str) -> bool:
        """Return whether any film has a "poster", or an "overview"."""
        return not self.whole.having or any(self.whole.having[need]["films"].values())

    @classmethod
    def open(cls, path: str) -> Store:
        """Open a store.

        Raises:
            StoreError: it is missing, damaged, of another format version, or has not the films in its manifest.
        """
        where = files.join(files.absolute(path), MANIFEST)
        if not files.exists(where):
            raise StoreError(
                f"there is no film store at {path} (no manifest.json): make one with "
                f"`python ray_jobs/prepare_data.py --films FOLDER --store {shlex.quote(path)}`"
            )
        try:
            values = files.parse_json(files.read_text(where))
            if values["format"] != FORMAT:
                raise StoreError(
                    f"{where} has format {values['format']}, this version reads {FORMAT}: "
                    "prepare the films again with --overwrite"
                )
            store = cls(files.absolute(path), _manifest(values))
        except StoreError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if is_remote(error):
                raise
            why = f"{type(error).__name__}: {str(error)[:100]}"
            raise StoreError(
                f"{where} is damaged, or not that of a film store ({why}): name another --store, or move that folder "
                "away and prepare the films again"
            ) from error
        store.check_rows()
        return store

    def check_rows(self) -> None:
        """Compare the rows of the store's files with its manifest.

        Raises:
            StoreError: a file cannot be read, or a split has more or fewer films; the message names the files.
        """
        for split, films in self.whole.films.items():
            filesystem, _ = files.resolve(self.folder(split))
            paths = self.parts(split)

            def rows(path: str, filesystem: pafs.FileSystem = filesystem) -> int:
                with reading(path):
                    return int(pq.read_metadata(path, filesystem=filesystem).num_rows)

            with ThreadPoolExecutor(_AT_ONCE) as pool:
                found = sum(pool.map(rows, paths))
            if found != films:
                strange = [path for path in paths if not is_own(f"films/split={split}/{path.rsplit('/', 1)[-1]}")]
                hint = f" ({', '.join(strange[:3])} {'is' if len(strange) == 1 else 'are'} no file of a store)"
                raise StoreError(
                    f"{self.folder(split)} holds {found:,} films, and {MANIFEST} says {films:,}"
                    f"{hint if strange else ''}: remove what was copied into it, or prepare the films again with "
                    "--overwrite"
                )

    @property
    def summary(self) -> dict[str, Any]:
        """Return the facts that models keep of the store that they were trained on."""
        manifest = self.manifest
        return {
            "fingerprint": manifest.fingerprint,
            "path": self.path,
            "films": manifest.films,
            "poster": manifest.poster,
        }

    def folder(self, split: str) -> str:
        """Return the folder of a split's Parquet files."""
        return files.join(self.path, "films", f"split={split}")

    def parts(self, split: str) -> list[str]:
        """Return the paths of a split's Parquet files on its filesystem, in order; hidden ones are not its own."""
        filesystem, inner = files.resolve(self.folder(split))
        infos = filesystem.get_file_info(pafs.FileSelector(inner, allow_not_found=True))
        return sorted(
            info.path
            for info in infos
            if info.is_file and info.extension == "parquet" and not info.base_name.startswith((".", "_"))
        )

    def table(self, split: str, columns: list[str]) -> pa.Table:
        """Read small columns (not "poster") of a split into memory, in the store's order."""
        filesystem, _ = files.resolve(self.folder(split))
        if not self.manifest.films[split]:
            shape = self.manifest.poster_shape
            return film_schema(len(self.manifest.genres), shape).empty_table().select(columns)
        with reading(self.folder(split)):
            films = pads.dataset(self.parts(split), filesystem=filesystem, format="parquet")
            return films.to_table(columns=columns, filter=self.selection).combine_chunks()

    def labels(self, split: str) -> np.ndarray:
        """Return a split's labels, float32 [films, genres], in the store's order."""
        return label_array(self.table(split, ["labels"])["labels"])

    def word_counts(self) -> list[tuple[str, int]]:
        """Return the words of the training overviews with their counts, most common first."""
        filesystem, inner = files.resolve(files.join(self.path, "words.parquet"))
        with reading(inner):
            table = pq.read_table(inner, filesystem=filesystem, columns=["word", "count"])
        return list(zip(table["word"].to_pylist(), table["count"].to_pylist(), strict=True))


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Raise StoreError, naming a store's file or folder, where the block cannot read it."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:  # of a column's name that is no text, say
        if is_remote(error):
            raise StoreError(f"{path} cannot be read: {explained(error)}") from error
        why = str(error).strip().splitlines()
        raise StoreError(
            f"{path} is missing or damaged ({why[0] if why else error!r}): copy it again, or prepare the films again "
            "with --overwrite"
        ) from error


def _manifest(values: dict[str, Any]) -> Manifest:
    """Return the manifest that a manifest.json holds; raise ValueError or TypeError for another."""
    manifest = Manifest(**{**values, "genres": tuple(values["genres"])})
    genres, films = manifest.genres, manifest.films
    if not genres or not all(isinstance(genre, str) for genre in genres) or len(set(genres)) != len(genres):
        raise ValueError(f"genres {genres}")
    if films.keys() != set(SPLITS) or not all(isinstance(count, int) and count >= 0 for count in films.values()):
        raise ValueError(f"films {films}")
    if not all(isinstance(size, int) and size > 0 for size in manifest.poster_shape):
        raise ValueError(f"posters of {manifest.poster}")
    return manifest


def is_own(path: str) -> bool:
    """Return whether a path within a store's folder is that of one of its files."""
    return bool(_OWN.fullmatch(path))


def is_store(path: str) -> bool:
    """Return whether a folder has the manifest of a film store, of any version."""
    try:
        values = files.parse_json(files.read_text(files.join(files.absolute(path), MANIFEST)))
        return isinstance(values["format"], int) and values.keys() >= _OF_EVERY_MANIFEST
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write_manifest(path: str, manifest: Manifest) -> None:
    """Write a store's manifest, the last file of a store."""
    text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False)
    atomic.write_text(files.join(path, "manifest.json"), text)


def label_array(column: pa.ChunkedArray | pa.FixedSizeListArray) -> np.ndarray:
    """Convert a labels column to float32 [films, genres]."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # an empty column keeps its chunks
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), array.type.list_size)


def poster_array(column: pa.ChunkedArray, shape: tuple[int, int, int]) -> np.ndarray:
    """Convert a poster column to uint8 [films, height, width, 3], zero-copy for one chunk."""
    parts = [
        np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, *shape)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty((0, *shape), np.uint8)])
