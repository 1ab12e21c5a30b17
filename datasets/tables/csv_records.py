"""The records of a CSV with their line numbers, malformed ones included."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from datasets.tables.dialects import Dialect
from datasets.tables.encodings import Lines

_UNDECODED = re.compile(r"[\udc80-\udcff]+|[\ud800-\udfff]+")
_FIELD_LIMIT = 1 << 20  # Characters. Longer than any overview; bounds the memory of an unclosed quote.
_SEARCHED = 10_000  # lines after a quote that is left open, for one that is a record


class Record(NamedTuple):
    """One record of a table."""

    row: int
    """Line on which it starts, the file's first line being 1; in formats without lines its number from 1."""
    fields: Sequence[Any]
    """As many fields as the header has; where there is a problem, those that could be parsed."""
    problem: str = ""
    """Error message for the user; "" if the record is valid."""


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
        row, width = 1 + dialect.skipped_lines, 0
        for _ in range(dialect.skipped_lines):
            next(lines, None)
        while True:
            lines.begin()
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
                if any(self._is_record(line, width) for line in lines.taken[1:_SEARCHED]):
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
        return fields, f"{len(fields)} field{'s' * (len(fields) != 1)} where the header has {width}"

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
