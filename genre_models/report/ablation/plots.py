"""Charts of an ablation: each component's effect on test and validation films."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from genre_models.report.ablation.query import difference, entry, group, side
from genre_models.report.charts.chart import Chart, legend
from genre_models.report.style.colours import INK, MUTED, Style, colour
from genre_models.report.style.formats import cut, ends, signed, span

WIDTH = 340
ROW = 44
_APART = 0.17  # rows; offset of the dots of a split from the component's line
_GROUPS = {  # groups with the same x axis, since they are compared
    "without": ("without", "with"),
    "with": ("without", "with"),
    "coursework with": ("coursework with",),
}


def effect_plot(ablation: Mapping[str, Any], which: str) -> Markup:
    """Return the components' effects on mean average precision, largest first; empty where there are none."""
    variants = group(ablation, which)
    if not variants:
        return Markup("")
    shade = colour(ablation)
    chart = Chart(WIDTH, 62 + ROW * len(variants), left=14, right=58, top=28, bottom=28)
    chart.across(*_limits([item for other in _GROUPS[which] for item in group(ablation, other)]))
    chart.rows(len(variants))
    chart.x_axis(chart.x.ticks(5), plus=True)
    chart.rule(chart.x(0), chart.top, chart.x(0), chart.bottom, INK)
    for place, variant in enumerate(variants):
        y = chart.y(place)
        chart.text(chart.left, y - 9, cut(str(variant["component"]), 42), colour=INK)
        chart.rule(chart.left, y + 3, chart.right, y + 3)
        _effect(chart, variant, "validation", place + _APART + 0.07, MUTED, 2.6)
        _effect(chart, variant, "test", place + 0.03, shade, 4.2)
        tone = INK if side(variant) else MUTED
        chart.text(chart.right + 6, y + 8, signed(difference(variant, "test")), colour=tone, size=13)
    legend(chart, [("● test films", shade), ("● validation films", MUTED)], 14)
    return chart.svg("Effect of each component on mean average precision")


def _effect(chart: Chart, variant: Mapping[str, Any], split: str, row: float, shade: str, size: float) -> None:
    """Draw one effect with its interval; hollow where it is not clear."""
    effect = entry(variant, split)
    if not effect:
        return
    clear, both = bool(effect.get("clear")), ends(effect.get("interval"))
    chart.whisker(both, row, shade, width=size / 1.5, opacity=0.8 if clear else 0.45)
    says = f"{variant['component']}, {split} films: {signed(effect['difference'])}"
    says += f" ({span(both)})" if both else ""
    chart.dot(effect["difference"], row, Style(shade, "o", False), says, size=size, hollow=not clear)


def _limits(variants: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return axis limits that include all effects, their intervals and 0."""
    reach = [0.0]
    for variant in variants:
        for split in ("test", "validation"):
            effect = entry(variant, split)
            reach += [*(ends(effect.get("interval")) or ()), *([effect["difference"]] if effect else [])]
    room = (max(reach) - min(reach)) * 0.04 or 0.01
    return min(reach) - room, max(reach) + room
