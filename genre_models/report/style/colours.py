"""Model colours and marks, the same in every figure, table and card, light or dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The hues of Okabe and Ito's palette ("Color Universal Design", 2008), distinguishable with any colour vision, darkened
# until names in them have a contrast of 4.5 to 1 on the page.
# The names are those of the CSS variables in page.css, which has brighter versions for the dark scheme.
BLUE, VERMILLION, GREEN = "#0069a5", "#b34a00", "#00755a"
PURPLE, ORANGE, SKY = "#9d4477", "#8a5d00", "#1d6fa5"
INK, MUTED, GRID, PAPER = "#1d1d1b", "#615d57", "#dedad2", "#fffffe"
GREYS = ("#68645d", "#75716a")

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
SPARE_MARKS, BASELINE_MARKS = ("X", "P", "o", "s", "^"), ("D", "v")
# So does it the sign, which is then the same on every page.
PREFERRED_MARKS = {"poster": "o", "overview": "s", "both": "^"}
MARK_OF_OTHERS = "P"
# The same marks as characters, for tables and cards.
GLYPHS = {"o": "●", "s": "■", "^": "▲", "P": "✚", "X": "✖", "D": "◇", "v": "▽", "|": "┃"}


@dataclass(frozen=True)
class Style:
    """The colour and mark of one model. `mark` names its sign, see GLYPHS; `baseline` models are grey and hollow."""

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
            sees, own = str(model.get("sees")), bool(model.get("history"))
            wanted = PREFERRED.get(sees, GREEN) if own else OF_OTHERS
            mark = PREFERRED_MARKS.get(sees, "^") if own else MARK_OF_OTHERS
            result[key] = Style(_colour(wanted, solid), _mark(mark, solid), False)
        else:
            hollow = sum(1 for style in result.values() if style.baseline and style.mark != "|")
            result[key] = Style(GREYS[0], BASELINE_MARKS[hollow % len(BASELINE_MARKS)], True)
    return result


def _colour(wanted: str, taken: list[Style]) -> str:
    used = {style.colour for style in taken}
    free = [colour for colour in (wanted, *SPARE) if colour not in used]
    return free[0] if free else SPARE[len(taken) % len(SPARE)]


def _mark(wanted: str, taken: list[Style]) -> str:
    used = {style.mark for style in taken}
    free = [mark for mark in (wanted, *SPARE_MARKS) if mark not in used]
    return free[0] if free else SPARE_MARKS[len(taken) % len(SPARE_MARKS)]


def colour(sweep: Mapping[str, Any]) -> str:
    """Return the colour of a sweep's model, the same as in the comparison."""
    return PREFERRED.get(str(sweep.get("sees")), PREFERRED["both"])


def css(sweep: Mapping[str, Any]) -> str:
    """Return the colour as a CSS value that follows the reader's colour scheme."""
    return f"var(--{VARIABLES[colour(sweep)]})"
