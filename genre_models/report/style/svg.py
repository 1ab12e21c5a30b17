"""Matplotlib figures as inline SVG with the page's font and colours and with unique ids."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genre_models.report.style.colours import GRID, MUTED, PAPER, VARIABLES

# At 72 dots per inch, a matplotlib point, an SVG unit and a page pixel have the same length.
DOTS = 72

# Font of standalone files; inline figures use the page's.
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the settings of all figures. Text stays text and is never parsed as TeX (`$` is a dollar sign)."""
    with matplotlib.rc_context({"svg.fonttype": "none", "text.parse_math": False, "font.size": 12}):
        yield


def canvas(width: int, height: int, *, left: int, right: int, top: int, bottom: int) -> tuple[Figure, Axes]:
    """Return a figure with one frameless axes inside the margins, all sizes in pixels."""
    figure = Figure(figsize=(width / DOTS, height / DOTS), dpi=DOTS)
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    )
    for edge in axes.spines.values():
        edge.set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=12, labelcolor=MUTED, pad=6)
    axes.grid(color=GRID, linewidth=1)
    return figure, axes


def inline(figure: Figure, name: str, description: str) -> str:
    """Return the figure as an `<svg>` element. `name` makes its ids unique on the page and reproducible."""
    target = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = _own_ids(svg, name)
    svg = _page_colours(_page_font(svg))
    svg = re.sub(r' (?:d|x|y|transform|points)="[^"]*"', lambda part: _rounded(part.group()), svg)
    return _with_head(re.sub(r">\s+<", "><", svg), description)


def _own_ids(svg: str, name: str) -> str:
    """Prefix the referenced ids and drop the others (`axes_1` would be duplicated across figures)."""
    svg = svg.replace("xlink:href", "href")
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    names = {a or b for a, b in used}
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m.group(1)}"' if m.group(1) in names else "", svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)


def _page_font(svg: str) -> str:
    """Replace the font family by the page's; size and weight stay."""

    def size_only(match: re.Match[str]) -> str:
        weight = "font-weight: 600; " if re.search("bold|[6-9]00", match.group(1)) else ""
        return f"{weight}font-size: {match.group(2)}px"

    svg = re.sub(r"font: ([a-z0-9 ]*?)([\d.]+)px [^;\"]*", size_only, svg)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    return re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)


def _page_colours(svg: str) -> str:
    """Replace palette colours by CSS variables, with the colour as the fallback."""
    return re.sub("|".join(VARIABLES), lambda m: f"var(--{VARIABLES[m.group().lower()]}, {m.group()})", svg, flags=re.I)


def _rounded(attribute: str) -> str:
    """Round to two decimals, which halves the size of the page."""
    return re.sub(r"\s+", " ", re.sub(r"(\.\d\d)\d+", r"\1", attribute))


def _with_head(svg: str, description: str) -> str:
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        raise ValueError("matplotlib wrote an SVG without a viewBox; svg.py must be brought up to date with it")
    width, height = (float(side) for side in box.groups())
    head = (
        f'<svg class="figure" role="img" aria-label="{escape(description)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width: {1.35 * width:g}px" xmlns="http://www.w3.org/2000/svg">'
    )
    return head + svg[svg.index(">") + 1 :].strip()


def standalone(svg: str) -> str:
    """Return an inline figure as a standalone file with its own size, font and background."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        raise ValueError("this is no figure of svg.inline: it has no viewBox")
    head, _, body = svg.partition(">")
    size = f' width="{float(box.group(1)) * 1.35:g}" height="{float(box.group(2)) * 1.35:g}" font-family="{FONT}"'
    return f'{head}{size}><rect width="100%" height="100%" fill="{PAPER}"/>{body}\n'
