"""Plots of models, training curves and genres as inline SVG, narrow enough for a phone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from genre_models.report.findings.comparison_query import (
    FEWEST_FILMS,
    evaluated_with,
    genre_entry,
    genre_gap,
    genres_by_films,
    interval,
    label,
    metric_value,
)
from genre_models.report.style.colours import GRID, INK, MUTED, PAPER, Style, styles
from genre_models.report.style.formats import ends, number, show, signed
from genre_models.report.style.svg import canvas, house_style, inline

WIDTH = 430
ROW = 24
GENRE_MARGIN = 138
PROBABILITIES = (0.0, 0.1, 0.25, 0.5, 1.0)


@house_style()
def models_plot(comparison: Mapping[str, Any], name: str, title: str) -> str:
    """Plot one metric of every model as a dot with its interval."""
    models, look = comparison["models"], styles(comparison)
    drawing, axes = canvas(WIDTH, 34 + 46 * len(models), left=16, right=56, top=4, bottom=28)
    values = [metric_value(model, name) or 0.0 for model in models.values()]
    highs = [both[1] for model in models.values() if (both := interval(model, name))]
    limit = max([*values, *highs, 0.01]) * 1.02
    axes.set(xlim=(0, limit), ylim=(len(models) - 0.4, -0.7))
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for row, (key, model) in enumerate(models.items()):
        style, value = look[key], metric_value(model, name)
        axes.annotate(label(comparison, key), (0, row), (0, 11), textcoords="offset points", color=INK, fontsize=13)
        axes.axhline(row, color=GRID, linewidth=1, zorder=0)
        if value is None:
            continue
        _whisker(axes, row, interval(model, name), style.colour, width=4, alpha=0.45)
        _dot(axes, value, row, style, size=10)
        axes.annotate(
            show(value), (limit, row), (8, 0), textcoords="offset points", va="center", color=INK, fontsize=14
        )
    described = ", ".join(f"{label(comparison, key)} {show(metric_value(models[key], name))}" for key in models)
    return inline(drawing, f"models-{name}", f"{title}: {described}")


@house_style()
def genres_plot(comparison: Mapping[str, Any]) -> str:
    """Plot every model's average precision by genre, most films first."""
    genres, look = genres_by_films(comparison), styles(comparison)
    drawing, axes = _genre_canvas(comparison, genres)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    for row, genre in enumerate(genres):
        precisions = {
            key: value
            for key, model in comparison["models"].items()
            if (value := number(genre_entry(model, genre).get("average_precision"))) is not None
        }
        coloured = [value for key, value in precisions.items() if not look[key].baseline]
        if len(coloured) > 1:
            axes.plot([min(coloured), max(coloured)], [row, row], color=MUTED, linewidth=1.2, alpha=0.6)
        for key, value in sorted(precisions.items(), key=lambda pair: not look[pair[0]].baseline):
            _dot(axes, value, row, look[key], size=8, alpha=_strength(comparison, genre))
    return inline(drawing, "genres", "Average precision of each model at each genre; the table below has the numbers")


@house_style()
def difference_plot(comparison: Mapping[str, Any], a: str, b: str) -> str:
    """Plot the lead of one model over another by genre, with intervals. Clear leads are filled."""
    genres, look = genres_by_films(comparison), styles(comparison)
    drawing, axes = _genre_canvas(comparison, genres)
    gaps = {genre: paired for genre in genres if (paired := genre_gap(comparison, a, b, genre)) is not None}
    # The very wide interval of a genre with few films may be clipped but must not set the scale.
    scale = [gaps[genre] for genre in gaps if evaluated_with(comparison, genre) >= FEWEST_FILMS] or [*gaps.values()]
    reach = [abs(end) for paired in scale for end in (paired.interval or (paired.difference,))]
    limit = max([*reach, 0.05]) * 1.04
    axes.set_xlim(-limit, limit)
    axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    axes.xaxis.set_major_formatter(lambda value, _: signed(value, 1 if limit > 0.4 else 2))
    axes.axvline(0, color=INK, linewidth=1)
    for row, genre in enumerate(genres):
        if genre not in gaps:
            continue
        paired = gaps[genre]
        style = look[a if paired.difference > 0 else b]
        strength = _strength(comparison, genre)
        _whisker(axes, row, paired.interval, style.colour, width=2.5, alpha=strength * (0.8 if paired.clear else 0.4))
        fill = style.colour if paired.clear else PAPER
        axes.plot(
            paired.difference, row, "o", markersize=8, color=fill, markeredgecolor=style.colour,
            markeredgewidth=1.5, alpha=strength,
        )  # fmt: skip
    return inline(
        drawing,
        f"difference-{a}-{b}",
        f"Average precision of {label(comparison, a)} minus that of {label(comparison, b)} at each genre",
    )


@house_style()
def curve_plot(
    history: Sequence[Mapping[str, Any]], measure: str, style: Style, best_epoch: int | None, name: str
) -> str:
    """Plot one metric by epoch. Training is a dashed grey line, validation has the model's colour."""
    drawing, axes = canvas(250, 190, left=40, right=12, top=12, bottom=30)
    epochs = [int(row.get("epoch") or place) for place, row in enumerate(history, start=1)]
    lines = {
        "training": [number(row.get(measure)) for row in history],
        "validation": [number(row.get(f"validation_{measure}")) for row in history],
    }
    mark = "o" if len(epochs) < 4 else ""
    for which, values in lines.items():
        if all(value is None for value in values):
            continue
        # matplotlib leaves a gap at NaN, as a missing epoch should look.
        heights = [float("nan") if value is None else value for value in values]
        grey = which == "training"
        axes.plot(
            epochs, heights, marker=mark, markersize=5, color=MUTED if grey else style.colour,
            linestyle=(0, (4, 2.5)) if grey else "-", linewidth=1.7 if grey else 2.4,
        )  # fmt: skip
    known = [value for values in lines.values() for value in values if value is not None]
    if best_epoch is not None:
        axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    if known:
        room = (max(known) - min(known)) * 0.08 or 0.01
        axes.set_ylim(min(known) - room, max(known) + room)
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.grid(visible=False, axis="x")
    return inline(drawing, name, f"{measure.replace('_', ' ')} over {len(epochs)} epochs, training and validation")


@house_style()
def reliability_plot(comparison: Mapping[str, Any], key: str, style: Style) -> str:
    """Plot observed frequency over mean probability. Bins hold equally many pairs; axes are square-root."""
    drawing, axes = canvas(250, 215, left=40, right=14, top=12, bottom=44)
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    axes.set_yscale("function", functions=(np.sqrt, np.square))
    ends = (0.0, 1.0)
    axes.set(xlim=ends, ylim=ends)
    named = [f"{tick:g}".replace("0.", ".") for tick in PROBABILITIES]
    axes.set_xticks(PROBABILITIES, named)
    axes.set_yticks(PROBABILITIES, named)
    axes.set_xlabel("probability", color=INK, fontsize=12)
    axes.plot(ends, ends, color=GRID, linewidth=2.5, zorder=1)
    bins = comparison["models"][key]["calibration"].get("bins") or []
    points = [(number(entry.get("score")), number(entry.get("share"))) for entry in bins]
    known = [(score, share) for score, share in points if score is not None and share is not None]
    axes.plot(
        [score for score, _ in known], [share for _, share in known], marker="o", markersize=4.5, linewidth=1.8,
        color=style.colour, clip_on=False, zorder=2,
    )  # fmt: skip
    name = label(comparison, key)
    return inline(drawing, f"reliability-{key}", f"{name}: how often its probabilities come true, {len(known)} bins")


def has_curve(history: Sequence[Mapping[str, Any]], measure: str) -> bool:
    """Return whether any epoch has the metric, for training or validation."""
    return any(number(row.get(column)) is not None for row in history for column in (measure, f"validation_{measure}"))


def _genre_canvas(comparison: Mapping[str, Any], genres: list[str]) -> tuple[Any, Axes]:
    """Return a canvas with a row for each genre. Both genre plots have the same height, so rows line up."""
    height = 50 + ROW * max(1, len(genres))
    drawing, axes = canvas(WIDTH, height, left=GENRE_MARGIN, right=14, top=24, bottom=26)
    axes.set_ylim(len(genres) - 0.5, -0.5)
    axes.set_yticks(range(len(genres)), genres, color=INK, fontsize=12.5)
    axes.tick_params(axis="y", pad=42)
    for row, genre in enumerate(genres):
        axes.annotate(
            str(evaluated_with(comparison, genre)), (0, row), (-8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="center", color=MUTED, fontsize=12,
        )  # fmt: skip
    axes.annotate(
        "films", (0, 1), (-8, 8), xycoords="axes fraction", textcoords="offset points", ha="right",
        color=MUTED, fontsize=11,
    )  # fmt: skip
    return drawing, axes


def _strength(comparison: Mapping[str, Any], genre: str) -> float:
    """Return the opacity of a genre, lower if it has too few films."""
    return 1.0 if evaluated_with(comparison, genre) >= FEWEST_FILMS else 0.4


def _dot(axes: Axes, value: float, row: float, style: Style, *, size: float, alpha: float = 1.0) -> None:
    tick = style.mark == "|"
    axes.plot(
        value, row, style.mark, markersize=size * (1.5 if tick else 0.8 if style.baseline else 1.0), alpha=alpha,
        color=PAPER if style.baseline and not tick else style.colour, markeredgecolor=style.colour,
        markeredgewidth=2.5 if tick else 1.5 if style.baseline else 0, clip_on=False,
    )  # fmt: skip


def _whisker(axes: Axes, row: float, both: object, colour: str, *, width: float, alpha: float) -> None:
    limits = ends(both)
    if limits is not None:
        axes.plot(limits, [row, row], color=colour, linewidth=width, alpha=alpha, solid_capstyle="round")
