"""A chart as SVG: axes, lines, dots and intervals, each mark with its value as text.

Drawn here, not by a library: the charts stand on the page without JavaScript, take their colours from its style sheet,
and need a dozen shapes. The smallest library with vector graphics adds half a megabyte to every page and draws nothing
where scripts are off; uPlot, a tenth of that, draws pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

from genre_models.report.charts.scale import Scale, tick_labels
from genre_models.report.style.colours import GRID, MUTED, PAPER, VARIABLES, Style

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
SIZE = 12.5
"""Pixels of the letters; a chart of 340 pixels is hardly scaled down on a phone."""
_MOST_READ = 60  # values in the text alternative; the marks have all of them
_LARGEST = 1.3  # a chart grows with its column up to this factor


class Chart:
    """A chart under construction; `x` and `y` are set before marks are drawn."""

    def __init__(
        self, width: int, height: int, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0
    ) -> None:
        """Create an empty chart; all sizes in pixels, the axes inside the margins."""
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = left, width - right, top, height - bottom
        self.x = Scale(0.0, 1.0, self.left, self.right)
        self.y = Scale(0.0, 1.0, self.bottom, self.top)
        self._parts: list[str] = []
        self._said: list[str] = []

    def across(self, low: float, high: float, kind: str = "linear") -> None:
        """Set the horizontal scale."""
        self.x = Scale(low, high, self.left, self.right, kind)

    def upwards(self, low: float, high: float, kind: str = "linear") -> None:
        """Set the vertical scale; `low` may be above `high` for rows from top to bottom."""
        self.y = Scale(low, high, self.bottom, self.top, kind)

    def rows(self, number: int) -> None:
        """Set the vertical scale to rows from the top, numbered from 0."""
        self.y = Scale(-0.5, max(1, number) - 0.5, self.top, self.bottom)

    def x_axis(
        self, ticks: Sequence[float], labels: Sequence[str] | None = None, *, title: str = "", plus: bool = False,
        grid: bool = True,
    ) -> None:  # fmt: skip
        """Draw labels below the axes and, with `grid`, lines at the ticks."""
        for tick, label in zip(ticks, labels or tick_labels(ticks, plus=plus), strict=True):
            at = self.x(tick)
            if grid:
                self.rule(at, self.top, at, self.bottom)
            self.text(at, self.bottom + 16, label, anchor="middle")
        if title:
            self.text((self.left + self.right) / 2, self.height - 5, title, anchor="middle")

    def y_axis(self, ticks: Sequence[float], labels: Sequence[str] | None = None) -> None:
        """Draw labels to the left of the axes and lines at the ticks."""
        for tick, label in zip(ticks, labels or tick_labels(ticks), strict=True):
            at = self.y(tick)
            self.rule(self.left, at, self.right, at)
            self.text(self.left - 6, at + 4, label, anchor="end")

    def rule(
        self, x1: float, y1: float, x2: float, y2: float, colour: str = GRID, width: float = 1, *, model: str = ""
    ) -> None:
        """Draw a straight line between two places in pixels."""
        self._parts.append(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{_css(colour)}" '
            f'stroke-width="{width:g}"{_of(model)}/>'
        )

    def text(
        self, x: float, y: float, words: str, *, colour: str = MUTED, anchor: str = "start", size: float = SIZE,
        bold: bool = False, model: str = "",
    ) -> None:  # fmt: skip
        """Write words at a place in pixels."""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" fill="{_css(colour)}" font-size="{size:g}" text-anchor="{anchor}"'
            f"{weight}{_of(model)}>{escape(words)}</text>"
        )

    def line(
        self, points: Sequence[tuple[float, float | None]], colour: str, *, width: float = 2.2, dashes: str = "",
        opacity: float = 1.0, model: str = "", steps: bool = False,
    ) -> None:  # fmt: skip
        """Draw a line through points of values, with a gap where a value is missing."""
        path, pen = "", "M"
        before = 0.0
        for x, y in points:
            if y is None:
                pen = "M"
                continue
            if steps and pen == "L":
                path += f"L{_n(self.x(x))} {_n(before)}"
            before = self.y(y)
            path, pen = f"{path}{pen}{_n(self.x(x))} {_n(before)}", "L"
        if path:
            dash = f' stroke-dasharray="{dashes}"' if dashes else ""
            fade = f' opacity="{opacity:g}"' if opacity < 1 else ""
            self._parts.append(
                f'<path d="{path}" fill="none" stroke="{_css(colour)}" stroke-width="{width:g}" '
                f'stroke-linejoin="round"{dash}{fade}{_of(model)}/>'
            )

    def block(
        self, x: tuple[float, float], y: tuple[float, float], colour: str, says: str = "", *, opacity: float = 1.0,
        model: str = "",
    ) -> None:  # fmt: skip
        """Draw a filled rectangle between two places each way, in pixels."""
        x1, x2, y1, y2 = min(x), max(x), min(y), max(y)
        fade = f' opacity="{opacity:g}"' if opacity < 1 else ""
        shape = (
            f'<rect x="{_n(x1)}" y="{_n(y1)}" width="{_n(max(0.5, x2 - x1))}" height="{_n(y2 - y1)}" '
            f'fill="{_css(colour)}"{fade}/>'
        )
        self._mark(shape, says, model)

    def whisker(
        self, ends: tuple[float, float] | None, row: float, colour: str, *, width: float = 3, opacity: float = 0.5,
        model: str = "",
    ) -> None:  # fmt: skip
        """Draw a horizontal interval of values; an end outside the axis becomes an arrow at its edge."""
        if ends is None:
            return
        y, shade = _n(self.y(row)), _css(colour)
        low, high = (self.x(end) for end in ends)
        shape = (
            f'<line x1="{_n(low)}" y1="{y}" x2="{_n(high)}" y2="{y}" stroke="{shade}" stroke-width="{width:g}" '
            f'stroke-linecap="round" opacity="{opacity:g}"/>'
        )
        shape += "".join(
            _arrow(self.x(end), self.y(row), side, colour, 4.5) for end in ends if (side := self.x.outside(end))
        )
        self._parts.append(f"<g{_of(model)}>{shape}</g>" if model else shape)

    def dot(
        self, x: float, y: float, style: Style, says: str = "", *, size: float = 5, hollow: bool = False,
        opacity: float = 1.0, model: str = "",
    ) -> None:  # fmt: skip
        """Draw a mark at a value; outside the axes it becomes an arrow at the edge, hollow like the mark."""
        side = self.x.outside(x)
        at = (self.x(x), self.y(y))
        shape = _arrow(*at, side, style.colour, size) if side else symbol(*at, style, size, hollow or style.baseline)
        if not side and (over := self.y.outside(y)):
            shape = _upright_arrow(*at, over, style.colour, size)
        if opacity < 1:
            shape = f'<g opacity="{opacity:g}">{shape}</g>'
        self._mark(shape, says, model)

    def _mark(self, shape: str, says: str, model: str) -> None:
        if not says:
            self._parts.append(f"<g{_of(model)}>{shape}</g>" if model else shape)
            return
        self._said.append(says)
        self._parts.append(f'<g class="value"{_of(model)}><title>{escape(says)}</title>{shape}</g>')

    def svg(self, description: str) -> Markup:
        """Return the chart as an `<svg>` element whose text alternative has its values."""
        said = "; ".join(self._said[:_MOST_READ])
        more = len(self._said) - _MOST_READ
        words = f"{description}. {said}" if said else description
        words += f"; and {more} more" if more > 0 else ""
        return Markup(
            f'<svg class="figure" role="img" aria-label="{escape(words)}" viewBox="0 0 {self.width} {self.height}" '
            f'style="max-width: {_LARGEST * self.width:g}px" xmlns="http://www.w3.org/2000/svg">'
            f"{''.join(self._parts)}</svg>"
        )


def symbol(x: float, y: float, style: Style, size: float, hollow: bool) -> str:
    """Return a model's sign at a place in pixels."""
    shade = _css(style.colour)
    corners: tuple[tuple[float, float], ...]
    ring = f'fill="{_css(PAPER)}" stroke="{shade}" stroke-width="1.6"' if hollow else f'fill="{shade}"'
    match style.mark:
        case "|":
            return (
                f'<rect x="{_n(x - 1.5)}" y="{_n(y - 1.4 * size)}" width="3" height="{_n(2.8 * size)}" fill="{shade}"/>'
            )
        case "s":
            return (
                f'<rect x="{_n(x - size)}" y="{_n(y - size)}" width="{_n(2 * size)}" height="{_n(2 * size)}" {ring}/>'
            )
        case "^":
            corners = ((0, -1.25), (1.2, 0.95), (-1.2, 0.95))
        case "v":
            corners = ((0, 1.25), (1.2, -0.95), (-1.2, -0.95))
        case "D":
            corners = ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
        case "P" | "X":
            arms = ((-0.45, -1.3), (0.45, -1.3), (0.45, -0.45), (1.3, -0.45), (1.3, 0.45), (0.45, 0.45))
            turned = [(-a, -b) for a, b in arms]
            corners = (*arms, *turned)
            if style.mark == "X":
                corners = tuple((0.71 * (a - b), 0.71 * (a + b)) for a, b in corners)
        case _:
            return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(size)}" {ring}/>'
    points = " ".join(f"{_n(x + a * size)},{_n(y + b * size)}" for a, b in corners)
    return f'<polygon points="{points}" {ring}/>'


def _arrow(x: float, y: float, side: int, colour: str, size: float) -> str:
    tip, back = x + side * size, x - side * size * 0.6
    points = f"{_n(tip)},{_n(y)} {_n(back)},{_n(y - size)} {_n(back)},{_n(y + size)}"
    return f'<polygon class="edge" points="{points}" fill="{_css(colour)}"/>'


def _upright_arrow(x: float, y: float, side: int, colour: str, size: float) -> str:
    tip, back = y - side * size, y + side * size * 0.6
    points = f"{_n(x)},{_n(tip)} {_n(x - size)},{_n(back)} {_n(x + size)},{_n(back)}"
    return f'<polygon class="edge" points="{points}" fill="{_css(colour)}"/>'


def standalone(svg: str) -> str:
    """Return a chart as a file of its own with size, font and background."""
    head, _, body = svg.partition(">")
    _, _, box = head.partition('viewBox="0 0 ')
    width, height = (float(side) for side in box.partition('"')[0].split())
    size = f' width="{width * _LARGEST:g}" height="{height * _LARGEST:g}" font-family="{FONT}"'
    return f'{head}{size}><rect width="100%" height="100%" fill="{PAPER}"/>{body}\n'


def _n(value: float) -> str:
    """Return a number with at most one decimal, which halves the size of the page."""
    return f"{value:.1f}".removesuffix(".0")


def _css(colour: str) -> str:
    """Return a colour as the page's variable, with the colour itself behind it."""
    return f"var(--{VARIABLES[colour]}, {colour})"


def _of(model: str) -> str:
    return f' data-model="{escape(model)}"' if model else ""


def legend(chart: Chart, entries: Sequence[tuple[str, str]], y: float) -> None:
    """Write (words, colour) entries in a line above the axes, from the left."""
    across = 0.0
    for words, colour in entries:
        chart.text(chart.left + across, y, words, colour=colour)
        across += 20 + 6.6 * len(words)
