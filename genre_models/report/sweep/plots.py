"""Plots of a sweep as inline SVG: metric over epochs, importance of settings, epochs saved."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genre_models.report.style.colours import GRID, INK, MUTED, PAPER, colour
from genre_models.report.style.formats import count, cut, number, percent
from genre_models.report.style.svg import canvas, house_style, inline
from genre_models.report.sweep.axes import limits, thin, tone, within
from genre_models.report.sweep.query import marks, metric_name, row

WIDTH = 430
# More bars are unreadable; the table of settings lists them all.
MOST_BARS = 14


@house_style()
def curves_plot(sweep: Mapping[str, Any], name: str) -> str:
    """Return the metric of every trial over the epochs as SVG; empty where no trial has one."""
    metric = str(sweep["metric"])
    drawn = [(trial, _heights(trial, metric)) for trial in sweep["trials"]]
    lines = [(trial, heights) for trial, heights in drawn if any(value is not None for value in heights)]
    if not lines:
        return ""
    drawing, axes = canvas(WIDTH, 330, left=46, right=66, top=34, bottom=42)
    low, high = limits(sweep, [value for _, heights in lines for value in heights if value is not None])
    axes.set(xlim=(1, max(2, int(sweep["epochs"]), *(len(heights) for _, heights in lines))), ylim=(low, high))
    labelled: list[tuple[float, str, str]] = []
    for trial, heights in sorted(lines, key=lambda line: _rank(sweep, line[0])):
        marked, shade = marks(sweep, trial["number"]), tone(sweep, trial)
        known = [(epoch, value) for epoch, value in enumerate(heights, start=1) if value is not None]
        faint = not marked and (trial["status"] != "finished")
        axes.plot(
            range(1, len(heights) + 1), [math.nan if value is None else value for value in heights], color=shade,
            linewidth=2.6 if marked else 1.2, alpha=1 if marked else (0.3 if faint else 0.7) * thin(len(lines)),
            linestyle=(0, (4, 2)) if marked == ["start"] else "-", marker="o" if len(known) == 1 else "", markersize=5,
        )  # fmt: skip
        if trial["status"] == "failed":
            end, at = known[-1]
            axes.plot(end, within(at, low, high), "x", color=INK, markersize=7, markeredgewidth=1.6, clip_on=False)
        if marked:
            result = row(sweep, trial["number"])
            axes.plot(
                result["best_epoch"], within(result["value"], low, high), "o" if "best" in marked else "s", color=shade,
                markersize=9, markeredgecolor=PAPER, clip_on=False, zorder=5,
            )  # fmt: skip
            labelled.append((within(known[-1][1], low, high), f"{trial['number']} {' & '.join(marked)}", shade))
    _labels_apart(axes, labelled)
    _legend(axes, sweep, [trial for trial, _ in lines])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("epoch", color=MUTED, fontsize=12)
    return inline(drawing, name, f"{metric_name(sweep)} over the epochs of {len(lines)} trials")


@house_style()
def importance_plot(sweep: Mapping[str, Any], name: str) -> str:
    """Return a bar chart of the settings' importances; empty where there are none."""
    entries = (sweep["analysis"]["importance"]["settings"] or [])[:MOST_BARS]
    if not entries:
        return ""
    drawing, axes = canvas(WIDTH, 34 + 40 * len(entries), left=16, right=56, top=6, bottom=28)
    limit = max([*(entry["importance"] + entry["spread"] for entry in entries), 0.01]) * 1.02
    axes.set(xlim=(0, limit), ylim=(len(entries) - 0.4, -0.7))
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: percent(value))
    for place, entry in enumerate(entries):
        share = entry["importance"]
        axes.annotate(
            cut(entry["setting"], 48), (0, place), (0, 10), textcoords="offset points", color=INK, fontsize=13
        )
        axes.barh(place, share, height=0.26, color=colour(sweep))
        ends = [max(0.0, share - entry["spread"]), share + entry["spread"]]
        axes.plot(ends, [place, place], color=INK, linewidth=1.4)
        axes.annotate(
            percent(share), (limit, place), (8, 0), textcoords="offset points", va="center", color=INK, fontsize=14
        )
    described = ", ".join(f"{entry['setting']} {percent(entry['importance'])}" for entry in entries)
    return inline(drawing, name, f"Importance of each setting: {described}")


@house_style()
def saved_plot(sweep: Mapping[str, Any], name: str) -> str:
    """Return the trials running at each epoch, against all in full; empty where none ran.

    The areas equal `analysis.saved`: failed and running trials count only the epochs that they ran, on both sides.
    """
    runs = [
        (len(trial["history"]), trial["status"] in ("finished", "stopped"))
        for trial in sweep["trials"]
        if trial["history"]
    ]
    if not runs:
        return ""
    last = max(int(sweep["epochs"]), *(run for run, _ in runs))
    full = [(max(run, int(sweep["epochs"])) if whole else run) for run, whole in runs]
    edges = [epoch + 0.5 for epoch in range(last + 1)]
    ran = [sum(run >= epoch for run, _ in runs) for epoch in range(1, last + 1)]
    could = [sum(length >= epoch for length in full) for epoch in range(1, last + 1)]
    drawing, axes = canvas(WIDTH, 290, left=46, right=16, top=40, bottom=42)
    axes.set(xlim=(0.5, last + 0.5), ylim=(0, max(could) * 1.04))
    axes.stairs(could, edges, fill=True, color=GRID, alpha=0.7)
    axes.stairs(ran, edges, fill=True, color=colour(sweep), alpha=0.85)
    axes.stairs(could, edges, color=MUTED, linewidth=1.2, baseline=None)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("epoch", color=MUTED, fontsize=12)
    spared = sum(could) - sum(ran)
    for place, (text, shade) in enumerate(
        (
            (f"■ {count(sum(ran))} epochs run", colour(sweep)),
            (f"□ {count(spared)} saved ({percent(spared / sum(could))})", MUTED),
        )
    ):
        axes.annotate(
            text, (0, 1), (150 * place, 22), xycoords="axes fraction", textcoords="offset points", color=shade,
            fontsize=13,
        )  # fmt: skip
    axes.annotate(
        "trials running", (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", color=MUTED, fontsize=11
    )
    return inline(drawing, name, f"{count(sum(ran))} epochs run of {count(sum(could))} in full")


def _heights(trial: Mapping[str, Any], metric: str) -> list[float | None]:
    return [number(epoch.get(metric)) for epoch in trial["history"]]


def _rank(sweep: Mapping[str, Any], trial: Mapping[str, Any]) -> int:
    """Return the drawing order, higher on top: the best, then the start, then finished trials."""
    marked = marks(sweep, trial["number"])
    return 3 if "best" in marked else 2 if marked else 1 if trial["status"] == "finished" else 0


def _labels_apart(axes: Axes, labelled: list[tuple[float, str, str]]) -> None:
    """Write the line labels at the right edge, shifted up where they would overlap."""
    low, high = axes.get_ylim()
    line = (high - low) * 16 / 254
    above = -math.inf
    for height, text, shade in sorted(labelled):
        above = max(height, above + line)
        axes.annotate(
            text, (1, above), (7, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            color=shade, fontsize=12, annotation_clip=False,
        )  # fmt: skip


def _legend(axes: Axes, sweep: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> None:
    """Draw the legend for the kinds of lines that occur."""
    others = [trial for trial in trials if not marks(sweep, trial["number"])]
    kinds = [
        ("— finished", colour(sweep), any(trial["status"] == "finished" for trial in others)),
        ("— not run in full", MUTED, any(trial["status"] != "finished" for trial in others)),
        ("× failed", INK, any(trial["status"] == "failed" for trial in trials)),
    ]
    across = 0
    for text, shade, present in kinds:
        if present:
            axes.annotate(
                text, (0, 1), (across, 14), xycoords="axes fraction", textcoords="offset points", color=shade,
                fontsize=12,
            )  # fmt: skip
            across += 22 + 7 * len(text)
