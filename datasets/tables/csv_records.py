"""The records of a CSV with their line numbers, malformed ones included."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from datasets.tables.encodings import Lines

_UNDECODED = re.compile(r"[\udc80-\udcff]+|[\ud800-\udfff]+")
_FIELD_LIMIT = 1 << 20  # Characters. Longer than any overview; bounds the memory of an unclosed quote.
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_OTHER_DELIMITERS = {"::": "double colons"}
_SNIFFED_LINES = 60
_UNIT = "\x1f"  # stands for a delimiter of several characters, of which the parser knows none
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*$", re.IGNORECASE)  # Excel's


class Record(NamedTuple):
    """One record of a table."""

    row: int
    """Line on which it starts, the file's first line being 1; in formats without lines its number from 1."""
    fields: Sequence[Any]
    """As many fields as the header has; where there is a problem, those that could be parsed."""
    problem: str = ""
    """Error message for the user; "" if the record is valid."""


@dataclass(frozen=True)
class Dialect:
    """Layout of a delimited file."""

    delimiter: str = ","
    quoted: bool = True
    """Whether double quotes enclose fields; some files of tabs use them as plain characters."""
    separator_line: bool = False
    """Whether the first line is Excel's `sep=;`."""
    extra: str = ""
    """Where records have one field more than the header: "first" (a numbering of the rows), "last" (empty) or ""."""

    @property
    def described(self) -> str:
        """Return the delimiter in words."""
        return (_DELIMITERS | _OTHER_DELIMITERS).get(self.delimiter, repr(self.delimiter))

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Return a strict parser of this dialect."""
        if len(self.delimiter) > 1:
            lines, delimiter = (line.replace(self.delimiter, _UNIT) for line in lines), _UNIT
            return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
        if self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)


def sniff(lines: Sequence[str], usual: Sequence[str] = ()) -> Dialect:
    """Detect the dialect of a file from its first lines.

    The delimiter is the one by which most columns have one of the names `usual` (case-insensitive), then the one by
    which most records are as wide as the header, then the widest; commas win ties.
    """
    separator_line = bool(lines) and _SEPARATOR_LINE.match(lines[0]) is not None
    if separator_line:
        match = _SEPARATOR_LINE.match(lines[0])
        assert match is not None
        return _with_extra(Dialect(match.group(1), separator_line=True), lines[1:])
    options = [Dialect(delimiter) for delimiter in _DELIMITERS] + [Dialect("\t", quoted=False)]
    best = max(options, key=lambda option: _score(option, lines, {name.casefold() for name in usual}))
    return _with_extra(best, lines)


def _score(dialect: Dialect, lines: Sequence[str], usual: set[str]) -> tuple[float, ...]:
    rows = _parsed(dialect, lines)
    header = [name.strip().casefold() for name in rows[0]] if rows else []
    if len(header) < 2:
        return (0, 0, 0, dialect.delimiter == ",")
    named = sum(name in usual for name in header)
    regular = sum(len(header) <= len(row) <= len(header) + 1 for row in rows[1:]) / max(1, len(rows) - 1)
    # Databases that write "\N" for nothing quote no field: a quote is one of the title's, in IMDb's files say.
    is_dump = any("\\N" in line.rstrip("\r\n").split("\t") for line in lines)
    return (named, regular, len(header), dialect.delimiter == ",", dialect.quoted != is_dump)


def _parsed(dialect: Dialect, lines: Sequence[str]) -> list[list[str]]:
    """Return the records of some lines, malformed ones as empty."""
    rows: list[list[str]] = []
    reader = dialect.reader(iter(lines[:_SNIFFED_LINES]))
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows
        except csv.Error:
            row = []
        if row or rows:
            rows.append(row)


def _with_extra(dialect: Dialect, lines: Sequence[str]) -> Dialect:
    """Return the dialect with `extra`, for records that are one field wider than the header."""
    header, *rows = _parsed(dialect, lines) or [[]]
    rows = [row for row in rows if len(row) > 1]
    wider = [row for row in rows if len(row) == len(header) + 1]
    if not rows or len(wider) <= len(rows) / 2 or len(header) < 2:
        return dialect
    extra = "last" if all(not row[-1].strip() for row in wider) else "first"
    if extra == "first" and not all(row[0].strip().isdigit() for row in wider):
        extra = ""
    return Dialect(dialect.delimiter, dialect.quoted, dialect.separator_line, extra)


class CsvRecords:
    """Iterator over the records of a delimited file, header first, blank lines skipped.

    A quote that is never closed swallows the lines after it. Strict parsing detects this and the record is reported as
    malformed. If whole records were among the swallowed lines, reading resumes with the first of them.
    """

    def __init__(self, stream: io.BufferedReader, encoding: str = "", dialect: Dialect | None = None) -> None:
        self._lines = Lines(stream, encoding)
        self._dialect = dialect or Dialect()

    @property
    def encoding(self) -> str:
        """Return the encoding's name: of the whole file after the last record."""
        return self._lines.encoding

    def __iter__(self) -> Iterator[Record]:
        # The limit is global to the process, so it is restored.
        limit = csv.field_size_limit(_FIELD_LIMIT)
        try:
            yield from self._records()
        finally:
            csv.field_size_limit(limit)

    def _records(self) -> Iterator[Record]:
        lines, dialect = self._lines, self._dialect
        reader = dialect.reader(lines)
        row, width = 1, 0
        if dialect.separator_line:
            next(lines, None)
            row += 1
        while True:
            lines.taken, lines.odd = [], False
            try:
                fields, problem = next(reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                # The reader drops the fields it parsed; the first one can be recovered.
                fields = lines.taken[0].decode(errors="surrogateescape").split(dialect.delimiter, 1)[:1]
                problem = f"not a CSV record ({error})"
            blank = len(fields) <= 1 and not "".join(fields).strip()
            if not width and not blank:
                width = len(fields)
            elif len(fields) != width and not problem and not blank:
                fields, problem = self._fitted(fields, width)
            taken = len(lines.taken)
            if problem and taken > 1:
                if any(self._is_record(line, width) for line in lines.taken[1:]):
                    problem += "; a quote is left open on this line"
                    lines.pending.extend(reversed(lines.taken[1:]))
                    taken = 1
                else:
                    problem += f"; the record runs to line {row + taken - 1}"
            if lines.odd and not problem:
                problem = odd_text(fields)
            if not blank:
                yield Record(row, fields, problem)
            row += taken

    def _fitted(self, fields: list[str], width: int) -> tuple[list[str], str]:
        """Return a record without its extra field, or the problem of its width."""
        if len(fields) == width + 1 and self._dialect.extra == "first":
            return fields[1:], ""
        if len(fields) > width and not any(map(str.strip, fields[width:])):  # trailing delimiters
            return fields[:width], ""
        return fields, f"{len(fields)} fields where the header has {width}"

    def _is_record(self, line: bytes, width: int) -> bool:
        """Return whether the line alone is a complete record of `width` fields."""
        try:
            fields = next(self._dialect.reader(iter([line.decode(errors="replace")])))
        except csv.Error:
            return False
        return width > 1 and len(fields) == width + (self._dialect.extra != "")


def odd_text(fields: Sequence[Any]) -> str:
    """Return the message for fields that are not valid text, or ""."""
    for text in fields:
        if not isinstance(text, str):
            continue
        if not text.isascii() and (match := _UNDECODED.search(text)):
            shown = match.group().encode("utf-8", "surrogateescape" if match.group() >= "\udc80" else "surrogatepass")
            return f"holds {shown!r}, which is not UTF-8 text: save the CSV as UTF-8"
        if "\0" in text:
            return "holds a NUL byte"
    return ""
