"""Reasons for rejecting a film, and the error for unusable films."""

from __future__ import annotations

import csv
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
        writer.writerow([reject.id, reject.row, reject.reason, reject.detail])
