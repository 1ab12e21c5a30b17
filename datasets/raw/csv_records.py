"""Reads the records of a CSV, broken ones included, each with the line it starts on."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # What spreadsheets write before UTF-8.
_UNDECODED = re.compile(r"[\udc80-\udcff]+")
_FIELD_LIMIT = 1 << 20  # Characters. No overview is longer; a quote left open is, and must not eat the memory.


@dataclass(frozen=True)
class Record:
    """One record of a CSV."""

    row: int
    """Line it starts on; the file's first line is 1."""
    fields: list[str]
    """As many fields as the header has; where there is a problem, as many as could be told."""
    problem: str = ""
    """What is wrong with the record, for a person; "" where nothing is."""


class CsvRecords:
    """The records of a UTF-8 CSV in turn, header first. Blank lines are no records.

    A quote that is never closed swallows the lines after it. Strict parsing notices; the record then counts
    as broken, and if whole records were among the swallowed lines, reading goes on with the first of them.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._lines = _Lines(stream)

    @property
    def sha256(self) -> str:
        """Digest in hex of the bytes read so far: of the whole file, once every record has been taken."""
        return self._lines.hash.hexdigest()

    def __iter__(self) -> Iterator[Record]:
        # The limit belongs to the whole process, so it is put back.
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
                # The reader drops the fields it had; one that comes first can still be told.
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
    """The lines of a stream as text, for csv.reader; bytes that are not UTF-8 become lone surrogates."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()
        self.taken: list[bytes] = []  # Lines of the record that is being read.
        self.pending: list[bytes] = []  # Lines to be read once more, the last one first.
        self.odd = False  # Whether the record holds a NUL, or bytes that are not UTF-8.
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
    """Whether the line alone is a whole record of `width` fields."""
    try:
        return width > 1 and len(next(csv.reader([line.decode(errors="replace")], strict=True))) == width
    except csv.Error:
        return False


def _odd_text(fields: list[str]) -> str:
    """Return the reason why the fields are not text, or ""."""
    for text in fields:
        if found := _UNDECODED.search(text):
            shown = found.group().encode("utf-8", "surrogateescape")
            return f"holds {shown!r}, which is not UTF-8 text: save the CSV as UTF-8"
        if "\0" in text:
            return "holds a NUL byte"
    return ""
