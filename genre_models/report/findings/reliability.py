"""Calibration of the probabilities as a text, and each model's reliability curve."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genre_models.report.findings.comparison_query import label
from genre_models.report.style.colours import GRID, INK, Style
from genre_models.report.style.formats import count, listed, number, show
from genre_models.report.style.svg import canvas, house_style, inline

TICKS = (0.0, 0.1, 0.25, 0.5, 1.0)


def measured(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the models with calibration metrics, in order."""
    return [key for key, model in comparison["models"].items() if model.get("calibration")]


def reliability(comparison: Mapping[str, Any]) -> str:
    """Describe the calibration error of each model and the error expected by chance."""
    models = {key: comparison["models"][key] for key in measured(comparison)}
    known = {key: e for key, m in models.items() if (e := number(m["calibration"].get("expected_calibration_error")))}
    if not known:
        return ""
    order = sorted(known, key=known.__getitem__)
    sentences = [
        "Probability and frequency are apart, on average over all pairs of film and genre, by "
        + listed([f"{show(known[key])} ({label(comparison, key)})" for key in order])
        + f"; about {show(models[order[0]]['calibration'].get('by_chance'))} would be seen by chance, were every "
        "probability right."
    ]
    sentences += [
        f"{label(comparison, key)} {_lean(models[key]['calibration'])}." for key in order if _leans(models[key])
    ]
    scaled = [label(comparison, key) for key, model in models.items() if model.get("scaling")]
    if scaled:
        sentences.append(
            f"The probabilities of {listed(scaled)} were brought in line on the validation films before evaluating "
            "(Platt scaling of each genre, held to the scaling common to all where few films have the genre), and all "
            "thresholds tuned on them anew."
        )
    return " ".join(sentences)


def unscaled(comparison: Mapping[str, Any]) -> str:
    """Return a note for sections with unscaled probabilities. Empty if no model is scaled."""
    if not any(model.get("scaling") for model in comparison["models"].values()):
        return ""
    return (
        " Here probabilities are as the trained models gave them, in the table of figures they are scaled: loss and F1 "
        "of the two do not compare."
    )


def _leans(model: Mapping[str, Any]) -> bool:
    return model.get("sees") != "nothing" and bool(_lean(model["calibration"]))


def _lean(calibration: Mapping[str, Any]) -> str:
    """Describe a bias of the last bin, the likeliest pairs. Empty if it is within two standard errors."""
    last = (calibration.get("bins") or [{}])[-1]
    score, share, pairs = (number(last.get(name)) for name in ("score", "share", "pairs"))
    if score is None or share is None or not pairs:
        return ""
    # Two standard errors of a proportion, about a 95 % interval.
    if abs(score - share) <= 2 * float(np.sqrt(max(score * (1 - score), 1e-9) / pairs)):
        return ""
    which = "too low" if score < share else "too high"
    return f"puts its surest answers {which} ({show(score, 2)} on average, where {show(share, 2)} come true)"


def errors(model: Mapping[str, Any]) -> str:
    """Return the caption of a reliability curve, `error 0.018, by genre 0.038`."""
    calibration = model["calibration"]
    text = f"error {show(calibration.get('expected_calibration_error'))}"
    if number(calibration.get("macro")) is None:
        return text
    return f"{text}, by genre {show(calibration['macro'])}"


def error_rows(comparison: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each model: name, error, its chance level, genre mean, its chance level, genres."""
    rows = []
    for key in measured(comparison):
        calibration = comparison["models"][key]["calibration"]
        figures = (
            calibration.get(name) for name in ("expected_calibration_error", "by_chance", "macro", "macro_by_chance")
        )
        rows.append([label(comparison, key), *map(show, figures), count(calibration.get("macro_genres"))])
    return rows


@house_style()
def reliability_plot(comparison: Mapping[str, Any], key: str, style: Style) -> str:
    """Plot observed frequency over mean probability. Bins hold equally many pairs; axes are square-root."""
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
    points = [(number(entry.get("score")), number(entry.get("share"))) for entry in bins]
    known = [(score, share) for score, share in points if score is not None and share is not None]
    axes.plot(
        [score for score, _ in known], [share for _, share in known], marker="o", markersize=4.5, linewidth=1.8,
        color=style.colour, clip_on=False, zorder=2,
    )  # fmt: skip
    name = label(comparison, key)
    return inline(drawing, f"reliability-{key}", f"{name}: how often its probabilities come true, {len(known)} bins")
