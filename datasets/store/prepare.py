"""Preparation of a film store from a films folder, as Ray Data tasks.

Two passes keep memory independent of the number of films. The first (`datasets/store/decode_posters.py`) decodes
posters into temporary files and returns the input of the split, 28 bytes per film with 25 genres. The second writes
those films by split. Then the store is published.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray.data

from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.posters import MAX_PIXELS
from datasets.raw.rejects import DUPLICATE_ID, FilmsError, Reject, write_rejects
from datasets.storage import atomic, files
from datasets.storage.atomic import new_folder
from datasets.storage.malloc_trim import malloc_trim
from datasets.store import film_store
from datasets.store.decode_posters import Decoded, Decoder, Progress, decode, read_decoded, write_parquet
from datasets.store.film_store import SPLITS, Manifest
from datasets.store.shards import map_shards
from datasets.store.split import count_genres, split_hashed, subsample
from datasets.text.vocabulary import MOST_WORDS, add_counts, count_words


@dataclass(frozen=True)
class Preparation:
    """Options of a store's preparation."""

    height: int = 64
    """Height of the stored posters in pixels."""
    width: int = 64
    """Width of the stored posters in pixels."""
    shares: dict[str, float] = field(default_factory=lambda: {"train": 0.7, "validation": 0.1, "test": 0.2})
    """Share of the films in each split."""
    train_share: float = 1.0
    """Share of the training films kept in the store; smaller shares are subsets of larger ones."""
    seed: int = 0
    """Seeds the split and the order of the films in the store."""
    max_rejects: float = 0.05
    """Largest share of films that may be rejected."""
    max_pixels: int = MAX_PIXELS
    """Posters with more pixels are rejected undecoded."""
    read: ReadOptions = field(default_factory=ReadOptions)
    """Columns, genres and films that lack a poster or an overview."""


def prepare(
    folder: str,
    path: str,
    how: Preparation,
    progress: Progress = lambda *_: None,
    tell: Callable[[FilmList], None] = lambda _: None,
) -> Manifest:
    """Prepare a store at `path` from the films in `folder`; return its manifest.

    `tell` is called with the films as they were read, before posters are decoded. An existing store at `path` is
    replaced once the new one is complete; the caller must ask first.

    Raises:
        FilmsError: the folder cannot be read, or more than `max_rejects` of its films would be rejected.
    """
    path = files.absolute(path)
    with new_folder(path, last=film_store.MANIFEST, own=film_store.is_own) as work:
        scratch = files.join(work, film_store.SCRATCH)
        films = read_films(folder, how.read, aside=_local(scratch), spill=files.join(scratch, "pictures"))
        tell(films)
        incomplete = films.lacking > 0
        schema = film_store.film_schema(len(films.genres), (how.height, how.width, 3), incomplete=incomplete)
        decoder = Decoder(folder, scratch, schema, how.height, how.width, how.seed, how.max_pixels)
        decoded = decode(films, decoder, progress)
        for name in ("rows", "pictures"):
            files.remove_folder(files.join(scratch, name))
        rejects = sorted([*films.rejects, *decoded.rejects], key=lambda reject: reject.row)
        _check_rejects(films, rejects, how.max_rejects, folder)
        shares = {name: how.shares.get(name, 0) for name in SPLITS}
        splits = split_hashed(decoded.words, decoded.labels, genres=len(films.genres), shares=shares, seed=how.seed)
        subsample(splits, decoded.words, SPLITS.index("train"), how.train_share)
        malloc_trim()
        words = _sort_into_splits(work, scratch, decoded, splits, progress)
        _write_words(work, words)
        _write_rejects(work, rejects)
        manifest = _manifest(films, folder, decoded, splits, rejects, how)
        film_store.write_manifest(work, manifest)
        files.remove_folder(scratch)
    return manifest


def _local(scratch: str) -> str | None:
    """Create and return the folder of temporary files if it is local, else return None."""
    if not files.is_local(scratch):
        return None
    Path(scratch).mkdir(parents=True)
    return scratch


def _check_rejects(films: FilmList, rejects: Sequence[Reject], most: float, folder: str) -> None:
    expected = films.set_aside.total()
    everything = len(films.table) + len(films.rejects) - expected
    faults = len(rejects) - expected
    if (everything and faults / everything > most) or (rejects and faults == everything):
        counts = Counter(reject.reason for reject in rejects) - (films.set_aside if faults else Counter())
        example = next((reject for reject in rejects if counts[reject.reason]), rejects[0])
        number = "number them with --id-column row, " if counts.most_common(1)[0][0] == DUPLICATE_ID else ""
        raise FilmsError(
            f"{faults or len(rejects):,} of {everything or len(rejects):,} films in {folder} cannot be used "
            f"({faults / everything if everything else 1:.1%}; at most {most:.1%} may be rejected): "
            + ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
            + f". For example row {example.row}, id {example.id!r}: {example.detail}. "
            f"Repair the films, {number}or allow more with --max-rejects. No store was written."
        )


# -- second pass: write the splits ------------------------------------------------------------------------------------


def _sort_into_splits(
    work: str, scratch: str, decoded: Decoded, splits: np.ndarray, progress: Progress
) -> Counter[str]:
    """Write films to `work`/films by index in `SPLITS`, below 0 none; return the training overviews' word counts."""
    split_of_row = np.full(int(decoded.rows.max()) + 1, -1, np.int8)
    split_of_row[decoded.rows] = splits
    reference = ray.put(split_of_row)

    def sort_part(name: str) -> dict[str, Any]:
        films, words = _sort_part(work, scratch, name, ray.get(reference))
        return {"films": films, "words": list(words), "counts": list(words.values())}

    schema = pa.schema([("films", pa.int64()), ("words", pa.list_(pa.string())), ("counts", pa.list_(pa.int64()))])
    dataset = map_shards(decoded.parts, sort_part, schema)
    counts: Counter[str] = Counter()
    done = 0
    for result in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        for part in result.to_pylist():
            counts = add_counts(counts, part["words"], part["counts"])
            done += part["films"]
        progress("writing the store", done, len(decoded.rows))
        malloc_trim()
    return counts


def _sort_part(work: str, scratch: str, name: str, split_of_row: np.ndarray) -> tuple[int, Counter[str]]:
    table = read_decoded(scratch, name)
    codes = split_of_row[table["row"].to_numpy()]
    words: Counter[str] = Counter()
    for code, split in enumerate(SPLITS):
        films = table.filter(pa.array(codes == code))
        if len(films):
            write_parquet(films, files.join(work, "films", f"split={split}", name))
        if split == "train":
            words = count_words(films["overview"].to_pylist())
    return len(table), words


def _write_words(work: str, counts: Counter[str]) -> None:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]
    table = pa.table(
        {
            "word": pa.array([w for w, _ in ranked], pa.string()),
            "count": pa.array([c for _, c in ranked], pa.int64()),
        }
    )
    filesystem, inner = files.resolve(files.join(work, "words.parquet"))
    pq.write_table(table, inner, filesystem=filesystem)


def _write_rejects(work: str, rejects: Sequence[Reject]) -> None:
    text = io.StringIO()
    write_rejects(rejects, text)
    atomic.write_text(files.join(work, "rejects.csv"), text.getvalue())


def _manifest(
    films: FilmList,
    folder: str,
    decoded: Decoded,
    splits: np.ndarray,
    rejects: Sequence[Reject],
    options: Preparation,
) -> Manifest:
    split: dict[str, Any] = {"seed": options.seed, "shares": dict(options.shares)}
    if options.train_share < 1:
        split["train_share"] = options.train_share
    poster = {"height": options.height, "width": options.width}
    identity = json.dumps([f"{decoded.digest:032x}", split, poster, films.genres], sort_keys=True)
    return Manifest(
        genres=films.genres,
        films={name: int((splits == number).sum()) for number, name in enumerate(SPLITS)},
        genre_films=_genre_films(films, decoded, splits),
        poster=poster,
        split=split,
        source={
            "folder": files.absolute(folder),
            "fingerprint": films.fingerprint,
            "films": len(films.table) + len(films.rejects) + films.repeats,
            "repeats": films.repeats,
            "rejects": dict(Counter(reject.reason for reject in rejects).most_common()),
            "understood": list(films.understood),
            "warnings": list(films.warnings),
        },
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions={name: importlib.metadata.version(name) for name in ("ray", "pyarrow", "pillow", "numpy")},
        having=_having(films, decoded, splits) if films.lacking else {},
    )


def _genre_films(films: FilmList, decoded: Decoded, splits: np.ndarray) -> dict[str, dict[str, int]]:
    """Return the number of films of each genre, by split."""
    return {
        name: dict(
            zip(films.genres, count_genres(decoded.labels[splits == number], len(films.genres)).tolist(), strict=True)
        )
        for number, name in enumerate(SPLITS)
    }


def _having(films: FilmList, decoded: Decoded, splits: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return the counts of films that have a poster, an overview, or both."""
    poster, overview = decoded.has.T
    counts = {}
    for name, has in (("poster", poster), ("overview", overview), ("both", poster & overview)):
        selected = np.where(has, splits, -1)
        counts[name] = {
            "films": {split: int((selected == number).sum()) for number, split in enumerate(SPLITS)},
            "genre_films": _genre_films(films, decoded, selected),
        }
    return counts
