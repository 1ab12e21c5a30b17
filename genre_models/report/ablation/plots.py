"""The pictures of an ablation, each an inline SVG: what every cure bought on test and validation films."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genre_models.report.ablation.query import difference, entry, group, side
from genre_models.report.style.colours import GRID, INK, MUTED, PAPER, colour
from genre_models.report.style.formats import cut, ends, signed
from genre_models.report.style.svg import canvas, house_style, inline

WIDTH = 430
ROW = 44
_APART = 0.13  # rows between a cure's test and validation films, to either side of its line
_GROUPS = {  # drawn to one scale: these are compared with each other
    "without": ("without", "with"),
    "with": ("without", "with"),
    "coursework with": ("coursework with",),
}


@house_style()
def bought_plot(ablation: Mapping[str, Any], which: str, name: str) -> str:
    """What each cure of a group bought in mean average precision, most first; empty where there is none."""
    variants = group(ablation, which)
    if not variants:
        return ""
    shade = colour(ablation)
    drawing, axes = canvas(WIDTH, 62 + ROW * len(variants), left=16, right=62, top=34, bottom=28)
    low, high = _limits([one for other in _GROUPS[which] for one in group(ablation, other)])
    axes.set(xlim=(low, high), ylim=(len(variants) - 0.55, -0.75))
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: signed(value, 2 if high - low > 0.08 else 3))
    axes.axvline(0, color=INK, linewidth=1)
    for place, variant in enumerate(variants):
        axes.annotate(
            cut(str(variant["cure"]), 46), (0, place), (0, 11), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=INK, fontsize=12.5,
        )  # fmt: skip
        axes.axhline(place, color=GRID, linewidth=1, zorder=0)
        _dot(axes, variant, "validation", place + _APART, MUTED, 5)
        _dot(axes, variant, "test", place - _APART / 2, shade, 8)
        axes.annotate(
            signed(difference(variant, "test")), (1, place), (8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=INK if side(variant) else MUTED, fontsize=13,
        )  # fmt: skip
    for across, text, tone in ((0, "● test films", shade), (96, "● validation films", MUTED)):
        axes.annotate(
            text, (0, 1), (across, 16), xycoords="axes fraction", textcoords="offset points", color=tone, fontsize=12
        )
    described = ", ".join(f"{one['cure']} {signed(difference(one, 'test'))}" for one in variants)
    return inline(drawing, name, f"What each cure bought in mean average precision on the test films: {described}")


def _dot(axes: Axes, variant: Mapping[str, Any], split: str, row: float, shade: str, size: float) -> None:
    """One difference with its interval; hollow where it cannot be told from chance."""
    found = entry(variant, split)
    if not found:
        return
    clear = bool(found.get("clear"))
    both = ends(found.get("interval"))
    if both is not None:
        axes.plot(both, [row, row], color=shade, linewidth=size / 2.6, alpha=0.8 if clear else 0.4)
    axes.plot(
        found["difference"], row, "o", markersize=size, color=shade if clear else PAPER, markeredgecolor=shade,
        markeredgewidth=1.4, clip_on=False,
    )  # fmt: skip


def _limits(variants: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """An axis with all differences on the test and validation films, their intervals and 0."""
    reach = [0.0]
    for variant in variants:
        for split in ("test", "validation"):
            found = entry(variant, split)
            reach += [*(ends(found.get("interval")) or ()), *([found["difference"]] if found else [])]
    room = (max(reach) - min(reach)) * 0.04 or 0.01
    return min(reach) - room, max(reach) + room
