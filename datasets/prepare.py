"""Makes a film store of a films folder: read, check, decode, split, write. The work runs as Ray Data tasks.

Two passes, so that memory stays flat however many films there are: the first decodes posters and writes them
aside while it hands back what the split needs (a few bytes a film); the second sorts what was written aside into
the splits. Only then is the store put in place.
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
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import ray
import ray.data

from datasets import files, store
from datasets.aside import aside, put_in_place, remove
from datasets.films import POSTER_MISSING, FilmsError, Reject, write_rejects
from datasets.imdb_folder import FilmList, find_folder, read_films
from datasets.posters import MAX_PIXELS, PosterError, decode_poster
from datasets.split import stratified_split
from datasets.store import SPLITS, Manifest
from datasets.vocabulary import MOST_WORDS, add_counts, count_words

_FILMS_A_PART = 256  # small enough for every core to have work and for progress to be seen
_MOST_PARTS = 2_000  # beyond half a million films parts grow instead of multiplying

Progress = Callable[[str, int, int], None]
"""Told (what is being done, films done, films in all)."""


@dataclass(frozen=True)
class Preparation:
    """How a store is made."""

    height: int = 64
    """Height in pixels to which posters are resized."""
    width: int = 64
    """Width in pixels to which posters are resized."""
    shares: dict[str, float] = field(default_factory=lambda: {"train": 0.7, "validation": 0.1, "test": 0.2})
    """Share of the films in each split."""
    seed: int = 0
    """Seeds the split and the order of the films in the store."""
    max_rejects: float = 0.05
    """Largest share of films that may be set aside."""
    max_pixels: int = MAX_PIXELS
    """Posters with more pixels than this are set aside undecoded."""


def prepare(folder: str, path: str, how: Preparation, progress: Progress = lambda *_: None) -> Manifest:
    """Make the store at `path` of the films in `folder`, and return what it holds.

    An existing store at `path` is replaced, once the new one is whole; the caller asks first.

    Raises:
        FilmsError: the folder cannot be read, or more than `max_rejects` of its films would be set aside.
    """
    films = read_films(folder)
    path = files.absolute(path)
    with aside(path) as work:
        decoded = _decode(films, folder, work, how, progress)
        rejects = sorted([*films.rejects, *decoded.rejects], key=lambda reject: reject.row)
        _check_rejects(films, rejects, how.max_rejects, folder)
        splits = stratified_split(decoded.ids, decoded.labels, shares=how.shares, seed=how.seed)
        words = _sort_into_splits(work, decoded, splits, progress)
        _write_words(work, words)
        _write_rejects(work, rejects)
        manifest = _manifest(films, folder, decoded, splits, rejects, how)
        store.write_manifest(work, manifest)
        remove(files.join(work, "decoded"))
        put_in_place(work, path)
    return manifest


# -- first pass: decode -----------------------------------------------------------------------------------------------


@dataclass
class _Decoded:
    """What the first pass hands back of the films that can be used."""

    ids: list[str]
    rows: np.ndarray
    labels: np.ndarray
    rejects: list[Reject]
    parts: list[str]
    digest: int


def _decode(films: FilmList, folder: str, work: str, how: Preparation, progress: Progress) -> _Decoded:
    """Decode every poster in parallel, write the good films to `work`/decoded, return the rest."""
    table = _shuffled(films.table, how.seed)
    shape = (how.height, how.width, 3)
    schema = store.film_schema(len(films.genres), shape)

    def decode_part(part: pa.Table) -> pa.Table:
        return _decode_part(part, folder=folder, work=work, schema=schema, how=how)

    size = max(_FILMS_A_PART, -(-len(table) // _MOST_PARTS))
    slices = [table.slice(start, size) for start in range(0, len(table), size)]
    dataset = ray.data.from_arrow(slices).map_batches(decode_part, batch_format="pyarrow", batch_size=None)
    done, results = 0, []
    progress("decoding posters", 0, len(table))
    for result in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        results.append(result)
        done += len(result)
        progress("decoding posters", done, len(table))
    return _gather(pa.concat_tables(results), len(films.genres))


def _shuffled(table: pa.Table, seed: int) -> pa.Table:
    """Put the films in an order that depends on their ids and the seed alone: a CSV is often sorted by year or genre,
    and batches are drawn from a window of the store's order."""
    by_id = np.argsort(np.array(table["id"].to_pylist(), dtype=object), kind="stable")
    return table.take(by_id[np.random.RandomState(seed).permutation(len(by_id))])


def _decode_part(part: pa.Table, *, folder: str, work: str, schema: pa.Schema, how: Preparation) -> pa.Table:
    """Decode the posters of one part; write its good films; return id, row, labels, reason, detail, digest of all."""
    pixels: list[bytes | None] = []
    reasons: list[str] = []
    details: list[str] = []
    filesystem, _ = find_folder(folder)
    for poster in part["poster"].to_pylist():
        try:
            array = decode_poster(
                _read_poster(filesystem, poster),
                height=how.height,
                width=how.width,
                max_pixels=how.max_pixels,
            )
            pixels.append(array.tobytes())
            reasons.append("")
            details.append("")
        except PosterError as error:
            pixels.append(None)
            reasons.append(error.reason)
            details.append(f"{poster}: {error.detail}")
    good = pa.array([p is not None for p in pixels])
    posters = pa.array(pixels, schema.field("poster").type)
    whole = part.set_column(part.schema.get_field_index("poster"), "poster", posters)
    kept = whole.filter(good).select(schema.names).cast(schema)
    name = f"part-{_part_number(part):09d}.parquet"
    if len(kept):
        _write_parquet(kept, files.join(work, "decoded", name))
    digests = [_digest(film) if film["poster"] is not None else b"" for film in whole.to_pylist()]
    return pa.table(
        {
            "id": part["id"],
            "row": part["row"],
            "labels": part["labels"],
            "reason": reasons,
            "detail": details,
            "digest": digests,
            "part": [name] * len(part),
        }
    )


def _part_number(part: pa.Table) -> int:
    """Name a part by its least CSV row, which no other part has: a task that is tried again writes the same file."""
    return int(min(part["row"].to_pylist()))


def _read_poster(filesystem: pafs.FileSystem, path: str) -> bytes:
    try:
        with filesystem.open_input_stream(path) as stream:
            return bytes(stream.read())
    except FileNotFoundError as error:
        raise PosterError(POSTER_MISSING, "no such file") from error
    except OSError as error:
        raise PosterError(POSTER_MISSING, f"cannot be read ({error})") from error


def _digest(film: dict[str, Any]) -> bytes:
    parts = (
        film["id"].encode(),
        film["overview"].encode(),
        bytes(str(film["labels"]), "ascii"),
        film["poster"],
    )
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()


def _gather(results: pa.Table, genres: int) -> _Decoded:
    reasons = results["reason"].to_pylist()
    good = np.array([not reason for reason in reasons], dtype=bool)
    bad = results.filter(pa.array(~good))
    rejects = [
        Reject(id=film["id"], row=film["row"], reason=film["reason"], detail=film["detail"]) for film in bad.to_pylist()
    ]
    kept = results.filter(pa.array(good))
    digest = 0
    for film_digest in kept["digest"].to_pylist():
        digest ^= int.from_bytes(film_digest, "big")  # the same in whatever order the parts come back
    labels = store.label_array(kept["labels"]) if len(kept) else np.empty((0, genres), np.float32)
    return _Decoded(
        ids=kept["id"].to_pylist(),
        rows=kept["row"].to_numpy(),
        labels=labels,
        rejects=rejects,
        parts=sorted(set(kept["part"].to_pylist())),
        digest=digest,
    )


def _check_rejects(films: FilmList, rejects: Sequence[Reject], most: float, folder: str) -> None:
    everything = len(films.table) + len(films.rejects)
    if everything and len(rejects) / everything > most:
        counts = Counter(reject.reason for reject in rejects)
        example = rejects[0]
        raise FilmsError(
            f"{len(rejects):,} of {everything:,} films in {folder} cannot be used "
            f"({len(rejects) / everything:.1%}; at most {most:.1%} may be set aside): "
            + ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
            + f". For example row {example.row}, id {example.id!r}: {example.detail}. "
            "Repair the films, or allow more with --max-rejects. No store was written."
        )


# -- second pass: into the splits -------------------------------------------------------------------------------------


def _sort_into_splits(work: str, decoded: _Decoded, splits: np.ndarray, progress: Progress) -> Counter[str]:
    """Write the decoded films into `work`/films by split; return the words of the training overviews."""
    code = {name: i for i, name in enumerate(SPLITS)}
    split_of_row = np.full(int(decoded.rows.max()) + 1, -1, np.int8)
    split_of_row[decoded.rows] = [code[str(name)] for name in splits]
    reference = ray.put(split_of_row)

    def sort_part(batch: pa.Table) -> pa.Table:
        outcome = [_sort_part(work, name, ray.get(reference)) for name in batch["part"].to_pylist()]
        return pa.table(
            {
                "films": [films for films, _ in outcome],
                "words": [list(words) for _, words in outcome],
                "counts": [list(words.values()) for _, words in outcome],
            },
            schema=pa.schema(
                [("films", pa.int64()), ("words", pa.list_(pa.string())), ("counts", pa.list_(pa.int64()))]
            ),
        )

    parts = [pa.table({"part": [name]}) for name in decoded.parts]
    dataset = ray.data.from_arrow(parts).map_batches(sort_part, batch_format="pyarrow", batch_size=None)
    counts: Counter[str] = Counter()
    done = 0
    for result in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        for outcome in result.to_pylist():
            counts = add_counts(counts, outcome["words"], outcome["counts"])
            done += outcome["films"]
        progress("writing the store", done, len(decoded.ids))
    return counts


def _sort_part(work: str, name: str, split_of_row: np.ndarray) -> tuple[int, Counter[str]]:
    filesystem, inner = files.resolve(files.join(work, "decoded", name))
    table = pq.read_table(inner, filesystem=filesystem)
    codes = split_of_row[table["row"].to_numpy()]
    words: Counter[str] = Counter()
    for code, split in enumerate(SPLITS):
        films = table.filter(pa.array(codes == code))
        if len(films):
            _write_parquet(films, files.join(work, "films", f"split={split}", name))
        if split == "train":
            words = count_words(films["overview"].to_pylist())
    return len(table), words


def _write_parquet(table: pa.Table, path: str) -> None:
    filesystem, inner = files.resolve(path)
    filesystem.create_dir(str(Path(inner).parent), recursive=True)
    # Pixels hardly compress and are read in every epoch: no dictionary, and a codec that costs nothing to read.
    pq.write_table(table, inner, filesystem=filesystem, compression="lz4", use_dictionary=False)


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
    files.write_text(files.join(work, "rejects.csv"), text.getvalue())


def _manifest(
    films: FilmList,
    folder: str,
    decoded: _Decoded,
    splits: np.ndarray,
    rejects: Sequence[Reject],
    how: Preparation,
) -> Manifest:
    split = {"seed": how.seed, "shares": dict(how.shares)}
    poster = {"height": how.height, "width": how.width}
    identity = json.dumps([f"{decoded.digest:032x}", split, poster, films.genres], sort_keys=True)
    return Manifest(
        genres=films.genres,
        films={name: int((splits == name).sum()) for name in SPLITS},
        genre_films={
            name: dict(zip(films.genres, decoded.labels[splits == name].sum(axis=0).astype(int).tolist(), strict=True))
            for name in SPLITS
        },
        poster=poster,
        split=split,
        source={
            "folder": files.absolute(folder),
            "fingerprint": films.fingerprint,
            "films": len(films.table) + len(films.rejects) + films.repeats,
            "repeats": films.repeats,
            "rejects": dict(Counter(reject.reason for reject in rejects).most_common()),
        },
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions={name: importlib.metadata.version(name) for name in ("ray", "pyarrow", "pillow", "numpy")},
    )
