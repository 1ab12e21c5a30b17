"""Tables of the same films: overviews joined to genres by their ids, directly or over a table of links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.raw.columns import Columns
from datasets.raw.pictures import PictureTable
from datasets.raw.poster_index import PosterIndex
from datasets.tables.ids import id_kind, id_text, loose_key
from datasets.tables.tables import Table


@dataclass(frozen=True)
class UsedTable:
    """A table of films with its columns assigned."""

    table: Table | PictureTable
    columns: Columns
    rows: list[Sequence[Any]]
    """The first records' fields."""
    translated: Callable[[str], str] | None = None
    """From an id of this table to one of the table of genres, "" where there is none."""

    def ids(self) -> dict[str, int]:
        """Return the columns of ids by their kinds, the film's id first."""
        columns = self.columns
        places = [columns.id, *columns.id_places] if columns.id is not None else columns.id_places
        kinds: dict[str, int] = {}
        for place in places:
            kinds.setdefault(id_kind(columns.names[place], [row[place] for row in self.rows]), place)
        return kinds

    def first_ids(self) -> list[str]:
        """Return the first films' ids as they will be."""
        if self.columns.id is None:
            return []
        ids = [id_text(row[self.columns.id]) for row in self.rows]
        return [self.translated(film) for film in ids] if self.translated else ids


class Lookup:
    """A value for each id, looked up as `loose_key` compares ids; "" for none, and where there are several."""

    def __init__(self, used: UsedTable, given: int, wanted: int) -> None:
        """Read a table's columns of ids and of values."""
        names = used.columns.names
        keys: list[int] = []
        values: list[str] = []
        for record in used.table.records({names[given], names[wanted]}):
            if not record.problem and (film := id_text(record.fields[given])):
                keys.append(hash(loose_key(film)))
                values.append(id_text(record.fields[wanted]))
        hashes = np.array(keys, np.int64)
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._values = pa.array(values, pa.large_string()).take(pa.array(order))

    def __call__(self, film: str) -> str:
        """Return the value of an id."""
        key = hash(loose_key(film))
        start = int(np.searchsorted(self._hashes, key))
        found = ""
        while start < len(self._hashes) and self._hashes[start] == key:
            value = self._values[start].as_py()
            if found and value and loose_key(value) != loose_key(found):
                return ""
            found = found or value
            start += 1
        return found


class Links:
    """Table of the films' ids in other data sets, such as MovieLens' links.csv."""

    def __init__(self, used: UsedTable, of: str) -> None:
        """Take the table, and the kind of the films' ids."""
        self._used, self._places, self._of = used, used.ids(), of
        self.name = used.table.name

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of ids that the films have elsewhere."""
        return [kind for kind in self._places if kind != self._of]

    def column(self, kind: str) -> str:
        """Return the name of a kind's column."""
        return self._used.columns.names[self._places[kind]]

    def to_films(self, kind: str) -> Lookup:
        """Return the films' ids by those of another kind."""
        return Lookup(self._used, self._places[kind], self._places[self._of])

    def from_films(self, kind: str) -> Lookup:
        """Return the ids of another kind by the films'."""
        return Lookup(self._used, self._places[self._of], self._places[kind])


def find_links(genres: UsedTable, others: Sequence[UsedTable]) -> Links | None:
    """Return the first table that has nothing but ids of the films and of others."""
    kinds = list(genres.ids())
    for one in others if kinds else []:
        columns = one.columns
        if not columns.has_genres and columns.overview is None and kinds[0] in (there := one.ids()) and len(there) > 1:
            return Links(one, kinds[0])
    return None


@dataclass(frozen=True)
class Joined:
    """Tables of overviews that belong to a table of genres."""

    texts: list[UsedTable]
    way: str = ""
    """By what ids they are joined, in words."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why tables of overviews are not joined, by name."""


def join(genres: UsedTable, others: Sequence[UsedTable], links: Links | None) -> Joined:
    """Return the tables of overviews that belong to a table of genres.

    Args:
        genres: the table of genres.
        others: tables that cannot be used alone.
        links: ids of the films elsewhere.
    """
    texts = [one for one in others if one.columns.lacks_genres_alone and one.columns.overview is not None]
    refused: dict[str, str] = {}
    found: dict[tuple[str, ...], list[UsedTable]] = {}
    way = "the id"
    of = next(iter(genres.ids()), "")
    for one in texts:
        there = one.ids()
        kind = of if of in there else next((kind for kind in (links.kinds if links else ()) if kind in there), "")
        if not kind:
            refused[one.table.name] = _unknown_ids(genres, one, links)
            continue
        columns = replace(one.columns, id=there[kind], problems=[])
        translated = links.to_films(kind) if links is not None and kind != of else None
        if translated is not None and links is not None:
            way = f"{columns.id_name!r}, by {links.name}"
        found.setdefault((*one.columns.names,), []).append(replace(one, columns=columns, translated=translated))
    if len(found) > 1:
        names = ", ".join(group[0].table.name for group in found.values())
        return Joined([], "", {name: "one of several tables of overviews: leave one" for name in names.split(", ")})
    return Joined(next(iter(found.values()), []), way, refused)


def lacks_id_alone(one: UsedTable) -> bool:
    """Return whether nothing but its id has to be chosen for a whole table."""
    columns = one.columns
    alone = all("--id-column" in problem for problem in columns.problems)
    return bool(columns.problems) and alone and columns.has_genres and columns.overview is not None


def _unknown_ids(genres: UsedTable, one: UsedTable, links: Links | None) -> str:
    """Return why a table's ids are not known to be those of the films."""
    own = [one.columns.names[place] for place in one.ids().values()]
    known = [genres.columns.id_name, *([links.column(kind) for kind in links.kinds] if links else [])]
    shown = f"its ids {own[0]!r} may be others than {genres.columns.id_name!r}" if own else "it has no ids"
    return f"{shown}: name their column {' or '.join(map(repr, known))} to join it"


def unite(exact: np.ndarray, loose: np.ndarray, is_text: np.ndarray) -> np.ndarray:
    """Return hashes that are equal for the same film in joined tables.

    Ids are compared as `loose_key` does, unless several of one table would then be equal.

    Args:
        exact: int64 [rows], hashes of ids.
        loose: int64 [rows], hashes of their loose keys.
        is_text: bool [rows], whether a row is of a table of overviews.
    """
    several = []
    for part in (is_text, ~is_text):
        pairs = np.unique(np.stack([loose[part], exact[part]], axis=1), axis=0)
        keys, counts = np.unique(pairs[:, 0], return_counts=True)
        several.append(keys[counts > 1])
    return np.where(np.isin(loose, np.concatenate(several)), exact, loose)


def _best_key(used: UsedTable, posters: PosterIndex, links: Links | None = None) -> tuple[str, bool, Lookup | None]:
    """Return the column other than the id that names posters, and whether it holds paths.

    The poster column comes first, unless neither it nor the id names any of the first films' posters. Another id, of
    the table or of the table of links, is taken only if it names more of them than the id. A column of links comes with
    the look-up of its values by the films' ids.
    """
    columns, rows = used.columns, used.rows

    def hits(ids: Sequence[str]) -> int:
        return int(((posters.by_id(ids) >= 0) | (posters.by_loose_id(ids) >= 0)).sum()) if ids else 0

    own = used.first_ids()
    best: tuple[str, bool, Lookup | None] = ("", False, None)
    most = hits(own)
    if columns.poster is not None:
        best = columns.names[columns.poster], True, None
        paths = [id_text(row[columns.poster]) for row in rows]
        if most or not len(posters) or (posters.by_path(paths) >= 0).any():
            return best
    for column in columns.other_ids if len(posters) else []:
        if (found := hits([id_text(row[column]) for row in rows])) > most:
            most, best = found, (columns.names[column], False, None)
    for kind in links.kinds if links and len(posters) else []:
        lookup = links.from_films(kind)  # type: ignore[union-attr]
        if (found := hits([lookup(film) for film in own])) > most:
            most, best = found, (f"{links.column(kind)!r} of {links.name}", False, lookup)  # type: ignore[union-attr]
    return best


def poster_key(
    tables: Sequence[UsedTable], posters: PosterIndex, links: Links | None, *, joined: bool
) -> tuple[str, bool, Callable[[str], str] | None]:
    """Return the best key of posters; of joined tables, the poster column may be in the one with the genres."""
    genres = tables[-1].columns
    if joined and tables[0].columns.poster is None and genres.poster is not None and genres.id is not None:
        return genres.names[genres.poster], True, Lookup(tables[-1], genres.id, genres.poster)
    return _best_key(tables[0], posters, links)
