"""Charts of a sweep: metric over epochs, importance of settings, epochs saved."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from genre_models.report.charts.chart import Chart, legend
from genre_models.report.style.colours import GRID, INK, MUTED, Style, colour
from genre_models.report.style.formats import count, cut, number, percent
from genre_models.report.sweep.axes import limits, thin, tone, within
from genre_models.report.sweep.query import four_digits, marks, metric_name, row

WIDTH = 340
# More bars are unreadable; the table of settings lists them all.
MOST_BARS = 14


def curves_plot(sweep: Mapping[str, Any]) -> Markup:
    """Return the metric of every trial over the epochs; empty where no trial has one."""
    metric = str(sweep["metric"])
    drawn = [(trial, _heights(trial, metric)) for trial in sweep["trials"]]
    lines = [(trial, heights) for trial, heights in drawn if any(value is not None for value in heights)]
    if not lines:
        return Markup("")
    chart = Chart(WIDTH, 320, left=46, right=62, top=30, bottom=40)
    low, high = limits(sweep, [value for _, heights in lines for value in heights if value is not None])
    chart.across(1, max(2, int(sweep["epochs"]), *(len(heights) for _, heights in lines)))
    chart.upwards(low, high)
    chart.y_axis(chart.y.ticks(5))
    chart.x_axis(chart.x.ticks(6, whole=True), title="epoch", grid=False)
    labelled: list[tuple[float, str, str]] = []
    for trial, heights in sorted(lines, key=lambda line: _rank(sweep, line[0])):
        marked, shade = marks(sweep, trial["number"]), tone(sweep, trial)
        known = [(epoch, value) for epoch, value in enumerate(heights, start=1) if value is not None]
        faint = not marked and (trial["status"] != "finished")
        opacity = 1 if marked else (0.35 if faint else 0.7) * thin(len(lines))
        dashes = "4 2" if marked == ["start"] else ""
        chart.line([*enumerate(heights, start=1)], shade, width=2.6 if marked else 1.2, opacity=opacity, dashes=dashes)
        end, at = known[-1]
        failed, says = trial["status"] == "failed", f"trial {trial['number']}, {trial['status']}: {four_digits(at)}"
        style = Style(INK, "X", False) if failed else Style(shade, "o", False)
        chart.dot(end, at, style, f"{says} at epoch {end}", size=4 if failed or len(known) == 1 else 1.8)
        if marked:
            result = row(sweep, trial["number"])
            style = Style(shade, "o" if "best" in marked else "s", False)
            says = f"trial {trial['number']}, {' and '.join(marked)}: {four_digits(result['value'])}"
            chart.dot(result["best_epoch"], result["value"], style, f"{says} at epoch {result['best_epoch']}")
            labelled.append((chart.y(within(at, low, high)), f"{trial['number']} {' & '.join(marked)}", shade))
    _labels_apart(chart, labelled)
    _lines_legend(chart, sweep, [trial for trial, _ in lines])
    return chart.svg(f"{metric_name(sweep).capitalize()} over the epochs of {len(lines)} trials")


def importance_plot(sweep: Mapping[str, Any]) -> Markup:
    """Return a bar chart of the settings' importances; empty where there are none."""
    entries = (sweep["analysis"]["importance"]["settings"] or [])[:MOST_BARS]
    if not entries:
        return Markup("")
    chart = Chart(WIDTH, 34 + 40 * len(entries), left=14, right=50, top=6, bottom=28)
    limit = max([*(entry["importance"] + entry["spread"] for entry in entries), 0.01]) * 1.02
    chart.across(0, limit)
    chart.rows(len(entries))
    ticks = chart.x.ticks(4)
    digits = 0 if all(abs(round(100 * tick) - 100 * tick) < 1e-6 for tick in ticks) else 1
    chart.x_axis(ticks, [percent(tick, digits) for tick in ticks])
    for place, entry in enumerate(entries):
        share, y = entry["importance"], chart.y(place)
        chart.text(chart.left, y - 6, cut(entry["setting"], 44), colour=INK, size=13)
        says = f"{entry['setting']}: {percent(share)}, give or take {percent(entry['spread'])}"
        chart.block((chart.x(0), chart.x(share)), (y, y + 11), colour(sweep), says)
        ends = max(0.0, share - entry["spread"]), share + entry["spread"]
        chart.rule(chart.x(ends[0]), y + 5.5, chart.x(ends[1]), y + 5.5, INK, 1.4)
        chart.text(chart.right + 6, y + 10, percent(share), colour=INK, size=13)
    return chart.svg("Importance of each setting")


def saved_plot(sweep: Mapping[str, Any]) -> Markup:
    """Return the trials running at each epoch, against all in full; empty where none ran.

    The areas equal `analysis.saved`: failed and running trials count only the epochs that they ran, on both sides.
    """
    runs = [
        (len(trial["history"]), trial["status"] in ("finished", "stopped"))
        for trial in sweep["trials"]
        if trial["history"]
    ]
    if not runs:
        return Markup("")
    last = max(int(sweep["epochs"]), *(run for run, _ in runs))
    full = [(max(run, int(sweep["epochs"])) if whole else run) for run, whole in runs]
    ran = [sum(run >= epoch for run, _ in runs) for epoch in range(1, last + 1)]
    could = [sum(length >= epoch for length in full) for epoch in range(1, last + 1)]
    chart = Chart(WIDTH, 280, left=40, right=14, top=44, bottom=40)
    chart.across(0.5, last + 0.5)
    chart.upwards(0, max(could) * 1.04)
    chart.y_axis(chart.y.ticks(4, whole=True))
    chart.x_axis(chart.x.ticks(6, whole=True), title="epoch", grid=False)
    for epoch, (here, all_of_them) in enumerate(zip(ran, could, strict=True), start=1):
        x = (chart.x(epoch - 0.5), chart.x(epoch + 0.5))
        chart.block(x, (chart.y(here), chart.y(all_of_them)), GRID)
        says = f"epoch {epoch}: {here} of {all_of_them} trials run"
        chart.block(x, (chart.y(0), chart.y(here)), colour(sweep), says)
    spared = sum(could) - sum(ran)
    words = [(f"■ {count(sum(ran))} epochs run", colour(sweep))]
    words.append((f"□ {count(spared)} saved ({percent(spared / sum(could))})", MUTED))
    legend(chart, words, 16)
    chart.text(chart.left, 36, "trials running")
    return chart.svg(f"{count(sum(ran))} epochs run of {count(sum(could))} in full")


def _heights(trial: Mapping[str, Any], metric: str) -> list[float | None]:
    return [number(epoch.get(metric)) for epoch in trial["history"]]


def _rank(sweep: Mapping[str, Any], trial: Mapping[str, Any]) -> int:
    """Return the drawing order, higher on top: the best, then the start, then finished trials."""
    marked = marks(sweep, trial["number"])
    return 3 if "best" in marked else 2 if marked else 1 if trial["status"] == "finished" else 0


def _labels_apart(chart: Chart, labelled: list[tuple[float, str, str]]) -> None:
    """Write the line labels at the right edge, shifted up where they would overlap."""
    below = math.inf
    for y, text, shade in sorted(labelled, reverse=True):
        below = min(y, below - 15)
        chart.text(chart.right + 5, below + 4, text, colour=shade)


def _lines_legend(chart: Chart, sweep: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> None:
    """Draw the legend for the kinds of lines that occur."""
    others = [trial for trial in trials if not marks(sweep, trial["number"])]
    kinds = [
        ("— finished", colour(sweep), any(trial["status"] == "finished" for trial in others)),
        ("— not in full", MUTED, any(trial["status"] != "finished" for trial in others)),
        ("✖ failed", INK, any(trial["status"] == "failed" for trial in trials)),
    ]
    legend(chart, [(words, shade) for words, shade, present in kinds if present], 16)
