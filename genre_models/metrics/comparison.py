"""The comparison as plain data: every model's figures, how sure they are, and how the models differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from genre_models.metrics import bootstrap, calibration, classification
from genre_models.metrics.bootstrap import BootstrapSamples

# The figures of which an interval, and the difference of two models, is given.
_HEADLINE = (
    "loss",
    "mean_average_precision",
    "micro_average_precision",
    "top3_recall",
    "at_half_micro_f1",
    "at_half_macro_f1",
    "at_tuned_micro_f1",
    "at_tuned_macro_f1",
)


@dataclass(frozen=True)
class EvaluatedModel:
    """One model in the comparison."""

    key: str
    scores: np.ndarray
    """Probabilities of the evaluated films, float [films, genres]."""
    thresholds: np.ndarray
    """float [genres], chosen on validation films."""
    about: dict[str, Any] = field(default_factory=dict)
    """What the page says of it: label, sees, what, checkpoint, epoch, epochs, parameters, seconds, config, history; of
    several training runs `runs`, of an ensemble `fused`."""
    validation: np.ndarray | None = None
    """Probabilities of the validation films, float [films, genres], where they were asked for; of an ensemble those
    of fusions that had not seen the film."""


def compare(
    labels: np.ndarray,
    entrants: Sequence[EvaluatedModel],
    genres: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the keys "genres", "bootstrap", "models" and "differences" of the comparison.

    Args:
        labels: 0/1 [films, genres] of the evaluated films.
        entrants: the models, in the order of the page.
        genres: names of the columns.
        resamples: bootstrap resamples wanted; fewer are drawn of very many films.
        seed: seeds them.
    """
    resamples = bootstrap.resamples_for(len(labels), resamples)
    drawn = {
        e.key: bootstrap.resample(labels, e.scores, e.thresholds, resamples=resamples, seed=seed) for e in entrants
    }
    models = {e.key: _entry(labels, e, drawn[e.key], list(genres)) for e in entrants}
    return {
        "genres": list(genres),
        "bootstrap": {"resamples": resamples, "level": bootstrap.LEVEL},
        "models": models,
        "differences": [_difference(models, drawn, a.key, b.key, genres) for a, b in combinations(entrants, 2)],
    }


def _entry(labels: np.ndarray, entrant: EvaluatedModel, drawn: BootstrapSamples, genres: list[str]) -> dict[str, Any]:
    per_genre = classification.per_genre(labels, entrant.scores, entrant.thresholds, genres)
    for g, genre in enumerate(genres):
        told = per_genre[genre]["average_precision"]
        drawn_here = drawn.average_precisions[:, g]
        per_genre[genre]["interval"] = None if told is None else bootstrap.interval(drawn_here, told, most=1)
    metrics = classification.metrics(labels, entrant.scores, entrant.thresholds)
    return {
        **entrant.about,
        "metrics": metrics,
        # Every figure but the loss lies in 0..1.
        "intervals": {
            name: bootstrap.interval(drawn.figures[name], figure(metrics, name), most=100 if name == "loss" else 1)
            for name in _HEADLINE
        },
        "per_genre": per_genre,
        "calibration": calibration.measure(labels, entrant.scores),
    }


def figure(metrics: dict[str, Any], name: str) -> float:
    """Return a figure by its flat name, such as "at_tuned_micro_f1"."""
    for group in ("at_half", "at_tuned"):
        if name.startswith(f"{group}_"):
            return float(metrics[group][name.removeprefix(f"{group}_")])
    return float(metrics[name])


def _difference(
    models: dict[str, Any], drawn: dict[str, BootstrapSamples], a: str, b: str, genres: Sequence[str]
) -> dict[str, Any]:
    def gap(genre: str) -> float | None:
        ours, theirs = (models[key]["per_genre"][genre]["average_precision"] for key in (a, b))
        return None if ours is None else float(ours - theirs)

    def between(ours: np.ndarray, theirs: np.ndarray, estimate: float | None) -> dict[str, Any]:
        sure = None if estimate is None else bootstrap.interval(ours - theirs, estimate)
        return {"difference": estimate, "interval": sure}

    one, two = models[a]["metrics"], models[b]["metrics"]
    return {
        "a": a,
        "b": b,
        "metrics": {
            name: between(drawn[a].figures[name], drawn[b].figures[name], figure(one, name) - figure(two, name))
            for name in _HEADLINE
        },
        "per_genre": {
            genre: between(drawn[a].average_precisions[:, g], drawn[b].average_precisions[:, g], gap(genre))
            for g, genre in enumerate(genres)
        },
    }
