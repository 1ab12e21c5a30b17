"""The records of JSON Lines, JSON arrays and JSON documents."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from datasets.storage.files import parse_json
from datasets.tables.csv_records import odd_text
from datasets.tables.encodings import Lines
from datasets.tables.ids import simple

_SKIPPED = re.compile(r"[\s,\ufeff]*")
_LONGEST = 1 << 24  # characters of one film; bounds the memory of a bracket that is never closed

_IDS = frozenset({"id", "imdbid", "tmdbid", "movieid"})
_TEXTS = frozenset({"overview", "plot"})
_GENRES = frozenset({"genres", "genre", "genreids", "listedin"})
_OF_FILMS = _IDS | frozenset({"title", "name", "year", "description", "summary"})
_MOST_WRAPPERS = 3  # objects around the films

Item = tuple[int, dict[str, Any], str]
"""Number or line of a film, its values by name, and its problem or ""."""


def json_lines(lines: Lines) -> Iterator[Item]:
    """Yield the films of JSON Lines, by line number; blank lines are skipped."""
    for number, text in enumerate(lines, start=1):
        lines.begin()
        if not text.strip():
            continue
        try:
            value = parse_json(text)
        except ValueError as error:
            yield number, {}, f"not JSON ({error})"
            continue
        yield number, *_checked(value)


def _checked(value: Any) -> tuple[dict[str, Any], str]:
    if not isinstance(value, dict):
        return {}, f"{str(value)[:40]!r} where an object is needed"
    if dict in map(type, value.values()) and not _is_film(value):
        # {"id": 7, "movie": {…}}
        inner = [part for part in value.values() if isinstance(part, dict) and _is_film(part)]
        value = {**value, **inner[0]} if len(inner) == 1 else value
    return value, odd_text([text for text in value.values() if isinstance(text, str)])


def is_json_lines(lines: list[str]) -> bool:
    """Return whether the first lines of a file are JSON Lines rather than one document."""
    filled = [line for line in lines if line.strip()]
    if not filled or not filled[0].lstrip().startswith("{"):
        return False
    try:
        first = parse_json(filled[0])
    except ValueError:
        # A damaged first line of several objects; of a document, the first line is mostly "{" alone.
        return len(filled) > 1 and all(line.lstrip().startswith("{") for line in filled[:3])
    return len(filled) > 1 and isinstance(first, dict)


class JsonArray:
    """Iterator over the objects of a JSON array, numbered from 1, without holding the document.

    After an object that is not JSON, reading resumes with the next text that begins as the first object did.
    """

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._text = ""
        self._place = 0
        self._line = 1  # of `_place`
        self._ended = False
        self._again: re.Pattern[str] | None = None

    def __iter__(self) -> Iterator[Item]:
        self._more()
        start = self._text.find("[")
        self._go_to(start + 1)
        decoder = json.JSONDecoder()
        number = 0
        while True:
            self._skip()
            if self._place >= len(self._text) or self._text[self._place] == "]":
                return
            number += 1
            line = self._line
            try:
                value, end = self._decoded(decoder)
            except ValueError as error:
                yield number, {}, f"not JSON, on line {line} ({getattr(error, 'msg', error)})"
                if not self._resume():
                    return
                continue
            self._remember(value)
            self._go_to(end)
            yield number, *_checked(value)

    def _decoded(self, decoder: json.JSONDecoder) -> tuple[Any, int]:
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._place)
                if end < len(self._text) or self._ended:
                    return value, end
            except RecursionError:
                raise ValueError("brackets are nested too deeply") from None
            except json.JSONDecodeError as error:
                # Wrong in the middle of what is there, or is it only cut off?
                if self._ended or (error.pos < len(self._text) - 64 and not error.msg.startswith("Unterminated")):
                    raise
            if len(self._text) - self._place > _LONGEST:
                raise ValueError("an object or a text is never closed")
            self._more()

    def _remember(self, value: Any) -> None:
        if self._again is None and isinstance(value, dict) and value:
            first = re.escape(json.dumps(next(iter(value)), ensure_ascii=False))
            self._again = re.compile(r"\{\s*" + first + r"\s*:")

    def _resume(self) -> bool:
        """Go to the next object; return whether there is one."""
        while self._again is not None:
            if match := self._again.search(self._text, self._place + 1):
                self._go_to(match.start())
                return True
            if self._ended:
                return False
            self._go_to(max(self._place, len(self._text) - 200))
            self._more()
        return False

    def _skip(self) -> None:
        while True:
            match = _SKIPPED.match(self._text, self._place)
            assert match is not None
            self._go_to(match.end())
            if self._place < len(self._text) or self._ended:
                return
            self._more()

    def _go_to(self, place: int) -> None:
        self._line += self._text.count("\n", self._place, place)
        self._place = place

    def _more(self) -> None:
        """Read at least as much text again as is left unread."""
        parts, size = [self._text[self._place :]], 0
        self._place = 0
        while size < max(1, len(parts[0])) and not self._ended:
            text = next(self._chunks, "")
            self._ended = not text
            parts.append(text)
            size += len(text)
        self._text = "".join(parts)


def json_document(text: str, stem: str) -> list[Item]:
    """Return the films of one JSON document.

    It is a list of objects, an object that holds such a list (in further objects, or beside others), films by id (an
    object of objects), columns of values (as pandas writes by default, or with `orient="split"`), or one film alone,
    whose id is the file's name unless it has one.

    Raises:
        ValueError: it is no JSON.
    """
    value = _value_of(text)
    films = _films_in(value, _MOST_WRAPPERS)
    if films is None:
        names = {str(name).casefold().replace("_", "") for name in value}
        films = [value if names & _IDS else {"id": stem, **value}]
    return [(number, *_checked(film)) for number, film in enumerate(films, start=1)]


def _value_of(text: str) -> Any:
    """Return the value of a document; of several objects one after the other, their list."""
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
    decoder, values, place = json.JSONDecoder(), [], 0
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except RecursionError:
            raise ValueError("brackets are nested too deeply") from None
        values.append(value)
        place = _SKIPPED.match(text, place).end()  # type: ignore[union-attr]
    return values


_simple = functools.lru_cache(maxsize=4096)(simple)


def _is_film(value: dict[str, Any]) -> bool:
    """Return whether an object has an overview, or genres and what else a film has."""
    names = {_simple(str(name)) for name in value}
    return bool(names & _TEXTS) or bool(names & _GENRES and names & _OF_FILMS)


def _films_in(value: Any, depth: int) -> list[Any] | None:
    """Return the films that a document lists, or None if it is itself a film."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return [value]
    inner = list(value.values())
    are_objects = len(inner) > 1 and all(isinstance(part, dict) for part in inner)
    if _is_film(value):
        if are_objects:  # columns, each with its values by row
            return [{name: column.get(key) for name, column in value.items()} for key in inner[0]]
        return None
    if isinstance(names := value.get("columns"), list) and isinstance(rows := value.get("data"), list):
        return [dict(zip(names, row, strict=False)) if isinstance(row, list) else row for row in rows]
    lists = [part for part in inner if isinstance(part, list) and part and all(isinstance(x, dict) for x in part)]
    of_films = [part for part in lists if _is_film(_checked(part[0])[0])]
    if of_films or len(lists) == 1:
        return list((of_films or lists)[0])
    if are_objects and any(map(_is_film, inner)):
        return [{"id": key, **film} for key, film in value.items()]
    for part in inner if depth else []:
        if isinstance(part, dict) and (found := _films_in(part, depth - 1)) is not None:
            return found
    return [{"id": key, **film} for key, film in value.items()] if are_objects else None
