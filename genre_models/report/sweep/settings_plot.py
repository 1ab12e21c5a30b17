"""Scatter plots of a sweep: each setting against the metric, a dot a trial."""

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genre_models.report.style.colours import GRID, INK, MUTED, PAPER
from genre_models.report.style.formats import cut, number
from genre_models.report.style.svg import DOTS, house_style, inline
from genre_models.report.sweep.axes import limits, thin, tone, within
from genre_models.report.sweep.query import choices, lower_is_better, marks, metric_name, setting

WIDTH = 430
# More plots are unreadable; the table of settings lists them all.
MOST_SETTINGS = 12
# Pixels: height of a row, height of its axes, and margins.
ROW, INSIDE, LEFT, RIGHT, TOP, BETWEEN = 182, 122, 46, 14, 38, 20


@house_style()
def settings_plot(sweep: Mapping[str, Any], name: str) -> str:
    """Return scatter plots of each setting against the metric; empty where no trial has one."""
    shown = [setting_name for setting_name in sweep["space"] if _points(sweep, setting_name)][:MOST_SETTINGS]
    if not shown:
        return ""
    columns = 1 if len(shown) == 1 else 2
    lines = math.ceil(len(shown) / columns)
    height = TOP + ROW * lines
    drawing = Figure(figsize=(WIDTH / DOTS, height / DOTS), dpi=DOTS)
    values = [row["value"] for row in sweep["analysis"]["rows"] if row["value"] is not None]
    low, high = limits(sweep, values)
    width = (WIDTH - LEFT - RIGHT - BETWEEN * (columns - 1)) / columns
    for place, setting_name in enumerate(shown):
        line, column = divmod(place, columns)
        left, top = LEFT + column * (width + BETWEEN), TOP + 26 + line * ROW
        axes = drawing.add_axes((left / WIDTH, 1 - (top + INSIDE) / height, width / WIDTH, INSIDE / height))
        _bare(axes)
        # All columns have the same y axis, so only the first is labelled.
        axes.tick_params(labelleft=column == 0)
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        axes.annotate(
            cut(setting_name, width / 6.8), (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points",
            color=INK, fontsize=13,
        )  # fmt: skip
        _one_setting(axes, sweep, setting_name, width)
    _legend(drawing, sweep, height)
    return inline(drawing, name, f"{metric_name(sweep)} of every trial against {', '.join(shown)}")


def _legend(drawing: Figure, sweep: Mapping[str, Any], height: int) -> None:
    """Draw the legend, with the start and the best trial: labels next to the dots would overlap."""
    side = "lower" if lower_is_better(sweep) else "higher"
    drawing.text(LEFT / WIDTH, 1 - 14 / height, f"{metric_name(sweep)}, {side} is better", color=MUTED, fontsize=12)
    across = WIDTH - RIGHT
    for trial, row in zip(sweep["trials"], sweep["analysis"]["rows"], strict=True):
        marked = marks(sweep, trial["number"])
        if marked and row["value"] is not None:
            text = f"{'●' if 'best' in marked else '■'} {trial['number']} {' & '.join(marked)}"
            drawing.text(across / WIDTH, 1 - 32 / height, text, color=tone(sweep, trial), fontsize=12, ha="right")
            across -= 26 + 7 * len(text)


def _one_setting(axes: Axes, sweep: Mapping[str, Any], name: str, width: float) -> None:
    """Draw the dots of one setting: on its own scale, or as a jittered column for each choice."""
    low, high = axes.get_ylim()[0], axes.get_ylim()[1]
    categories, log = choices(sweep, name), bool(sweep["space"][name].get("log"))
    points = _points(sweep, name)
    if categories is not None:
        places = {setting(value): float(place) for place, value in enumerate(categories)}
        axes.set_xlim(-0.5, len(categories) - 0.5)
        every = math.ceil(len(categories) / max(1, width // 30))
        room = width / math.ceil(len(categories) / every) / 6.6
        ticks = range(0, len(categories), every)
        axes.set_xticks([*ticks], [cut(setting(categories[place]), room) for place in ticks], fontsize=11)
        axes.grid(visible=False, axis="x")
    else:
        spots = [_scaled(value, log) for _, value, _ in points]
        bounds = [_scaled(sweep["space"][name].get(end), log) for end in ("low", "high")]
        known = [spot for spot in [*spots, *bounds] if spot is not None]
        room = (max(known) - min(known)) * 0.05 or 0.5
        axes.set_xlim(min(known) - room, max(known) + room)
        _ticks(axes, log, min(known), max(known))
    if categories is not None:
        for text, place in places.items():
            group = [result for _, value, result in points if setting(value) == text]
            if len(group) > 2:
                middle = within(median(group), low, high)
                axes.plot([place - 0.32, place + 0.32], [middle, middle], color=MUTED, linewidth=2)
    for trial, value, height in sorted(points, key=lambda point: len(marks(sweep, point[0]["number"]))):
        # Deterministic jitter: multiples of the golden ratio spread neighbours apart.
        aside = ((trial["number"] * 0.618034) % 1 - 0.5) * 0.5
        spot = places[setting(value)] + aside if categories is not None else _scaled(value, log)
        if spot is None:
            continue
        marked, inside = marks(sweep, trial["number"]), within(height, low, high)
        shape = "o" if "best" in marked else "s" if marked else "o" if inside == height else "^"
        axes.plot(
            spot, inside, shape, markersize=9 if marked else 5, color=tone(sweep, trial), clip_on=False,
            alpha=1 if marked else 0.55 * thin(len(points)), zorder=3,
            markeredgecolor=PAPER if marked else tone(sweep, trial), markeredgewidth=1 if marked else 0,
        )  # fmt: skip


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


def _bare(axes: Axes) -> None:
    for edge in axes.spines.values():
        edge.set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=11, labelcolor=MUTED, pad=6)
    axes.tick_params(axis="x", pad=8)
    axes.grid(color=GRID, linewidth=1)


def _scaled(value: object, log: bool) -> float | None:
    numeric = number(value)
    if numeric is None or not log:
        return numeric
    return math.log10(numeric) if numeric > 0 else None


def _ticks(axes: Axes, log: bool, low: float, high: float) -> None:
    """Set at most four ticks; a logarithmic axis is labelled with the original values."""
    if not log:
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
        return
    decades = range(math.floor(low), math.ceil(high) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        spots = [decade + math.log10(step) for decade in decades for step in steps]
        inside = [spot for spot in spots if low - 1e-9 <= spot <= high + 1e-9]
        if len(inside) >= 2:
            break
    inside = inside[:: math.ceil(len(inside) / 4) or 1] if inside else [low]
    axes.set_xticks(inside, [f"{10**spot:.3g}" for spot in inside])
