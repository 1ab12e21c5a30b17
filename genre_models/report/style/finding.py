"""Titled paragraphs and table cells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One paragraph of the verdict with its title."""

    title: str
    text: str


@dataclass(frozen=True)
class Cell:
    """One table cell. `interval` is in small type, `value` is the sort key, `best` marks the best of a column."""

    text: str
    interval: str = ""
    value: float | None = None
    best: bool = False
