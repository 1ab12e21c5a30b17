"""The films that are kept: duplicates, films without genre, and films that lack poster or overview are set aside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from datasets.raw.film_rows import FilmRows, row_arrays
from datasets.raw.genres import Genres
from datasets.raw.poster_index import IN_TABLE, PosterIndex, find_posters
from datasets.raw.rejects import (
    DUPLICATE_ID,
    LABEL_NOT_BINARY,
    NO_GENRE,
    OVERVIEW_EMPTY,
    POSTER_MISSING,
    ROW_MALFORMED,
)
from datasets.storage.row_files import taken

_LONG_SHARE = 0.1  # Of rows that repeat a film with another genre, from which a table has a row for each genre.
_AT_ONCE = 65_536  # films


@dataclass
class Selection:
    """The films kept of all rows read, by place."""

    kept: np.ndarray
    """bool [rows]."""
    has_overview: np.ndarray
    """bool [rows]."""
    posters: np.ndarray
    """int32 [rows], places in the index of posters; negative where there is none."""
    code_labels: np.ndarray
    """uint8 [codes, genres]."""
    codes: np.ndarray
    """int [rows], rows of `code_labels`."""
    repeats: int = 0
    merged: int = 0
    """Rows merged into an earlier one of the same film: tables with a row for each film and genre."""
    has_pictures: bool = False
    """Whether the table holds posters."""
    films_with_poster: int = 0
    films_with_overview: int = 0
    films: int = 0
    """Films with a genre, those that lack poster or overview included."""
    poster_ways: Counter[str] = field(default_factory=Counter)
    """Number of posters found in each way."""
    allows_missing: bool = True
    """Whether films that lack a poster or an overview are kept."""
    missing_was_chosen: bool = False
    set_aside: Counter[str] = field(default_factory=Counter)
    some_ids: tuple[str, ...] = ()
    """Ids of the first films."""

    @property
    def has_poster(self) -> np.ndarray:
        """Return whether films have a poster, bool [rows]."""
        return (self.posters >= 0) | (self.posters == IN_TABLE)

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels of some rows, uint8 [rows, genres]."""
        return self.code_labels[self.codes[rows]]


def select(
    table: pa.Table,
    rows: FilmRows,
    genres: Genres,
    posters: PosterIndex,
    allow_missing: bool | None,
    *,
    joined: bool = False,
) -> Selection:
    """Decide which films are kept, and reject the others in `rows`.

    Args:
        table: the films as read, `film_rows.SCHEMA`.
        rows: what was kept in memory of them.
        genres: of the codes.
        posters: the files.
        allow_missing: as `ReadOptions.allow_missing`.
        joined: whether rows with overviews come first, and rows with genres of the same films after them.
    """
    codes, has_overview, hashes = row_arrays(rows)
    selector = _Selector(table, rows, genres, codes, has_overview, hashes)
    selector.reject_bad()
    selector.merge_or_drop_doubles(joined=joined)
    selector.reject_without_genre()
    selection = selector.selection()
    _add_posters(selection, table, rows, posters)
    _set_missing_aside(selection, selector, allow_missing)
    return selection


def select_all(table: pa.Table, rows: FilmRows, posters: PosterIndex) -> Selection:
    """Keep every film, with its poster if there is one: for films without labels."""
    codes, has_overview, _ = row_arrays(rows)
    selection = Selection(
        kept=np.ones(len(codes), bool),
        has_overview=has_overview,
        posters=np.full(len(codes), -1, np.int32),
        code_labels=np.zeros((1, 0), np.uint8),
        codes=codes,
        some_ids=tuple(table["id"].slice(0, 3).to_pylist()),
    )
    _add_posters(selection, table, rows, posters)
    return selection


class _Selector:
    """The rows still kept."""

    def __init__(
        self,
        table: pa.Table,
        rows: FilmRows,
        genres: Genres,
        codes: np.ndarray,
        has_overview: np.ndarray,
        hashes: np.ndarray,
    ) -> None:
        self.table, self.rows, self.genres = table, rows, genres
        self.codes, self.has_overview, self.hashes = codes, has_overview, hashes
        self.code_labels = genres.labels
        self.kept = np.ones(len(codes), bool)
        self.repeats = self.merged = 0
        self.set_aside: Counter[str] = Counter()
        self.from_columns = bool(rows.codes.column_names)

    def selection(self) -> Selection:
        """Return the selection so far, without posters."""
        return Selection(
            kept=self.kept,
            has_overview=self.has_overview,
            posters=np.full(len(self.codes), -1, np.int32),
            code_labels=self.code_labels,
            codes=self.codes,
            repeats=self.repeats,
            merged=self.merged,
            set_aside=self.set_aside,
            some_ids=tuple(self.table["id"].slice(0, 3).to_pylist()),
        )

    def reject(self, places: np.ndarray, reason: str, detail: str) -> None:
        """Reject rows; "{overview}" in the detail is replaced by theirs."""
        self.kept[places] = False
        batches = self.table.select(["id", "row", "overview"]).to_batches()
        for start in range(0, len(places), _AT_ONCE):
            films = taken(batches, places[start : start + _AT_ONCE])
            for film, row, overview in zip(*(films[name].to_pylist() for name in films.column_names), strict=True):
                self.rows.reject(film, row, reason, detail.format(overview=repr(overview)))

    def reject_bad(self) -> None:
        """Reject films whose labels or list of genres cannot be used."""
        if not self.genres.bad:
            return
        reason = LABEL_NOT_BINARY if self.from_columns else ROW_MALFORMED
        is_bad = np.zeros(len(self.code_labels), bool)
        is_bad[list(self.genres.bad)] = True
        bad = np.flatnonzero(is_bad[self.codes])
        order = np.argsort(self.codes[bad], kind="stable")
        for group in np.split(bad[order], np.flatnonzero(np.diff(self.codes[bad][order])) + 1):
            detail = self.genres.bad[int(self.codes[group[0]])]
            self.reject(group, reason, detail.replace("{", "{{").replace("}", "}}"))

    def reject_without_genre(self) -> None:
        """Reject films without any genre. Where genres are listed, that is no fault."""
        has_genre = np.asarray(self.code_labels.any(axis=1))
        places = np.flatnonzero(self.kept & ~has_genre[self.codes])
        if len(places):
            self.reject(places, NO_GENRE, "0 in every genre column" if self.from_columns else "no genre is listed")
            if not self.from_columns or self.genres.notes:
                self.set_aside[NO_GENRE] += len(places)

    # -- films that occur more than once ------------------------------------------------------------------------------

    def merge_or_drop_doubles(self, *, joined: bool) -> None:
        """Merge rows of one film and another genre each; else keep the first of each film."""
        order = np.argsort(self.hashes, kind="stable").astype(np.int32)
        if not self.kept.all():
            order = order[self.kept[order]]
        ordered = self.hashes[order]
        again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        if not len(again):
            return
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        del ordered
        first = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
        others = self.codes[order[again]] != self.codes[first[again]]
        if joined or (self.rows.codes.single and others.sum() >= _LONG_SHARE * len(order)):
            self._merge(order, starts, first)
        else:
            self._drop(order, again)

    def _merge(self, order: np.ndarray, starts: np.ndarray, first: np.ndarray) -> None:
        """Give the first row of each film the genres of all its rows."""
        texts = np.frombuffer(self.rows.overview_hashes, np.int64)
        differ = self.has_overview[order] & self.has_overview[first] & (texts[order] != texts[first])
        packed = np.packbits(self.code_labels, axis=1)[self.codes[order]]
        packed[differ] = 0
        united = np.bitwise_or.reduceat(packed, starts, axis=0)
        values, codes = np.unique(united, axis=0, return_inverse=True)
        self.codes = np.zeros(len(self.codes), np.int64)
        self.codes[order[starts]] = codes.reshape(-1)
        self.code_labels = np.unpackbits(values, axis=1, count=self.code_labels.shape[1])
        same = np.setdiff1d(order[~differ], order[starts])
        self.kept[same] = False
        self.merged = len(same)
        if differ.any():
            self.reject(order[differ], DUPLICATE_ID, "the same id as an earlier row, with another overview")

    def _drop(self, order: np.ndarray, again: np.ndarray) -> None:
        """Keep the first sound row of each film: exact repeats are counted, others rejected."""
        has_genre = np.asarray(self.code_labels.any(axis=1))
        batches = self.table.select(["id", "row", "overview"]).to_batches()
        places = np.unique(np.concatenate([order[again], order[again - 1]]))
        films = taken(batches, places).to_pylist()
        groups: dict[str, list[tuple[int, dict[str, object]]]] = {}
        for place, film in zip(places.tolist(), films, strict=True):  # in the file's order
            groups.setdefault(str(film["id"]), []).append((place, film))
        for group in groups.values():
            sound = [one for one in group if has_genre[self.codes[one[0]]]]
            whole = [one for one in sound if self.has_overview[one[0]]] or sound
            for place, film in sound:
                if place == whole[0][0]:
                    continue
                self._drop_one(place, film, *whole[0])

    def _drop_one(self, place: int, film: dict[str, object], first: int, kept: dict[str, object]) -> None:
        same_labels = (self.code_labels[self.codes[place]] == self.code_labels[self.codes[first]]).all()
        same_overview = film["overview"] == kept["overview"]
        self.kept[place] = False
        if same_labels and same_overview:
            self.repeats += 1
            return
        name, row = str(film["id"]), int(film["row"])  # type: ignore[call-overload]
        if not self.has_overview[place] and self.has_overview[first]:
            self.rows.reject(name, row, OVERVIEW_EMPTY, f"Overview is {film['overview']!r}; row {kept['row']} has one")
            return
        difference = "other genres" if same_overview else "another overview"
        self.rows.reject(name, row, DUPLICATE_ID, f"also on row {kept['row']}, with {difference}; that one is kept")


def _add_posters(selection: Selection, table: pa.Table, rows: FilmRows, posters: PosterIndex) -> None:
    """Look the posters of the kept films up, and count films."""
    selection.posters, selection.poster_ways = find_posters(
        table, posters, selection.kept, key_name=rows.key_name, key_is_path=rows.key_is_path
    )
    selection.has_pictures = bool((selection.posters == IN_TABLE).any())
    selection.films = int(selection.kept.sum())
    selection.films_with_poster = int((selection.kept & selection.has_poster).sum())
    selection.films_with_overview = int((selection.kept & selection.has_overview).sum())


def _set_missing_aside(selection: Selection, selector: _Selector, allow_missing: bool | None) -> None:
    """Reject films that lack both poster and overview, or one that is needed."""
    has_poster, has_overview = selection.has_poster, selection.has_overview
    no_posters, no_overviews = not selection.films_with_poster, not selection.films_with_overview
    lacks_poster = selection.kept & ~has_poster & (not no_posters)
    lacks_overview = selection.kept & ~has_overview & (not no_overviews)
    half = selection.films / 2
    selection.missing_was_chosen = allow_missing is not None
    selection.allows_missing = bool(
        (lacks_poster.sum() < half and lacks_overview.sum() < half) if allow_missing is None else allow_missing
    )
    if selection.allows_missing:
        lacks_poster = lacks_overview = selection.kept & ~has_poster & ~has_overview
        lacks_overview = lacks_overview & (not no_overviews)
    for places, reason, detail in (
        (np.flatnonzero(lacks_overview), OVERVIEW_EMPTY, "Overview is {overview}"),
        (np.flatnonzero(lacks_poster & ~lacks_overview), POSTER_MISSING, "no poster file belongs to it"),
    ):
        if len(places):
            selector.reject(places, reason, detail)
            if allow_missing is None:
                selection.set_aside[reason] += len(places)
