"""Charts of one genre: precision over recall, and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from genre_models.report.charts.chart import Chart
from genre_models.report.findings.comparison_query import label
from genre_models.report.style.colours import GREYS, MUTED, Style, styles
from genre_models.report.style.formats import count, percent, span

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMED = ("0", ".25", ".50", ".75", "1")
_MARKS = 8  # marks with a value on each curve


def precision_recall(comparison: Mapping[str, Any], genre: str, details: Mapping[str, Any]) -> Markup:
    """Draw each model's precision over recall for one genre, its own threshold marked."""
    look, chart = styles(comparison), Chart(320, 250, left=40, right=12, top=12, bottom=42)
    chart.upwards(0, 1)
    chart.y_axis(QUARTERS, NAMED)
    chart.x_axis(QUARTERS, NAMED, title="share of its films found (recall)")
    for key, model in details.items():
        points = [(float(recall), float(precision)) for recall, precision in model["curve"]]
        style, name = look[key], label(comparison, key)
        chart.line([*points], style.colour, width=1.4 if style.baseline else 2, model=key)
        for recall, precision in points[:: max(1, len(points) // _MARKS)]:
            says = f"{name}: finds {percent(recall)} of the films, {percent(precision)} of those named right"
            chart.dot(recall, precision, Style(style.colour, "o", False), says, size=1.8, model=key)
        named, right = model["tuned"]
        if named:
            recall, precision = right / model["films"], right / named
            says = f"{name}, at its threshold: finds {percent(recall)}, {percent(precision)} right"
            chart.dot(recall, precision, style, says, size=5, model=key)
    return chart.svg(f"{genre}: precision over recall of each model, its own threshold marked")


def calibration(comparison: Mapping[str, Any], genre: str, details: Mapping[str, Any]) -> Markup:
    """Draw how often the genre is true over the probability of each model."""
    look, chart = styles(comparison), Chart(320, 250, left=40, right=12, top=12, bottom=42)
    chart.across(0, 1, "root")
    chart.upwards(0, 1, "root")
    chart.y_axis(QUARTERS, NAMED)
    chart.x_axis(QUARTERS, NAMED, title="probability")
    chart.line([(0.0, 0.0), (1.0, 1.0)], MUTED, width=1.4, dashes="5 3")
    for key, model in details.items():
        style, bins = look[key], model["calibration"]
        if style.colour == GREYS[1]:  # the prior says the same of every film
            bins = bins[:1]
        chart.line([(one["score"], one["share"]) for one in bins], style.colour, width=1.4, model=key)
        for one in bins:
            says = f"{label(comparison, key)}: said {percent(one['score'])}, true in {percent(one['share'])} "
            says += f"of {count(one['films'])} films (interval {span([100 * e for e in one['interval']], 0)} %)"
            chart.dot(one["score"], one["share"], style, says, size=2.8, model=key)
    return chart.svg(f"{genre}: how often it is true over the probability of each model")
