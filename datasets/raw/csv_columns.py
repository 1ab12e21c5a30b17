"""The columns of a films folder's CSV."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from datasets.raw.csv_records import Record
from datasets.raw.rejects import FilmsError

NOT_GENRES = ("Id", "Genre", "Overview")
"""Every other column is a genre."""
_NEEDED = ("Id", "Overview")


@dataclass(frozen=True)
class Columns:
    """The CSV's column names, and the indices of id, overview and labels."""

    names: list[str]
    id: int
    overview: int
    labels: list[int]

    @property
    def genres(self) -> tuple[str, ...]:
        return tuple(self.names[column] for column in self.labels)


def find_columns(header: Record | None, path: str) -> Columns:
    """Return the columns; raise FilmsError where they are unusable."""
    if header is None:
        raise FilmsError(f"{path} is empty: it needs the columns Id, Overview and one for each genre.")
    if header.problem:
        raise FilmsError(f"{path}, line {header.row}: the header cannot be used: {header.problem}.")
    names = [name.strip() for name in header.fields]
    if "" in names:
        raise FilmsError(
            f"{path}: column {names.index('') + 1} has no name. Remove it if it numbers the rows or "
            "is empty, name it if it is a genre."
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise FilmsError(f"{path}: the column {', '.join(doubled)} occurs more than once; keep one of each.")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise FilmsError(_missing_columns(missing, names, path))
    labels = [column for column, name in enumerate(names) if name not in NOT_GENRES]
    if not labels:
        raise FilmsError(f"{path} has no genre: add a column of 0 and 1 for each, named as the genre is.")
    return Columns(names, names.index("Id"), names.index("Overview"), labels)


def _missing_columns(missing: list[str], names: list[str], path: str) -> str:
    """Return the message for missing columns, with suggestions."""
    shown = ", ".join(repr(name) for name in names[:10]) + (" ..." if len(names) > 10 else "")
    message = f"{path} has no column {' and no column '.join(missing)}; found {shown}."
    if len(names) == 1 and (separator := next((mark for mark in ";\t|" if mark in names[0]), "")):
        return f"{message} Its columns are separated by {separator!r}: save it with commas."
    by_small = {name.lower(): name for name in names if name not in _NEEDED}
    for name in missing:
        if close := difflib.get_close_matches(name.lower(), by_small, n=1):
            message += f" Rename {by_small[close[0]]!r} to {name!r}, if that is what it is."
    return message
