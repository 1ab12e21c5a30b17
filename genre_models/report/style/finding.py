"""Building blocks of every page: a paragraph with its title, and a cell of a table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One paragraph of the verdict: what it is about, and the paragraph itself."""

    title: str
    text: str


@dataclass(frozen=True)
class Cell:
    """One figure of a table: its text, its interval in small type, what a sort goes by, whether it is the best."""

    text: str
    interval: str = ""
    value: float | None = None
    best: bool = False
