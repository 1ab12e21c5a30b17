"""Plots of an ablation as inline SVG: each component's effect on test and validation films."""

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
_APART = 0.13  # rows; offset of the dots of a split from the component's line
_GROUPS = {  # groups with the same x axis, since they are compared
    "without": ("without", "with"),
    "with": ("without", "with"),
    "coursework with": ("coursework with",),
}


@house_style()
def effect_plot(ablation: Mapping[str, Any], which: str, name: str) -> str:
    """Return the components' effects on mean average precision, largest first, as SVG; empty where there are none."""
    variants = group(ablation, which)
    if not variants:
        return ""
    shade = colour(ablation)
    drawing, axes = canvas(WIDTH, 62 + ROW * len(variants), left=16, right=62, top=34, bottom=28)
    low, high = _limits([item for other in _GROUPS[which] for item in group(ablation, other)])
    axes.set(xlim=(low, high), ylim=(len(variants) - 0.55, -0.75))
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: signed(value, 2 if high - low > 0.08 else 3))
    axes.axvline(0, color=INK, linewidth=1)
    for place, variant in enumerate(variants):
        axes.annotate(
            cut(str(variant["component"]), 46), (0, place), (0, 11), xycoords=("axes fraction", "data"),
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
    described = ", ".join(f"{item['component']} {signed(difference(item, 'test'))}" for item in variants)
    return inline(
        drawing, name, f"The effect of each component in mean average precision on the test films: {described}"
    )


def _dot(axes: Axes, variant: Mapping[str, Any], split: str, row: float, shade: str, size: float) -> None:
    """Draw one effect with its interval; hollow where it is not clear."""
    effect = entry(variant, split)
    if not effect:
        return
    clear = bool(effect.get("clear"))
    both = ends(effect.get("interval"))
    if both is not None:
        axes.plot(both, [row, row], color=shade, linewidth=size / 2.6, alpha=0.8 if clear else 0.4)
    axes.plot(
        effect["difference"], row, "o", markersize=size, color=shade if clear else PAPER, markeredgecolor=shade,
        markeredgewidth=1.4, clip_on=False,
    )  # fmt: skip


def _limits(variants: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return axis limits that include all effects, their intervals and 0."""
    reach = [0.0]
    for variant in variants:
        for split in ("test", "validation"):
            effect = entry(variant, split)
            reach += [*(ends(effect.get("interval")) or ()), *([effect["difference"]] if effect else [])]
    room = (max(reach) - min(reach)) * 0.04 or 0.01
    return min(reach) - room, max(reach) + room
