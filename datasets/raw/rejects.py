"""Words the rooms share about films: what ends a job, and why a film is rejected."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

# Reasons for setting a film aside. They are keys in results and are shown on screen as they stand.
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
    """The films cannot be used at all: the message is for the person who started the job, and ends it."""


@dataclass(frozen=True)
class Reject:
    """One film rejected, and why."""

    id: str
    row: int
    """Line of the CSV on which the record starts; the header is line 1."""
    reason: str
    """One of `REASONS`."""
    detail: str
    """What was found, for the person who will repair the film."""


def write_rejects(rejects: Iterable[Reject], target: str | Path | TextIO) -> None:
    """Writes `rejects` as CSV with the columns id, row, reason, detail, sorted by row.

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
