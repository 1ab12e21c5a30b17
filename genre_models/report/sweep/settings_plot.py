"""Scatter charts of a sweep: each setting against the metric, a dot a trial."""

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from markupsafe import Markup

from genre_models.report.charts.chart import Chart
from genre_models.report.charts.scale import Scale
from genre_models.report.style.colours import INK, MUTED, Style
from genre_models.report.style.formats import cut, number
from genre_models.report.sweep.axes import limits, thin, tone, within
from genre_models.report.sweep.query import choices, four_digits, lower_is_better, marks, metric_name, setting

WIDTH = 340
# More charts are unreadable; the table of settings lists them all.
MOST_SETTINGS = 12
# Pixels: height of a row, height of its axes, and margins.
ROW, INSIDE, LEFT, RIGHT, TOP, BETWEEN = 182, 118, 46, 12, 40, 18


def settings_plot(sweep: Mapping[str, Any]) -> Markup:
    """Return scatter charts of each setting against the metric; empty where no trial has one."""
    shown = [setting_name for setting_name in sweep["space"] if _points(sweep, setting_name)][:MOST_SETTINGS]
    if not shown:
        return Markup("")
    columns = 1 if len(shown) == 1 else 2
    chart = Chart(WIDTH, TOP + ROW * math.ceil(len(shown) / columns))
    low, high = limits(sweep, [row["value"] for row in sweep["analysis"]["rows"] if row["value"] is not None])
    width = (WIDTH - LEFT - RIGHT - BETWEEN * (columns - 1)) / columns
    for place, setting_name in enumerate(shown):
        line, column = divmod(place, columns)
        chart.left, chart.top = round(LEFT + column * (width + BETWEEN)), TOP + 28 + line * ROW
        chart.right, chart.bottom = round(chart.left + width), chart.top + INSIDE
        chart.upwards(low, high)
        ticks = chart.y.ticks(4)
        # All columns have the same y axis, so only the first is labelled.
        chart.y_axis(ticks, None if column == 0 else [""] * len(ticks))
        chart.text(chart.left, chart.top - 9, cut(setting_name, width / 7.2), colour=INK, size=13)
        _one_setting(chart, sweep, setting_name, width)
    _legend(chart, sweep)
    return chart.svg(f"{metric_name(sweep).capitalize()} of every trial against {', '.join(shown)}")


def _legend(chart: Chart, sweep: Mapping[str, Any]) -> None:
    """Draw the legend, with the start and the best trial: labels next to the dots would overlap."""
    side = "lower" if lower_is_better(sweep) else "higher"
    chart.text(LEFT, 14, f"{metric_name(sweep)}, {side} is better")
    across = float(LEFT)
    for trial, row in zip(sweep["trials"], sweep["analysis"]["rows"], strict=True):
        marked = marks(sweep, trial["number"])
        if marked and row["value"] is not None:
            text = f"{'●' if 'best' in marked else '■'} {trial['number']} {' & '.join(marked)}"
            chart.text(across, 32, text, colour=tone(sweep, trial))
            across += 24 + 7 * len(text)


def _one_setting(chart: Chart, sweep: Mapping[str, Any], name: str, width: float) -> None:
    """Draw the dots of one setting: on its own scale, or as a jittered column for each choice."""
    categories, points = choices(sweep, name), _points(sweep, name)
    places: dict[str, float] = {}
    if categories is not None:
        places = {setting(value): float(place) for place, value in enumerate(categories)}
        _columns(chart, sweep, categories, points, width)
    else:
        _range(chart, sweep, name, points)
    for trial, value, height in sorted(points, key=lambda point: len(marks(sweep, point[0]["number"]))):
        # Deterministic jitter: multiples of the golden ratio spread neighbours apart.
        aside = ((trial["number"] * 0.618034) % 1 - 0.5) * 0.5
        spot = places[setting(value)] + aside if categories is not None else number(value)
        if spot is None:
            continue
        marked = marks(sweep, trial["number"])
        style = Style(tone(sweep, trial), "s" if marked == ["start"] else "o", False)
        says = f"trial {trial['number']}, {name} {setting(value)}: {four_digits(height)}"
        opacity = 1 if marked else 0.6 * thin(len(points))
        chart.dot(spot, height, style, says, size=4.6 if marked else 2.6, opacity=opacity)


def _columns(
    chart: Chart, sweep: Mapping[str, Any], categories: list[Any], points: list[tuple[Any, Any, float]], width: float
) -> None:
    """Set the scale and labels of choices, and draw medians of three trials or more."""
    chart.across(-0.5, len(categories) - 0.5)
    every = math.ceil(len(categories) / max(1, width // 34))
    room = width / math.ceil(len(categories) / every) / 8
    ticks = range(0, len(categories), every)
    chart.x_axis([*ticks], [cut(setting(categories[place]), room) for place in ticks], grid=False)
    low, high = limits(sweep, [row["value"] for row in sweep["analysis"]["rows"] if row["value"] is not None])
    for place, value in enumerate(categories):
        group = [result for _, own, result in points if setting(own) == setting(value)]
        if len(group) > 2:
            y = chart.y(within(median(group), low, high))
            chart.rule(chart.x(place - 0.32), y, chart.x(place + 0.32), y, MUTED, 2)


def _range(chart: Chart, sweep: Mapping[str, Any], name: str, points: list[tuple[Any, Any, float]]) -> None:
    """Set the scale and labels of numbers between two ends."""
    space = sweep["space"][name]
    log = bool(space.get("log"))
    spots = [_scaled(value, log) for value in (*(value for _, value, _ in points), space.get("low"), space.get("high"))]
    known = [spot for spot in spots if spot is not None]
    room = (max(known) - min(known)) * 0.05 or 0.5
    low, high = min(known) - room, max(known) + room
    if log:
        chart.x = Scale(10**low, 10**high, chart.left, chart.right, "log")
    else:
        chart.across(low, high)
    ticks = [tick for tick in chart.x.ticks(4) if not log or tick > 0]
    chart.x_axis(ticks, [f"{tick:.3g}" for tick in ticks] if log else None)


def _points(sweep: Mapping[str, Any], name: str) -> list[tuple[Mapping[str, Any], Any, float]]:
    """Return (trial, setting value, metric) of the trials that have both."""
    drawn = sweep["space"][name].get("low") is not None
    pairs = zip(sweep["trials"], sweep["analysis"]["rows"], strict=True)
    return [
        (trial, value, row["value"])
        for trial, row in pairs
        if row["value"] is not None
        and (value := trial["settings"].get(name)) is not None
        and not (drawn and _scaled(value, bool(sweep["space"][name].get("log"))) is None)
    ]


def _scaled(value: object, log: bool) -> float | None:
    numeric = number(value)
    if numeric is None or not log:
        return numeric
    return math.log10(numeric) if numeric > 0 else None
