"""Percentile intervals over resampled films: the paired bootstrap (Efron and Tibshirani 1993, chapters 13 and 16).

All models share the resamples, so that two models are compared on the same films.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from genre_models.metrics import classification

LEVEL = 0.95
_CELLS = 4_000_000  # resamples times films held in memory at once
_MOST_CELLS = 400_000_000  # beyond that many in all, fewer resamples are drawn


@dataclass(frozen=True)
class BootstrapSamples:
    """One model's metrics on every resample."""

    metrics: dict[str, np.ndarray]
    """Values of each metric by its flat key, float64 [resamples]."""
    average_precisions: np.ndarray
    """float64 [resamples, genres], NaN where a resample has no film of the genre."""


def resamples_for(films: int, wanted: int = 1000) -> int:
    """Return the number of resamples: as wanted, fewer (at least 100) of very many films."""
    return max(100, min(wanted, _MOST_CELLS // max(films, 1)))


def resample(
    labels: np.ndarray,
    scores: np.ndarray,
    thresholds: np.ndarray,
    *,
    resamples: int,
    seed: int = 0,
    one_ranking: bool = True,
) -> BootstrapSamples:
    """Compute a model's metrics on `resamples` draws of the films with replacement.

    Args:
        labels: 0/1 [films, genres].
        scores: probabilities [films, genres].
        thresholds: float [genres].
        resamples: number of draws.
        seed: the same seed and number of films give the same draws.
        one_ranking: whether the micro-averaged average precision is wanted, which takes most of the time.
    """
    parts: list[dict[str, np.ndarray]] = []
    losses, recalls = classification.film_losses(labels, scores), classification.top3_recalls(labels, scores)
    answers = {"at_half": scores >= 0.5, "at_tuned": scores >= thresholds}
    for counts in _draws(len(labels), resamples, seed):
        average = classification.average_precisions(labels, scores, counts)
        part = {
            "loss": counts @ losses / len(labels),
            "top3_recall": counts @ recalls / len(labels),
            "mean_average_precision": _nanmean(average),
            "average_precisions": average,
        }
        if one_ranking:
            part["micro_average_precision"] = _micro_average_precision(labels, scores, counts)
        for name, predicted in answers.items():
            part |= _f1(labels, predicted, counts, name)
        parts.append(part)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return BootstrapSamples(
        {k: v for k, v in joined.items() if k != "average_precisions"}, joined["average_precisions"]
    )


def interval(values: np.ndarray, estimate: float | None = None, *, most: float = np.inf) -> list[float] | None:
    """Return a metric's 95 % interval from its resamples, None with too few finite.

    A resample holds some films more than once, and average precision is kinder to repeated films: its resampled
    values lie above the metric itself, most so for rare genres. Given the `estimate` on the films as they are, the
    percentiles are therefore moved by the bias that the resamples show (their mean less the estimate), and cut off
    at `most` and, for a metric that cannot be negative, at 0: pass `most` = 1 for metrics in 0..1.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < 50:
        return None
    bias = 0.0 if estimate is None else float(finite.mean()) - estimate
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - bias
    least = 0.0 if np.isfinite(most) else -np.inf
    return [float(np.clip(low, least, most)), float(np.clip(high, least, most))]


def _draws(films: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each resample drew each film: float64 [some, films], `resamples` rows in all."""
    rng = np.random.default_rng(seed)
    rows_at_once = max(1, _CELLS // max(films, 1))
    for start in range(0, resamples, rows_at_once):
        rows = min(rows_at_once, resamples - start)
        yield np.stack([np.bincount(rng.integers(0, films, films), minlength=films) for _ in range(rows)]).astype(
            np.float64
        )


def _nanmean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, known.sum(axis=1), out=np.zeros(len(values)), where=known.any(axis=1))


def _micro_average_precision(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    genres = labels.shape[1]
    rows = max(1, _CELLS // labels.size)  # one ranking of all films and genres: a few resamples at a time
    pieces = [
        classification.average_precisions(
            labels.reshape(-1, 1), scores.reshape(-1, 1), np.repeat(counts[i : i + rows], genres, axis=1)
        )
        for i in range(0, len(counts), rows)
    ]
    return np.concatenate(pieces)[:, 0]


def _f1(labels: np.ndarray, predicted: np.ndarray, counts: np.ndarray, name: str) -> dict[str, Any]:
    """Return micro- and macro-F1 of every resample from weighted counts of hits, answers and truths."""
    hits = counts @ (predicted & (labels > 0)).astype(np.float64)
    answered = counts @ predicted.astype(np.float64)
    true = counts @ labels.astype(np.float64)
    total = answered + true
    per_genre = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    per_genre[true == 0] = np.nan  # macro over the genres present, as in `classification.decisions`
    whole = total.sum(axis=1)
    micro = np.divide(2 * hits.sum(axis=1), whole, out=np.zeros(len(hits)), where=whole > 0)
    return {f"{name}_micro_f1": micro, f"{name}_macro_f1": _nanmean(per_genre)}
