"""Model colours and marks, the same in every figure, table and card, light or dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Okabe and Ito's palette ("Color Universal Design", 2008), distinguishable with any colour vision.
# The names are those of the CSS variables in page.css, which has brighter versions for the dark scheme.
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
PURPLE, ORANGE, SKY = "#cc79a7", "#e69f00", "#56b4e9"
INK, MUTED, GRID, PAPER = "#1d1d1b", "#6a665f", "#dedad2", "#fffffe"
GREYS = ("#77736c", "#a09b93")

VARIABLES = {
    BLUE: "blue",
    VERMILLION: "vermillion",
    GREEN: "green",
    PURPLE: "purple",
    ORANGE: "orange",
    SKY: "sky",
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "card",
    GREYS[0]: "grey-1",
    GREYS[1]: "grey-2",
}

# A model's input decides its colour, so that the poster is blue on every page, whichever models are shown.
PREFERRED = {"poster": BLUE, "overview": VERMILLION, "both": GREEN}
OF_OTHERS = PURPLE  # ensembles
SPARE = (ORANGE, SKY, GREEN, PURPLE, BLUE, VERMILLION)
SOLID_MARKS, BASELINE_MARKS = ("o", "s", "^", "P", "X"), ("D", "v")
# The same marks as characters, for tables and cards.
GLYPHS = {"o": "●", "s": "■", "^": "▲", "P": "✚", "X": "✖", "D": "◇", "v": "▽", "|": "┃"}


@dataclass(frozen=True)
class Style:
    """The colour and mark of one model. `mark` is a matplotlib marker; `baseline` models are grey and hollow."""

    colour: str
    mark: str
    baseline: bool

    @property
    def css(self) -> str:
        """Return the colour as a CSS value that follows the reader's colour scheme."""
        return f"var(--{VARIABLES[self.colour]})"

    @property
    def glyph(self) -> str:
        """Return the mark as a character."""
        return GLYPHS[self.mark]


def styles(comparison: Mapping[str, Any]) -> dict[str, Style]:
    """Return a style for every model, in order. Trained models and ensembles get colours, baselines greys."""
    result: dict[str, Style] = {}
    for key, model in comparison["models"].items():
        if model.get("sees") == "nothing" and not model.get("history"):
            result[key] = Style(GREYS[1], "|", True)
        elif model.get("history") or model.get("sees") == "both":
            solid = [style for style in result.values() if not style.baseline]
            mark = SOLID_MARKS[len(solid) % len(SOLID_MARKS)]
            wanted = PREFERRED.get(str(model.get("sees")), GREEN) if model.get("history") else OF_OTHERS
            result[key] = Style(_colour(wanted, solid), mark, False)
        else:
            hollow = sum(1 for style in result.values() if style.baseline and style.mark != "|")
            result[key] = Style(GREYS[0], BASELINE_MARKS[hollow % len(BASELINE_MARKS)], True)
    return result


def _colour(wanted: str, taken: list[Style]) -> str:
    used = {style.colour for style in taken}
    free = [colour for colour in (wanted, *SPARE) if colour not in used]
    return free[0] if free else SPARE[len(taken) % len(SPARE)]


def colour(sweep: Mapping[str, Any]) -> str:
    """Return the colour of a sweep's model, the same as in the comparison."""
    return PREFERRED.get(str(sweep.get("sees")), PREFERRED["both"])


def css(sweep: Mapping[str, Any]) -> str:
    """Return the colour as a CSS value that follows the reader's colour scheme."""
    return f"var(--{VARIABLES[colour(sweep)]})"
