"""The genres of all films: names merged, renamed, chosen, and turned into labels."""

from __future__ import annotations

import csv
import functools
import io
import json
import operator
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datasets.raw.columns import GENRE_NUMBERS, Columns, is_blank, is_number, is_other
from datasets.raw.rejects import FilmsError
from datasets.storage import files
from datasets.tables.genre_values import NO_GENRE_NAMES, TMDB_GENRES, binary_label, names_of, separator_of
from datasets.tables.ids import simple


@dataclass(frozen=True)
class GenreOptions:
    """Choice of the genres to tell apart."""

    only: tuple[str, ...] = ()
    """Genres to keep, in this order; all by default."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """New names by name; "" drops a genre."""
    min_films: int = 0
    """Genres of fewer films are dropped, or folded into `rare`."""
    rare: str = ""
    """Name of the genre that takes the place of rare ones; "" drops them."""
    also: tuple[str, ...] = ()
    """Genres under the names by which models know them; a list may leave them out because no film has them."""


@dataclass(frozen=True)
class Genres:
    """The genres of a collection of films, by code."""

    names: tuple[str, ...]
    labels: np.ndarray
    """uint8 [codes, genres] of 0 and 1."""
    bad: dict[int, str]
    """Why films with a code cannot be used, by code."""
    notes: list[str]
    """Merged, renamed and dropped genres, in words."""
    ignored: list[str]
    """Columns that turned out to hold other values than 0 and 1."""
    problems: list[str]


NO_GENRES = Genres((), np.zeros((1, 0), np.uint8), {}, [], [], [])
"""Of films without labels."""


def name_key(name: str) -> str:
    """Return a genre's name without case and spaces: equal for one genre."""
    return "".join(unicodedata.normalize("NFC", name).split()).casefold()


class GenreCodes:
    """Codes of films' genres as they are read: films with the same value have the same code."""

    def __init__(self, columns: Columns, rows: Sequence[Sequence[Any]]) -> None:
        """Take the first table's columns, and its first rows, which show how lists are separated."""
        self.column_names = [columns.names[c] for c in columns.labels]
        self._codes: dict[Any, int] = {}
        self.values: list[Any] = []  # By code: a tuple of raw labels, or of names, or None where there is no list.
        self._separator = "" if columns.genre is None else separator_of([row[columns.genre] for row in rows])
        self.numbered = columns.genre is not None and simple(columns.names[columns.genre]) == GENRE_NUMBERS
        """Whether genres are TMDB's numbers."""

    def reader(self, columns: Columns) -> Callable[[Sequence[Any]], int]:
        """Return a function from a record of a table with these columns to its code."""
        codes, new = self._codes, self._new
        if columns.genre is not None and columns.further_genres:
            return functools.partial(self._code_of_several, [columns.genre, *columns.further_genres])
        if columns.genre is not None:
            return functools.partial(self._code_of_list, columns.genre)
        if not columns.labels:  # of films whose genres another table lists
            none = ("",) * len(self.column_names)
            key = none if self.column_names else ("names", none)
            nothing = self._codes[key] if key in self._codes else self._new(key, none)
            return lambda _: nothing
        places = {columns.names[c]: c for c in columns.labels}
        same = self.column_names == [columns.names[c] for c in columns.labels]
        labels = operator.itemgetter(*(columns.labels if same else [places[name] for name in self.column_names]))
        single = len(columns.labels) == 1

        def code_of(fields: Sequence[Any]) -> int:
            key = (labels(fields),) if single else labels(fields)
            code = codes.get(key)
            return new(key, key) if code is None else code

        return code_of

    def _code_of_list(self, genre: int, fields: Sequence[Any]) -> int:
        value = fields[genre]
        key = value if isinstance(value, str) else tuple(value) if isinstance(value, list) else str(value)
        try:
            code = self._codes.get(key)
        except TypeError:  # a list of objects
            key = json.dumps(value, default=str)
            code = self._codes.get(key)
        if code is None:
            names = names_of(value, self._separator)
            if self.numbered and names is not None:
                names = tuple(TMDB_GENRES.get(name.removesuffix(".0"), name) for name in names)
            other = ("names", names)
            code = self._codes.get(other)
            if code is None:
                code = self._new(other, names if names is not None else value)
            self._codes[key] = code
        return code

    def _code_of_several(self, genres: Sequence[int], fields: Sequence[Any]) -> int:
        """Return the code of genres that have a column each."""
        names = tuple(
            dict.fromkeys(name for place in genres for name in names_of(fields[place], self._separator) or ())
        )
        key = ("names", names)
        code = self._codes.get(key)
        return self._new(key, names) if code is None else code

    def _new(self, key: Any, value: Any) -> int:
        code = self._codes[key] = len(self.values)
        self.values.append(value)
        return code

    @property
    def single(self) -> bool:
        """Return whether no film lists more than one genre."""
        return not self.column_names and all(isinstance(v, tuple) and len(v) <= 1 for v in self.values)

    def finish(self, counts: np.ndarray, options: GenreOptions) -> Genres:
        """Return the genres of the films counted.

        Args:
            counts: number of films of each code, int64 [codes].
            options: which genres are kept, and under which names.
        """
        bad: dict[int, str] = {}
        ignored: list[str] = []
        if self.column_names:
            each, variants, bad, ignored = self._from_columns(counts)
        else:
            each, variants = self._from_lists(counts, bad, {name_key(name) for name in options.renames})
        return _Vocabulary(each, variants, counts, options, from_columns=bool(self.column_names)).genres(bad, ignored)

    def _from_columns(
        self, counts: np.ndarray
    ) -> tuple[list[tuple[str, ...]], Counter[str], dict[int, str], list[str]]:
        wrong: list[Counter[str]] = [Counter() for _ in self.column_names]
        binary = [0] * len(wrong)
        parsed = [[binary_label(value) for value in values] for values in self.values]
        for code, labels in enumerate(parsed):
            for place in [place for place, label in enumerate(labels) if label is None]:
                wrong[place][str(self.values[code][place])] += int(counts[code])
        for place in [place for place, values in enumerate(wrong) if values]:
            for code, labels in enumerate(parsed):
                if labels[place] is not None and not is_blank(self.values[code][place]):
                    binary[place] += int(counts[code])
        total = int(counts.sum())
        out = {place for place, values in enumerate(wrong) if values and is_other(total, binary[place], values)}
        ignored = [
            f"{self.column_names[place]} (holds {wrong[place].most_common(1)[0][0]!r} and the like in "
            f"{wrong[place].total():,} of {total:,} films)"
            for place in sorted(out)
        ]
        kept = [place for place in range(len(self.column_names)) if place not in out]
        each, bad = [], {}
        for code, labels in enumerate(parsed):
            each.append(tuple(self.column_names[place] for place in kept if labels[place]))
            for place in reversed([place for place in kept if labels[place] is None]):
                bad[code] = f"{self.column_names[place]} is {self.values[code][place]!r}"
        variants = Counter({self.column_names[place]: 0 for place in kept})
        return each, variants, bad, ignored

    def _from_lists(
        self, counts: np.ndarray, bad: dict[int, str], renamed: set[str]
    ) -> tuple[list[tuple[str, ...]], Counter[str]]:
        each: list[tuple[str, ...]] = []
        variants: Counter[str] = Counter()
        for code, names in enumerate(self.values):
            if not isinstance(names, tuple):
                bad[code] = f"the genres {str(names)[:60]!r} are no list of names"
                names = ()
            elif number := next((name for name in names if is_number(name) and name_key(name) not in renamed), ""):
                bad[code] = f"the genres hold the number {number}"
                names = ()
            each.append(names)
            for name in names:
                variants[name] += int(counts[code])
        return each, variants


class _Vocabulary:
    """Assignment of names to genres."""

    def __init__(
        self,
        each: list[tuple[str, ...]],
        variants: Counter[str],
        counts: np.ndarray,
        options: GenreOptions,
        *,
        from_columns: bool,
    ) -> None:
        """Take the names of each code's genres, and all spellings with their number of films."""
        self._each, self._variants, self._counts, self._options = each, variants, counts, options
        self._from_columns = from_columns
        self.notes: list[str] = []
        self.problems: list[str] = []

    def genres(self, bad: dict[int, str], ignored: list[str]) -> Genres:
        """Return the result."""
        target = self._renamed()
        shown = self._merged(target)
        keys = self._chosen(shown)
        keys, target = self._without_rare(keys, shown, target)
        places = {key: place for place, key in enumerate(keys)}
        labels = np.zeros((len(self._each), len(keys)), np.uint8)
        for code, names in enumerate(self._each):
            for name in names:
                if (place := places.get(target[name])) is not None:
                    labels[code, place] = 1
        return Genres(tuple(shown[key] for key in keys), labels, bad, self.notes, ignored, self.problems)

    def _renamed(self) -> dict[str, str]:
        """Return each spelling's name after renaming, as a key."""
        renames = {name_key(old): new for old, new in self._options.renames.items()}
        self._display = {name: " ".join(renames.get(name_key(name), name).split()) for name in self._variants}
        changed = [f"{old} to {new}" if new else f"{old} dropped" for old, new in self._display.items() if old != new]
        if changed:
            self.notes.append(f"renamed {_some(changed, 6)}")
        unused = [old for old in self._options.renames if name_key(old) not in {name_key(n) for n in self._variants}]
        if unused:
            self.notes.append(f"to rename, but in no film: {_some(unused, 6)}")
        return {name: name_key(new) for name, new in self._display.items()}

    def _merged(self, target: dict[str, str]) -> dict[str, str]:
        """Return the name to show of each key, which is the most frequent spelling."""
        groups: dict[str, Counter[str]] = {}
        for name, key in target.items():
            if key:
                groups.setdefault(key, Counter())[self._display[name]] += self._variants[name]
        shown = {key: group.most_common(1)[0][0] for key, group in groups.items()}
        twice = [
            f"{', '.join(repr(n) for n in g if n != shown[k])} as {shown[k]!r}" for k, g in groups.items() if len(g) > 1
        ]
        if twice:
            self.notes.append(f"one genre each: {_some(twice, 6)}")
        return (
            shown if self._from_columns else dict(sorted(shown.items(), key=lambda item: (item[1].casefold(), item[1])))
        )

    def _chosen(self, shown: dict[str, str]) -> list[str]:
        for name in self._options.also:
            if not self._from_columns or name_key(name) in shown:
                shown[name_key(name)] = name
        if self._options.only:
            wanted = list(dict.fromkeys(name_key(name) for name in self._options.only))
            missing = [name for name in self._options.only if name_key(name) not in shown]
            if missing:
                self.problems.append(
                    f"no film has the genre {', '.join(missing)} of --genres; there are {', '.join(shown.values())}."
                )
            if left := [name for key, name in shown.items() if key not in wanted]:
                self.notes.append(f"not asked for: {_some(left, 8)}")
            return [key for key in wanted if key in shown]
        if self._from_columns:
            return list(shown)
        nothing = {name_key(name) for name in NO_GENRE_NAMES}
        if none := [repr(name) for key, name in shown.items() if key in nothing]:
            self.notes.append(f"{', '.join(none)} is no genre (keep it by naming it in --genres)")
        return [key for key in shown if key not in nothing]

    def _without_rare(
        self, keys: list[str], shown: dict[str, str], target: dict[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        options = self._options
        if not options.min_films:
            return keys, target
        films: Counter[str] = Counter()
        for code, names in enumerate(self._each):
            for key in {target[name] for name in names}:
                films[key] += int(self._counts[code])
        rare = [key for key in keys if films[key] < options.min_films and key != name_key(options.rare)]
        if not rare:
            return keys, target
        told = _some([f"{shown[key]} ({films[key]:,})" for key in rare], 8)
        keys = [key for key in keys if key not in rare]
        if options.rare:
            fold = name_key(options.rare)
            shown.setdefault(fold, options.rare)
            keys = keys if fold in keys else [*keys, fold]
            self.notes.append(f"fewer than {options.min_films} films, folded into {options.rare}: {told}")
            return keys, {name: fold if key in rare else key for name, key in target.items()}
        self.notes.append(f"fewer than {options.min_films} films, dropped: {told}")
        return keys, target


def _some(texts: Sequence[str], most: int) -> str:
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def read_renames(path: str) -> dict[str, str]:
    """Read new names of genres from a JSON object or a CSV of two columns.

    Raises:
        FilmsError: the file cannot be read, or holds something else.
    """
    try:
        text = files.read_bytes(path).decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            pairs = list(files.parse_json(text).items())
        else:
            delimiter = "\t" if "\t" in text else ";" if ";" in text and "," not in text else ","
            pairs = [tuple(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise FilmsError(f"--rename-genres {path} cannot be read: {error}") from error
    wrong = next((pair for pair in pairs if len(pair) != 2 or not isinstance(pair[1], str)), None)
    if wrong is not None or not pairs:
        raise FilmsError(
            f'--rename-genres {path} holds {wrong!r}: give a JSON object such as {{"Sci-Fi": "Science Fiction"}}, '
            "or a CSV with an old and a new name on each line"
        )
    return {str(old).strip(): str(new).strip() for old, new in pairs}
