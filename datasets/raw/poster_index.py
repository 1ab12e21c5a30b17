"""The poster files below a films folder, by film id or by path.

Of each file 24 bytes are held in memory; names and locators are in a mapped file.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.storage.row_files import RowFile, taken
from datasets.tables.ids import exact_key, loose_key
from datasets.tables.sources import Source

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
"""Endings of poster files, in order of preference."""
FOLDERS = frozenset({"images", "posters"})
"""Folders whose files are preferred, in lower case."""
_URL = re.compile(r"https?://", re.IGNORECASE)
_SCHEMA = pa.schema({"name": pa.string(), "locator": pa.string()})
NONE = -1
IN_TABLE = -3
"""Place of a poster that is not looked up, since the table holds it or its path."""
_AT_ONCE = 65_536  # files


def is_url(value: str) -> bool:
    """Return whether a poster column's value is a web address."""
    return _URL.match(value) is not None


def is_poster(name: str) -> bool:
    """Return whether a file's name is that of a poster."""
    return name.lower().endswith(SUFFIXES)


class PosterIndex:
    """Poster files by their names."""

    def __init__(self, file: str) -> None:
        """Write names into the local `file`."""
        self._rows = RowFile(file, _SCHEMA)
        self._ranks = array("q")  # Which of several files of one name is preferred: the lowest.
        self._stems = array("q")  # Hashes.
        self.folders: Counter[str] = Counter()
        self._tables: dict[str, _Keys] = {}

    def __len__(self) -> int:
        return len(self._stems)

    def add(self, source: Source) -> None:
        """Add a file."""
        name = source.name
        stem, _, suffix = name.rpartition("/")[2].rpartition(".")
        parts = name.split("/")[:-1]
        preferred = any(part.casefold() in FOLDERS or part.rpartition(".")[0].casefold() in FOLDERS for part in parts)
        rank = (0 if preferred else 1_000) + 10 * len(parts) + SUFFIXES.index(f".{suffix.lower()}")
        self._ranks.append(rank)
        self._stems.append(hash(exact_key(stem)))
        self.folders[parts[0] if parts else ""] += 1
        self._rows.add(name, source.locator)

    def finish(self) -> None:
        """End adding."""
        self._table = self._rows.finish()

    def sorted_files(self) -> Iterator[tuple[str, str]]:
        """Yield each file's name and locator, in the order of the names."""
        order = pc.sort_indices(self._table["name"]).to_numpy().astype(np.int64)
        batches = self._table.to_batches()
        for start in range(0, len(order), _AT_ONCE):
            files = taken(batches, order[start : start + _AT_ONCE])
            yield from zip(files["name"].to_pylist(), files["locator"].to_pylist(), strict=True)

    def names(self, most: int) -> list[str]:
        """Return the first files' names."""
        return self._table["name"].slice(0, most).to_pylist()

    def by_id(self, ids: Sequence[str]) -> np.ndarray:
        """Return the file of each id by its exact name, int32 [ids]; -1 where there is none."""
        if not len(self):
            return np.full(len(ids), NONE, np.int32)
        return self._keys("stem").find(np.array([hash(exact_key(film)) for film in ids], np.int64))

    def by_loose_id(self, ids: Sequence[str]) -> np.ndarray:
        """Return the file of each id as `loose_key` compares them; -1 where there is none, -2 where several differ."""
        if not len(self):
            return np.full(len(ids), NONE, np.int32)
        return self._keys("loose").find(np.array([hash(_stem_key(film)) for film in ids], np.int64), unique=True)

    def by_path(self, values: Sequence[str]) -> np.ndarray:
        """Return the file of each poster column's value: by its path or address, or by its last part."""
        found = np.full(len(values), NONE, np.int32)
        if not len(self):
            return found
        cleaned = [_path_of(value) for value in values]
        given = np.array([bool(value) for value in cleaned], bool)
        for kind, key in (("path", _tail_key), ("base", _base_key), ("loose", _stem_key)):
            missing = np.flatnonzero(given & (found < 0))
            if len(missing):
                hashes = np.array([hash(key(cleaned[place])) for place in missing], np.int64)
                found[missing] = self._keys(kind).find(hashes, unique=kind == "loose")
        return found

    def locators(self, places: np.ndarray) -> pa.Array:
        """Return the locators of files, string [places]; "" where a place is negative."""
        if not len(self):
            return pa.array([""] * len(places), pa.string())
        there = np.flatnonzero(places >= 0)
        result = np.full(len(places), "", object)
        if len(there):
            result[there] = taken(self._table.select(["locator"]).to_batches(), places[there])["locator"].to_numpy()
        return pa.array(result, pa.string())

    def _keys(self, kind: str) -> _Keys:
        """Return the lookup table of one kind of key, built when it is first needed."""
        if kind not in self._tables:
            if kind == "stem":
                hashes = np.frombuffer(self._stems, np.int64)
            else:
                hashes = np.empty(len(self), np.int64)
                key = {"loose": _stem_key, "base": _base_key, "path": _tail_key}[kind]
                start = 0
                for batch in self._table.select(["name"]).to_batches():
                    hashes[start : start + len(batch)] = [hash(key(name)) for name in batch["name"].to_pylist()]
                    start += len(batch)
            stems, ranks = np.frombuffer(self._stems, np.int64), np.frombuffer(self._ranks, np.int64)
            self._tables[kind] = _Keys.of(hashes, stems, ranks)
        return self._tables[kind]


def _path_of(value: str) -> str:
    """Return a poster column's value as a relative path; of a web address its last part."""
    if is_url(value):
        return value.split("?")[0].split("#")[0].rpartition("/")[2]
    return value.strip().replace("\\", "/").removeprefix("./").lstrip("/")


def _tail_key(path: str) -> str:
    """Return a path's last two parts, which survive a moved folder."""
    return exact_key("/".join(path.split("/")[-2:])).casefold()


def _base_key(path: str) -> str:
    return exact_key(path.rpartition("/")[2]).casefold()


def _stem_key(path: str) -> str:
    base = path.rpartition("/")[2]
    return loose_key(base.rpartition(".")[0] if is_poster(base) else base)


@dataclass(frozen=True)
class _Keys:
    """Sorted hashes with the places of the files they belong to."""

    hashes: np.ndarray
    places: np.ndarray
    several: np.ndarray
    """Whether files of different names have this hash."""

    @classmethod
    def of(cls, hashes: np.ndarray, stems: np.ndarray, ranks: np.ndarray) -> _Keys:
        order = np.lexsort((np.arange(len(hashes)), ranks, hashes)).astype(np.int32)
        ordered, names = hashes[order], stems[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        differ = np.minimum.reduceat(names, starts) != np.maximum.reduceat(names, starts)
        return cls(ordered, order, np.repeat(differ, np.diff(np.append(starts, len(ordered)))))

    def find(self, wanted: np.ndarray, *, unique: bool = False) -> np.ndarray:
        """Return places, int32 [wanted]: the preferred file; -1 for none, -2 under `unique` where several match."""
        at = np.searchsorted(self.hashes, wanted)
        at = np.minimum(at, len(self.hashes) - 1)
        found = self.hashes[at] == wanted
        places = np.where(found, self.places[at], np.int32(NONE))
        if unique:
            places[found & self.several[at]] = -2
        return places


def find_posters(
    table: pa.Table, posters: PosterIndex, kept: np.ndarray, *, key_name: str, key_is_path: bool
) -> tuple[np.ndarray, Counter[str]]:
    """Look each film's poster up: by its poster column, by its id, then by a looser id.

    Args:
        table: the films, with the columns id, key (the poster column's value, or another id) and picture (the locator
            of a poster that needs no looking up, or "").
        posters: the files.
        kept: bool [films], those to look up.
        key_name: name of the column of keys, "" without one.
        key_is_path: whether keys are paths, rather than ids.

    Returns:
        int32 [films], places in the index, `IN_TABLE`, or negative where there is none; and the number of posters found
        in each way.
    """
    ways: Counter[str] = Counter()
    places = np.full(len(kept), NONE, np.int32)
    for start, batch in _batches(table):
        here = kept[start : start + len(batch)]
        pictured = np.array(batch["picture"]) != ""
        if (number := int((pictured & here).sum())) > 0:
            ways["in the table"] += number
        part = places[start : start + len(batch)]
        part[pictured & here] = IN_TABLE
        if key_name:
            values = batch["key"].to_pylist()
            found = posters.by_path(values) if key_is_path else posters.by_id(values)
            ways[key_name] += _take(part, here, found)
        ways["id"] += _take(part, here, posters.by_id(batch["id"].to_pylist()))
    missing = kept & (places == NONE)
    if len(posters) and missing.any():
        column = "key" if key_name and not key_is_path else "id"
        ways.update(_find_loosely(places, missing, table, posters, column))
    return places, ways


def _take(part: np.ndarray, here: np.ndarray, found: np.ndarray) -> int:
    """Fill in the posters found for kept films without one; return their number."""
    new = here & (part == NONE) & (found >= 0)
    part[new] = found[new]
    return int(new.sum())


def _find_loosely(
    places: np.ndarray, missing: np.ndarray, table: pa.Table, posters: PosterIndex, column: str
) -> Counter[str]:
    """Match ids written otherwise, such as 862.0 and 862, where that is unambiguous."""
    found = np.full(len(places), NONE, np.int32)
    ambiguous = 0
    for start, batch in _batches(table):
        here = missing[start : start + len(batch)]
        if here.any():
            part = posters.by_loose_id(batch[column].to_pylist())
            ambiguous += int((here & (part == -2)).sum())
            found[start : start + len(batch)] = np.where(here, part, NONE)
    claims = np.bincount(found[found >= 0], minlength=len(posters))
    claims[places[places >= 0]] += 2
    clear = (found >= 0) & (claims[np.maximum(found, 0)] == 1)
    ambiguous += int(((found >= 0) & ~clear).sum())
    places[clear] = found[clear]
    return Counter({"loose": int(clear.sum()), "ambiguous": ambiguous})


def _batches(table: pa.Table) -> list[tuple[int, pa.RecordBatch]]:
    batches = table.select(["id", "key", "picture"]).to_batches()
    starts = np.cumsum([0, *(len(batch) for batch in batches)]).tolist()
    return list(zip(starts, batches, strict=False))
