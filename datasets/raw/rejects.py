"""Reasons for rejecting a film, and the error for unusable films."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

# Reasons for rejecting a film. They are keys in results and are shown on screen unchanged.
ROW_MALFORMED = "row malformed"
ID_LEAVES_FOLDER = "id leaves the folder"
OVERVIEW_EMPTY = "overview empty"
LABEL_NOT_BINARY = "label not 0 or 1"
NO_GENRE = "no genre"
DUPLICATE_ID = "duplicate id"
POSTER_MISSING = "poster missing"
POSTER_NOT_A_PICTURE = "poster not a picture"
POSTER_TRUNCATED = "poster truncated"
POSTER_TOO_LARGE = "poster too large"

REASONS: tuple[str, ...] = (
    ROW_MALFORMED,
    ID_LEAVES_FOLDER,
    OVERVIEW_EMPTY,
    LABEL_NOT_BINARY,
    NO_GENRE,
    DUPLICATE_ID,
    POSTER_MISSING,
    POSTER_NOT_A_PICTURE,
    POSTER_TRUNCATED,
    POSTER_TOO_LARGE,
)


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


class FilmsError(ValueError):
    """An error that ends the job: the films cannot be used. The message is for the user."""


@dataclass(frozen=True)
class Reject:
    """A rejected film with the reason."""

    id: str
    row: int
    """Line of the CSV on which the record starts; the header is line 1."""
    reason: str
    """One of `REASONS`."""
    detail: str
    """The offending value, for the user who repairs the film."""


def write_rejects(rejects: Iterable[Reject], target: str | Path | TextIO) -> None:
    """Write `rejects` as CSV with the columns id, row, reason, detail, sorted by row.

    `target` is a local path, or a text stream opened with `newline=""`, which is left open.
    Raises OSError where the path cannot be written.
    """
    if isinstance(target, (str, Path)):
        with Path(target).open("w", encoding="utf-8", newline="") as stream:
            write_rejects(rejects, stream)
        return
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["id", "row", "reason", "detail"])
    for reject in sorted(rejects, key=lambda reject: (reject.row, reject.id)):
        writer.writerow([safe_cell(reject.id), reject.row, reject.reason, safe_cell(reject.detail)])


def safe_cell(text: str) -> str:
    """Return a text for a CSV that a spreadsheet opens: on one line, and no formula.

    Control characters are spelled out. What begins as a formula gets an apostrophe; a number stays one.
    """
    text = _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
