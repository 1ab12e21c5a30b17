"""Tables and titled paragraphs as plain data, from which HTML and Markdown are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

from markupsafe import Markup

from genre_models.report.style.colours import Style
from genre_models.report.style.formats import NOTHING


@dataclass(frozen=True)
class Finding:
    """One paragraph with its title."""

    title: str
    text: str


@dataclass(frozen=True)
class Cell:
    """One table cell."""

    text: str
    small: str = ""
    """Text in small type, such as an interval; in Markdown it is in parentheses."""
    value: float | None = None
    """Sort key of a number."""
    best: bool = False
    style: Style | None = None
    """Colour and mark of the model whose name the text is."""
    marks: Sequence[str] = ()
    """Badges behind the text."""
    faint: bool = False
    link: str = ""
    """Where the text leads on an HTML page."""
    genre: str = ""
    """Genre that a link to the films filters them by."""
    film: str = ""
    """Film that a link opens."""
    model: str = ""
    """Model by which the opened film is explained first."""
    term: str = ""
    """Term that the text opens the meaning of."""

    @property
    def sort_key(self) -> str | None:
        """Sort key in HTML: a number, nothing for a missing one, or None to sort by the text."""
        if self.value is None:
            return "" if self.text == NOTHING else None
        return str(self.value)


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    css: str = ""
    """Classes of the element."""
    meanings: Sequence[str] = ()
    """Explanations of the columns, none or one for each."""
    groups: Sequence[tuple[Cell, int]] = ()
    """Heads above the columns after the first, each with the number of columns it spans."""
    sortable: bool = False
    folded: bool = False
    """Whether HTML shows the table only when its title is clicked."""
    note: str = ""
    stacked: bool = False
    """Whether a row is a small block on a phone, each cell with the head of its column."""

    @property
    def starts(self) -> set[int]:
        """Places of the columns at which a group starts, but for the first group."""
        return set(accumulate((span for _, span in self.groups), initial=1)) - {1}

    @property
    def full_head(self) -> list[str]:
        """Heads of the columns with that of their group before them."""
        groups = ["", *(cell.text for cell, span in self.groups for _ in range(span))]
        return [f"{group} {text}".strip() for group, text in zip_longest(groups, self.head, fillvalue="")]


@dataclass(frozen=True)
class Plot:
    """One plot with its caption."""

    caption: str
    svg: Markup
    left: Cell | None = None
    """What a value at the left means, in its colour."""
    right: Cell | None = None
