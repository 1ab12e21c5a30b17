"""The comparison as plain data: metrics of every model, their intervals, and the differences of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from genre_models.metrics import bootstrap, calibration, classification, names
from genre_models.metrics.bootstrap import BootstrapSamples

_COMPARED = tuple(metric.key for metric in names.WITH_INTERVAL)


@dataclass(frozen=True)
class EvaluatedModel:
    """One model in the comparison."""

    key: str
    scores: np.ndarray
    """Probabilities of the evaluated films, float [films, genres]."""
    thresholds: np.ndarray
    """float [genres], chosen on validation films."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Further entries of the model in the comparison: label, sees, what, checkpoint, epoch, epochs, parameters,
    seconds, config, history; of several training runs `runs`, of an ensemble `fused`."""
    validation: np.ndarray | None = None
    """Probabilities of the validation films, float [films, genres], where they were computed; of an ensemble those
    of fusions that had not seen the film."""


def compare(
    labels: np.ndarray,
    models: Sequence[EvaluatedModel],
    genres: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the keys "genres", "bootstrap", "models" and "differences" of the comparison.

    Args:
        labels: 0/1 [films, genres] of the evaluated films.
        models: the models, in the order of the page.
        genres: names of the columns.
        resamples: bootstrap resamples wanted; fewer are drawn of very many films.
        seed: seeds them.
    """
    resamples = bootstrap.resamples_for(len(labels), resamples)
    samples = {
        m.key: bootstrap.resample(labels, m.scores, m.thresholds, resamples=resamples, seed=seed) for m in models
    }
    entries = {m.key: _entry(labels, m, samples[m.key], list(genres)) for m in models}
    return {
        "genres": list(genres),
        "bootstrap": {"resamples": resamples, "level": bootstrap.LEVEL},
        "models": entries,
        "differences": [_difference(entries, samples, a.key, b.key, genres) for a, b in combinations(models, 2)],
    }


def _entry(labels: np.ndarray, model: EvaluatedModel, samples: BootstrapSamples, genres: list[str]) -> dict[str, Any]:
    per_genre = classification.per_genre(labels, model.scores, model.thresholds, genres)
    for g, entry in enumerate(per_genre.values()):
        estimate = entry["average_precision"]
        resampled = samples.average_precisions[:, g]
        entry["interval"] = None if estimate is None else bootstrap.interval(resampled, estimate, most=1)
    metrics = classification.metrics(labels, model.scores, model.thresholds)
    return {
        **model.metadata,
        "metrics": metrics,
        # Every metric but the loss lies in 0..1.
        "intervals": {
            key: bootstrap.interval(samples.metrics[key], names.value(metrics, key), most=100 if key == "loss" else 1)
            for key in _COMPARED
        },
        "per_genre": per_genre,
        "calibration": calibration.measure(labels, model.scores),
    }


def _difference(
    entries: dict[str, Any], samples: dict[str, BootstrapSamples], a: str, b: str, genres: Sequence[str]
) -> dict[str, Any]:
    def gap(genre: str) -> float | None:
        ours, theirs = (entries[key]["per_genre"][genre]["average_precision"] for key in (a, b))
        return None if ours is None else float(ours - theirs)

    def between(ours: np.ndarray, theirs: np.ndarray, estimate: float | None) -> dict[str, Any]:
        interval = None if estimate is None else bootstrap.interval(ours - theirs, estimate)
        return {"difference": estimate, "interval": interval}

    one, two = entries[a]["metrics"], entries[b]["metrics"]
    first, second = samples[a], samples[b]
    return {
        "a": a,
        "b": b,
        "metrics": {
            key: between(first.metrics[key], second.metrics[key], names.value(one, key) - names.value(two, key))
            for key in _COMPARED
        },
        "per_genre": {
            genre: between(first.average_precisions[:, g], second.average_precisions[:, g], gap(genre))
            for g, genre in enumerate(genres)
        },
    }
