"""The first pass of preparation: shuffle the films and decode posters in Ray Data tasks.

The driver holds no film. Rows are memory-mapped from a file (`datasets/raw/films_folder.py`) and written to one file
per part; tasks return each film's row in the CSV, 16 bytes of its id's hash and one bit per genre.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from datasets.raw.films_folder import FilmList, find_folder
from datasets.raw.posters import MAX_PIXELS, MOST_BYTES, PosterError, decode_poster
from datasets.raw.rejects import POSTER_MISSING, POSTER_NOT_A_PICTURE, POSTER_TOO_LARGE, Reject
from datasets.storage import files
from datasets.storage.malloc_trim import malloc_trim
from datasets.storage.row_files import taken
from datasets.store import film_store
from datasets.store.film_store import PRESENCE
from datasets.store.shards import map_shards
from datasets.store.split import hash_ids, pack_bits
from datasets.tables.sources import lasting_locator, read_bytes, shown

_FILMS_A_PART = 512  # a task costs about 20 ms, as much as 30 films; few enough to occupy all cores
_MOST_PARTS = 2_000  # beyond a million films parts grow in size instead of number

Progress = Callable[[str, int, int], None]
"""Called with (name of the step, films done, total films)."""


@dataclass(frozen=True)
class Decoded:
    """The result of the first pass: a few bytes per usable film."""

    rows: np.ndarray
    """int64 [films], their rows in the CSV."""
    words: np.ndarray
    """uint64 [films, 2], `split.hash_ids` of their ids."""
    labels: np.ndarray
    """uint8 [films, genres / 8], `split.pack_bits`."""
    rejects: list[Reject]
    parts: list[str]
    """Names of the files in `work`/decoded, in the store's order."""
    has: np.ndarray
    """bool [films, 2], whether each film has a poster and an overview."""
    digest: int
    """Of ids, overviews, labels and pixels, independent of order."""


@dataclass(frozen=True)
class Decoder:
    """The decoding task and its settings."""

    folder: str
    work: str
    schema: pa.Schema
    """Of the store's files."""
    height: int
    width: int
    seed: int
    max_pixels: int = MAX_PIXELS

    def part(self, name: str) -> dict[str, Any]:
        """Decode the posters of one part and write its usable films; return its row of results."""
        films = _read(self.work, "rows", name)
        decoded, posters, rejects = self._posters(films)
        good = films.take(decoded) if rejects else films
        has = np.stack([_is_filled(good["poster"]), _is_filled(good["overview"])], axis=1)
        lasting = pa.array([lasting_locator(path) for path in good["poster"].to_pylist()], pa.string())
        good = good.append_column(film_store.POSTER_FILE, lasting)
        good = good.set_column(good.schema.get_field_index("poster"), self.schema.field("poster"), posters)
        for place, presence in enumerate(PRESENCE.values()):
            if presence in self.schema.names:
                good = good.append_column(presence, pa.array(has[:, place]))
        labels = film_store.label_array(good["labels"])
        if len(good):
            write_parquet(good.select(self.schema.names).cast(self.schema), files.join(self.work, "decoded", name))
        return {
            "part": name if len(good) else None,
            "films": len(films),
            "rows": good["row"].to_numpy().tobytes(),
            "words": hash_ids(good["id"].to_pylist(), self.seed).tobytes(),
            "labels": pack_bits(labels).tobytes(),
            "has": has.tobytes(),
            "digest": _digest(good, labels),
            "rejects": [asdict(reject) for reject in rejects],
        }

    def _posters(self, films: pa.Table) -> tuple[np.ndarray, pa.Array, list[Reject]]:
        """Return the indices of films with usable posters, the posters, and the rejects."""
        filesystem, _ = find_folder(self.folder)
        pixels = np.empty((len(films), self.height * self.width * 3), np.uint8)
        good: list[int] = []
        rejects: list[Reject] = []
        for place, path in enumerate(films["poster"].to_pylist()):
            try:
                if not path:  # black, as models take a missing poster
                    pixels[len(good)] = 0
                    good.append(place)
                    continue
                data = _read_poster(filesystem, path)
                array = decode_poster(data, height=self.height, width=self.width, max_pixels=self.max_pixels)
                pixels[len(good)] = array.reshape(-1)
                good.append(place)
            except PosterError as error:
                film, row = films["id"][place].as_py(), films["row"][place].as_py()
                rejects.append(Reject(film, row, error.reason, f"{shown(path)}: {error.detail}"))
        buffers = [None, pa.py_buffer(pixels[: len(good)])]
        posters = pa.FixedSizeBinaryArray.from_buffers(self.schema.field("poster").type, len(good), buffers)
        return np.array(good, np.int64), posters, rejects


def decode(films: FilmList, decoder: Decoder, progress: Progress) -> Decoded:
    """Decode all posters in parallel and write usable films to `decoder.work`/decoded."""
    names = list(_deal_out(films.table, decoder.seed, decoder.work))
    columns = {name: pa.binary() for name in ("rows", "words", "labels", "has", "digest")}
    reject = pa.struct({"id": pa.string(), "row": pa.int64(), "reason": pa.string(), "detail": pa.string()})
    schema = pa.schema({"part": pa.string(), "films": pa.int64(), **columns, "rejects": pa.list_(reject)})

    dataset = map_shards(names, decoder.part, schema)
    # Ray Data would reserve half of the CPUs for other operators, of which there are none: of two cores one was mostly
    # idle. Results are a few bytes per film, so backpressure is not needed either.
    dataset.context.op_resource_reservation_enabled = False
    parts: list[dict[str, Any]] = []
    done, digest = 0, 0
    progress("decoding posters", 0, len(films.table))
    for result in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        for part in result.to_pylist():
            parts.append(part)
            digest ^= int.from_bytes(part["digest"], "big")  # independent of the order of parts
            done += part["films"]
        progress("decoding posters", done, len(films.table))
        malloc_trim()
    rows, words, labels, has = (b"".join(part[name] for part in parts) for name in ("rows", "words", "labels", "has"))
    return Decoded(
        rows=np.frombuffer(rows, np.int64),
        words=np.frombuffer(words, np.uint64).reshape(-1, 2),
        labels=np.frombuffer(labels, np.uint8).reshape(-1, -(-len(films.genres) // 8)),
        has=np.frombuffer(has, bool).reshape(-1, len(PRESENCE)),
        rejects=[Reject(**reject) for part in parts for reject in part["rejects"]],
        parts=sorted(part["part"] for part in parts if part["part"]),
        digest=digest,
    )


def _deal_out(table: pa.Table, seed: int, work: str) -> Iterator[str]:
    """Write the films' rows to `work`/rows, one file per part; yield the files' names.

    Films are shuffled by their ids and the seed alone: a CSV is often sorted by year or genre, and batches are sampled
    from a window of the store's order.
    """
    by_id = pc.sort_indices(table["id"]).to_numpy().astype(np.int64)
    order = by_id[np.random.RandomState(seed).permutation(len(by_id))]
    size = max(_FILMS_A_PART, -(-len(order) // _MOST_PARTS))
    batches = table.to_batches()
    for start in range(0, len(order), size):
        part = taken(batches, order[start : start + size])
        # Named by its smallest CSV row, which is unique: a retried task writes the same file.
        name = f"part-{pc.min(part['row']).as_py():09d}.parquet"
        write_parquet(part, files.join(work, "rows", name))
        yield name


def write_parquet(table: pa.Table, path: str) -> None:
    """Write films to a Parquet file."""
    filesystem, inner = files.resolve(path)
    filesystem.create_dir(str(Path(inner).parent), recursive=True)
    # Pixels hardly compress and are read in every epoch: no dictionary, and the fastest codec.
    pq.write_table(table, inner, filesystem=filesystem, compression="lz4", use_dictionary=False)


def _read(work: str, kind: str, name: str) -> pa.Table:
    filesystem, inner = files.resolve(files.join(work, kind, name))
    return pq.read_table(inner, filesystem=filesystem, partitioning=None)


def read_decoded(work: str, name: str) -> pa.Table:
    """Read a part written by the first pass."""
    return _read(work, "decoded", name)


def _read_poster(filesystem: pafs.FileSystem, path: str) -> bytes:
    try:
        return read_bytes(filesystem, path, most=MOST_BYTES)
    except FileNotFoundError as error:
        raise PosterError(POSTER_MISSING, "no such file") from error
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise PosterError(POSTER_TOO_LARGE, f"the file {error.strerror}") from error
        if error.errno == errno.EINVAL:
            raise PosterError(POSTER_NOT_A_PICTURE, str(error.strerror)) from error
        raise PosterError(POSTER_MISSING, f"cannot be read ({error})") from error


def _is_filled(column: pa.ChunkedArray) -> np.ndarray:
    """Return whether texts are not empty, bool [films]."""
    return np.asarray(pc.not_equal(column, "").to_numpy(), bool)


def _digest(films: pa.Table, labels: np.ndarray) -> bytes:
    """Return the XOR of the films' digests."""
    texts: dict[bytes, bytes] = {}  # few combinations of genres make up most films
    total = 0
    columns = (films[name].to_pylist() for name in ("id", "overview", "poster"))
    for film, overview, poster, mine in zip(*columns, labels, strict=True):
        key = mine.tobytes()
        if key not in texts:
            texts[key] = str(mine.tolist()).encode()
        parts = (film.encode(), overview.encode(), texts[key], poster)
        digest = hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()
        total ^= int.from_bytes(digest, "big")
    return total.to_bytes(16, "big")
