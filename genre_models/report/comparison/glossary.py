"""Definitions of the terms of the comparison page, and its limitations."""

from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import METRICS, NAMED_FROM
from genre_models.report.findings.comparison_query import FEWEST_FILMS, label, level
from genre_models.report.style.formats import number, sentence


def definitions(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the terms of the page with their definitions, the models first."""
    resamples = int(number((comparison.get("bootstrap") or {}).get("resamples")) or 0)
    return [
        *((label(comparison, key), sentence(model.get("what"))) for key, model in comparison["models"].items()),
        *{metric.words or metric.label: metric.meaning for metric in METRICS}.items(),
        *NAMED_FROM.items(),
        (
            "average precision",
            "Films are sorted by the genre's probability; it is the mean of the precision at every film that has the "
            "genre. Blind guessing scores the genre's share of films: 0.10 is good for Western and bad for Drama.",
        ),
        (
            "interval",
            f"{level(comparison)} bootstrap: the evaluated films are drawn anew {resamples:,} times and every metric "
            "computed again. It covers the choice of films, not another training run.",
        ),
        (
            "difference",
            "Of two models on the same resampled films, so that films hard for both cancel out. It is clear where its "
            "interval leaves out 0.",
        ),
        (
            "threshold",
            "A model names a genre from this probability on. Each genre has its own, chosen on the validation films.",
        ),
        ("validation", "Films that took no part in training, on which epochs and thresholds are chosen."),
        ("epoch", "One pass of training over all training films."),
        (
            "calibration",
            "Of the films to which a model gives a genre with 30 %, 30 in 100 should have it. Where more have it, the "
            "model is too careful, where fewer, too bold.",
        ),
        (
            "calibration error",
            "Mean distance of probability and share of true pairs, over 15 bins of equally many pairs of film and "
            f"genre. By genre, it is the mean over genres with at least {FEWEST_FILMS} evaluated films.",
        ),
    ]


def caveats(comparison: Mapping[str, Any]) -> list[str]:
    """Return the limitations of the comparison."""
    models = list(comparison["models"].values())
    texts = [
        "The true genres are a catalogue's. A thriller that is not listed as one counts as a wrong answer.",
        f"Genres with fewer than {FEWEST_FILMS} evaluated films are faint: their intervals look surer than they are.",
    ]
    if any(model.get("history") and not model.get("runs") for model in models):
        texts.append("A model of one training run may differ with another seed: train several to know by how much.")
    if any(model.get("fused") for model in models):
        texts.append("The ensemble learned from the validation films, which had chosen each model's checkpoint before.")
    return texts
