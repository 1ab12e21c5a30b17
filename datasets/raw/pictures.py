"""Films that are pictures alone, as a table: a film's id is its picture's name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from datasets.raw.columns import Columns
from datasets.raw.poster_index import PosterIndex
from datasets.tables.csv_records import Record


class PictureTable:
    """The files of an index as records of id and locator, by name."""

    names = ("id", "picture")
    pictures = ("picture",)
    by_line = False
    described = "a film for each"

    def __init__(self, posters: PosterIndex, name: str) -> None:
        """Take the index, and the name of the folder or archive that holds the pictures."""
        self._posters = posters
        self.name = name
        self.fingerprint = ""
        """SHA-256 of the files' names, once all records are read."""

    @property
    def columns(self) -> Columns:
        """Return the columns as they are assigned."""
        return Columns(list(self.names), 0, None, None, [], 1, [], [], [])

    def records(self, keep: Collection[str] | None = None) -> Iterator[Record]:
        """Yield a record for each picture.

        Its id is the file's name without ending and folder; where several pictures have that name, with its folder, or
        with both.
        """
        del keep
        digest = hashlib.sha256()
        stems, paths = Counter[int](), Counter[int]()
        for name, _ in self._posters.sorted_files():
            stems[hash(_stem(name))] += 1
            paths[hash(name.rpartition(".")[0])] += 1
        for number, (name, locator) in enumerate(self._posters.sorted_files(), start=1):
            digest.update(f"{name}\n".encode("utf-8", "surrogateescape"))
            path = name.rpartition(".")[0]
            film = _stem(name) if stems[hash(_stem(name))] == 1 else path if paths[hash(path)] == 1 else name
            fields: list[Any] = [film, locator]
            yield Record(number, fields)
        self.fingerprint = digest.hexdigest()


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]
