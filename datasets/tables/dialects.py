"""Dialects of delimited files, detected from their first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from datasets.tables.ids import simple

SNIFFED_LINES = 200
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Looked for only where they stand between columns of usual names.
_RARE_DELIMITERS = {
    " ::: ": "triple colons",
    ":::": "triple colons",
    "::": "double colons",
    "||": "double bars",
    "^": "carets",
    "~": "tildes",
    "\x01": "characters of code 1",
}
_UNIT = "\x1f"  # stands for a delimiter of several characters, of which the parser knows none
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*$", re.IGNORECASE)  # Excel's
_MOST_LINES_ABOVE = 5  # titles and comments above the header
_WITH_EXTRA = 0.99  # of a record as wide as the header, for one with a field more
_FEWEST_NAMES = 2  # usual ones, by which a header below other lines is recognised


@dataclass(frozen=True)
class Dialect:
    """Layout of a delimited file."""

    delimiter: str = ","
    quoted: bool = True
    """Whether quotes enclose fields; some files of tabs use them as plain characters."""
    skipped_lines: int = 0
    """Lines above the header: Excel's `sep=;`, a title, comments."""
    extra: str = ""
    """Where records have one field more than the header: "first" (a numbering of the rows), "last" (empty) or ""."""
    quote: str = '"'
    escapes: bool = False
    """Whether a backslash makes a quote part of the text, as Spark and MySQL write it."""
    spaces: bool = False
    """Whether spaces follow delimiters, before quotes."""

    @property
    def described(self) -> str:
        """Return the delimiter in words."""
        return (_DELIMITERS | _RARE_DELIMITERS).get(self.delimiter, repr(self.delimiter))

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Return a strict parser of this dialect."""
        if len(self.delimiter) > 1:
            lines, delimiter = (line.replace(self.delimiter, _UNIT) for line in lines), _UNIT
            return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
        if not self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar="\\" if self.escapes else None,
            skipinitialspace=self.spaces,
            strict=True,
        )


def sniff(lines: Sequence[str], usual: Sequence[str] = ()) -> Dialect:
    """Detect the dialect of a file from its first lines.

    The delimiter is the one by which most columns have one of the names `usual` (as `simple` compares them), then the
    one by which most records are as wide as the header, then the widest; commas win ties. Where no column has such a
    name and a line below has several, the header is there.
    """
    names = {simple(name) for name in usual}
    match = _SEPARATOR_LINE.match(lines[0]) if lines else None
    if match is not None:
        return _with_extra(Dialect(match.group(1), skipped_lines=1), lines[1:])
    best = _best(lines, names)
    if not _names_of(best, lines, names):
        for above in range(1, min(_MOST_LINES_ABOVE, len(lines) - 1) + 1):
            lower = _best(lines[above:], names)
            if _names_of(lower, lines[above:], names) >= _FEWEST_NAMES:
                return replace(_with_extra(lower, lines[above:]), skipped_lines=above)
    return _with_extra(best, lines)


def _best(lines: Sequence[str], usual: set[str]) -> Dialect:
    return max(_options(lines), key=lambda option: _score(option, lines, usual))


def _options(lines: Sequence[str]) -> Iterator[Dialect]:
    """Yield the dialects that some lines may have, plain ones first."""
    header = lines[0] if lines else ""
    doubled = header.count("||") and header.count("|") == 2 * header.count("||")
    plain = [Dialect(delimiter) for delimiter in _DELIMITERS if not (delimiter == "|" and doubled)]
    yield from plain
    yield Dialect("\t", quoted=False)
    if any('\\"' in line for line in lines):
        yield from (replace(dialect, escapes=True) for dialect in plain)
    if any(' "' in line for line in lines):
        yield from (replace(dialect, spaces=True) for dialect in plain)
    if header.startswith("'"):
        yield from (replace(dialect, quote="'") for dialect in plain)
    yield from (Dialect(rare) for rare in _RARE_DELIMITERS if rare in header)


def _names_of(dialect: Dialect, lines: Sequence[str], usual: set[str]) -> int:
    """Return the number of the header's columns that have usual names."""
    rows = _parsed(dialect, lines[:1])
    return sum(simple(name.strip()) in usual for name in rows[0]) if rows and len(rows[0]) > 1 else 0


def _score(dialect: Dialect, lines: Sequence[str], usual: set[str]) -> tuple[float, ...]:
    rows = _parsed(dialect, lines)
    header = [name.strip() for name in rows[0]] if rows else []
    named = sum(simple(name) in usual for name in header)
    if len(header) < 2 or (dialect.delimiter in _RARE_DELIMITERS and named < _FEWEST_NAMES):
        return (0, 0, 0, dialect.delimiter == ",")
    wider = [len(row) - len(header) for row in rows[1:]]
    regular = sum({0: 1.0, 1: _WITH_EXTRA}.get(more, 0) for more in wider) / max(1, len(wider))
    # Databases that write "\N" for nothing quote no field: a quote is one of the title's, in IMDb's files say.
    is_dump = any("\\N" in line.rstrip("\r\n").split("\t") for line in lines)
    return (named, regular, len(header), dialect.delimiter == ",", dialect.quoted != is_dump)


def _parsed(dialect: Dialect, lines: Sequence[str]) -> list[list[str]]:
    """Return the records of some lines, malformed ones as empty."""
    rows: list[list[str]] = []
    reader = dialect.reader(iter(lines[:SNIFFED_LINES]))
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
    return replace(dialect, extra=extra)
