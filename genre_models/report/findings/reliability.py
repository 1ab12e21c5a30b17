"""Reliability of probabilities: a sentence, and the reliability curve of each model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genre_models.report.findings.comparison_query import label
from genre_models.report.style.colours import GRID, INK, Style
from genre_models.report.style.formats import count, listed, number, show
from genre_models.report.style.svg import canvas, house_style, inline

TICKS = (0.0, 0.1, 0.25, 0.5, 1.0)


def measured(comparison: Mapping[str, Any]) -> list[str]:
    """Keys of the models whose calibration was measured, in order."""
    return [key for key, model in comparison["models"].items() if model.get("calibration")]


def reliability(comparison: Mapping[str, Any]) -> str:
    """Which probabilities are nearest to how often they come true, and how near chance lets them come."""
    models = {key: comparison["models"][key] for key in measured(comparison)}
    known = {key: e for key, m in models.items() if (e := number(m["calibration"].get("expected_calibration_error")))}
    if not known:
        return ""
    order = sorted(known, key=known.__getitem__)
    told = [
        "Probability and frequency are apart, on average over all pairs of film and genre, by "
        + listed([f"{show(known[key])} ({label(comparison, key)})" for key in order])
        + f"; about {show(models[order[0]]['calibration'].get('by_chance'))} would be seen by chance, were every "
        "probability right."
    ]
    told += [f"{label(comparison, key)} {_lean(models[key]['calibration'])}." for key in order if _leans(models[key])]
    scaled = [label(comparison, key) for key, model in models.items() if model.get("scaling")]
    if scaled:
        told.append(
            f"The probabilities of {listed(scaled)} were brought in line on the validation films before evaluating"
            " (Platt scaling of each genre, held to the scaling common to all where few films have the genre), and all "
            "thresholds tuned on them anew."
        )
    return " ".join(told)


def unscaled(comparison: Mapping[str, Any]) -> str:
    """Note on scaled and unscaled probabilities on one page; nothing where none are
    scaled."""
    if not any(model.get("scaling") for model in comparison["models"].values()):
        return ""
    return (
        " Here probabilities are as the trained models gave them, in the table of figures they are scaled: loss and F1 "
        "of the two do not compare."
    )


def _leans(model: Mapping[str, Any]) -> bool:
    return model.get("sees") != "nothing" and bool(_lean(model["calibration"]))


def _lean(found: Mapping[str, Any]) -> str:
    """Whether the likeliest pairs, the last bin, come true more or less often than told; empty where about as often."""
    last = (found.get("bins") or [{}])[-1]
    told, true, pairs = (number(last.get(name)) for name in ("score", "share", "pairs"))
    if told is None or true is None or not pairs:
        return ""
    # Two standard errors of a share, the usual measure of what chance does.
    if abs(told - true) <= 2 * float(np.sqrt(max(told * (1 - told), 1e-9) / pairs)):
        return ""
    which = "too low" if told < true else "too high"
    return f"puts its surest answers {which} ({show(told, 2)} on average, where {show(true, 2)} come true)"


def errors(model: Mapping[str, Any]) -> str:
    """`error 0.018, by genre 0.038`: what stands over a model's curve."""
    found = model["calibration"]
    text = f"error {show(found.get('expected_calibration_error'))}"
    if number(found.get("macro")) is None:
        return text
    return f"{text}, by genre {show(found['macro'])}"


def error_rows(comparison: Mapping[str, Any]) -> list[list[str]]:
    """A row for each model: its name, error, error by chance, the mean over genres, by chance, how many genres."""
    rows = []
    for key in measured(comparison):
        found = comparison["models"][key]["calibration"]
        figures = (found.get(name) for name in ("expected_calibration_error", "by_chance", "macro", "macro_by_chance"))
        rows.append([label(comparison, key), *map(show, figures), count(found.get("macro_genres"))])
    return rows


@house_style()
def reliability_plot(comparison: Mapping[str, Any], key: str, style: Style) -> str:
    """Share of true pairs over mean probability, in bins of equally many pairs, on axes that spread small ones."""
    drawing, axes = canvas(250, 215, left=40, right=14, top=12, bottom=44)
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    axes.set_yscale("function", functions=(np.sqrt, np.square))
    ends = (0.0, 1.0)
    axes.set(xlim=ends, ylim=ends)
    named = [f"{tick:g}".replace("0.", ".") for tick in TICKS]
    axes.set_xticks(TICKS, named)
    axes.set_yticks(TICKS, named)
    axes.set_xlabel("probability", color=INK, fontsize=12)
    axes.plot(ends, ends, color=GRID, linewidth=2.5, zorder=1)
    bins = comparison["models"][key]["calibration"].get("bins") or []
    points = [(number(one.get("score")), number(one.get("share"))) for one in bins]
    known = [(told, true) for told, true in points if told is not None and true is not None]
    axes.plot(
        [told for told, _ in known], [true for _, true in known], marker="o", markersize=4.5, linewidth=1.8,
        color=style.colour, clip_on=False, zorder=2,
    )  # fmt: skip
    name = label(comparison, key)
    return inline(drawing, f"reliability-{key}", f"{name}: how often its probabilities come true, {len(known)} bins")
