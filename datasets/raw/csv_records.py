"""The records of a CSV with their line numbers, malformed ones included."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Spreadsheets write it before UTF-8.
_UNDECODED = re.compile(r"[\udc80-\udcff]+")
_FIELD_LIMIT = 1 << 20  # Characters. Longer than any overview; bounds the memory of an unclosed quote.


@dataclass(frozen=True)
class Record:
    """One record of a CSV."""

    row: int
    """Line on which it starts; the file's first line is 1."""
    fields: list[str]
    """As many fields as the header has; where there is a problem, those that could be parsed."""
    problem: str = ""
    """Error message for the user; "" if the record is valid."""


class CsvRecords:
    """Iterator over the records of a UTF-8 CSV, header first, blank lines skipped.

    A quote that is never closed swallows the lines after it. Strict parsing detects this and the record is reported as
    malformed. If whole records were among the swallowed lines, reading resumes with the first of them.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._lines = _Lines(stream)

    @property
    def sha256(self) -> str:
        """Return the hex digest of the bytes read so far: of the whole file after the last record."""
        return self._lines.hash.hexdigest()

    def __iter__(self) -> Iterator[Record]:
        # The limit is global to the process, so it is restored.
        limit = csv.field_size_limit(_FIELD_LIMIT)
        try:
            yield from self._records()
        finally:
            csv.field_size_limit(limit)

    def _records(self) -> Iterator[Record]:
        lines = self._lines
        reader = csv.reader(lines, strict=True)
        row, width = 1, 0
        while True:
            lines.taken, lines.odd = [], False
            try:
                fields, problem = next(reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                # The reader drops the fields it parsed; the first one can be recovered.
                fields = lines.taken[0].decode(errors="surrogateescape").split(",", 1)[:1]
                problem = f"not a CSV record ({error})"
            blank = len(fields) <= 1 and not "".join(fields).strip()
            if not width and not blank:
                width = len(fields)
            elif not problem and not blank and len(fields) != width:
                problem = f"{len(fields)} fields where the header has {width}"
            taken = len(lines.taken)
            if problem and taken > 1:
                if any(_is_record(line, width) for line in lines.taken[1:]):
                    problem += "; a quote is left open on this line"
                    lines.pending.extend(reversed(lines.taken[1:]))
                    taken = 1
                else:
                    problem += f"; the record runs to line {row + taken - 1}"
            if lines.odd and not problem:
                problem = _odd_text(fields)
            if not blank:
                yield Record(row, fields, problem)
            row += taken


class _Lines:
    """Iterator over a stream's lines as text; bytes that are not UTF-8 become lone surrogates."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()
        self.taken: list[bytes] = []  # Lines of the current record.
        self.pending: list[bytes] = []  # Lines to read again, the last one first.
        self.odd = False  # Whether the record contains a NUL, or bytes that are not UTF-8.
        if stream.peek(3).startswith(_BYTE_ORDER_MARK):
            self.hash.update(stream.read(3))

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.pending:
            line = self.pending.pop()
        else:
            line = self._stream.readline()
            if not line:
                raise StopIteration
            self.hash.update(line)
        self.taken.append(line)
        self.odd = self.odd or b"\0" in line
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.odd = True
            return line.decode(errors="surrogateescape")


def _is_record(line: bytes, width: int) -> bool:
    """Return whether the line alone is a complete record of `width` fields."""
    try:
        return width > 1 and len(next(csv.reader([line.decode(errors="replace")], strict=True))) == width
    except csv.Error:
        return False


def _odd_text(fields: list[str]) -> str:
    """Return the message for fields that are not valid text, or ""."""
    for text in fields:
        if match := _UNDECODED.search(text):
            shown = match.group().encode("utf-8", "surrogateescape")
            return f"holds {shown!r}, which is not UTF-8 text: save the CSV as UTF-8"
        if "\0" in text:
            return "holds a NUL byte"
    return ""
