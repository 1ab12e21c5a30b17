"""Classification metrics of the comparison, exact.

Everywhere: `labels` are 0/1 [films, genres], `scores` probabilities [films, genres], `predicted` bool [films, genres].
They agree with scikit-learn's (tests/genre_models/metrics/test_classification.py); they are computed here because a
thousand bootstrap resamples of every metric are wanted in seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_EPSILON = 1e-7  # Keras clips probabilities so before it takes the logarithm


def binary_crossentropy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean binary cross-entropy over all films and genres, in nats."""
    return float(film_losses(labels, scores).mean())


def film_losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return each film's binary cross-entropy, averaged over genres: float64 [films]."""
    p = np.clip(scores.astype(np.float64), _EPSILON, 1 - _EPSILON)
    return -(labels * np.log(p) + (1 - labels) * np.log1p(-p)).mean(axis=1)


def precision_recall(labels: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Return micro-averaged precision and recall; 0 where nothing is predicted or nothing is true."""
    hits = float((predicted & (labels > 0)).sum())
    return _ratio(hits, float(predicted.sum())), _ratio(hits, float(labels.sum()))


def average_precisions(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Return each genre's average precision: float64 [genres], NaN where no film has the genre.

    With `counts` [resamples, films], how often each resample drew each film, the result is [resamples, genres].
    Films with equal scores stand at one threshold, as in scikit-learn's `average_precision_score`.
    """
    weights = np.ones((1, len(labels))) if counts is None else counts
    result = np.stack([_average_precision(labels[:, g], scores[:, g], weights) for g in range(labels.shape[1])], axis=1)
    return result[0] if counts is None else result


def _average_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the average precision of one genre for each row of weights [resamples, films]."""
    order = np.argsort(-scores, kind="stable")
    # The last film of each run of equal scores: the points of the precision-recall curve.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    drawn = weights[:, order]
    positive = np.cumsum(drawn * (labels[order] > 0), axis=1)[:, last]
    everything = np.cumsum(drawn, axis=1)[:, last]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(everything > 0, positive / everything, 0.0)
        steps = np.diff(positive, axis=1, prepend=0.0)
        return (precision * steps).sum(axis=1) / positive[:, -1]


def mean_average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean of the average precisions of the genres that some film has; 0 if there is none."""
    values = average_precisions(labels, scores)
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def micro_average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision over all pairs of film and genre as one ranking; 0 if no film has a genre."""
    return float(np.nan_to_num(average_precisions(labels.reshape(-1, 1), scores.reshape(-1, 1))[0]))


def top3(scores: np.ndarray) -> np.ndarray:
    """Return the three likeliest genres of each film, likeliest first, equal scores in genre order: int [films, 3]."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :3]


def top3_recalls(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return each film's recall in its three most probable genres, of min(3, its genres): float64 [films]."""
    hits = np.take_along_axis(labels, top3(scores), axis=1).sum(axis=1)
    return hits.astype(np.float64) / np.maximum(np.minimum(3, labels.sum(axis=1)), 1)


def decisions(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return precision, recall, micro-, macro- and samples-F1 of yes/no answers; macro over the genres present."""
    precision, recall = precision_recall(labels, predicted)
    per_genre = f1_scores(labels, predicted)
    present = labels.sum(axis=0) > 0
    per_film = f1_scores(labels.T, predicted.T)
    return {
        "precision": precision,
        "recall": recall,
        "micro_f1": _ratio(2 * precision * recall, precision + recall),
        "macro_f1": float(per_genre[present].mean()) if present.any() else 0.0,
        "samples_f1": float(per_film.mean()),
    }


def f1_scores(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the F1 of each column; 0 where neither truth nor answer is ever yes."""
    hits = (predicted & (labels > 0)).sum(axis=0)
    total = predicted.sum(axis=0) + labels.sum(axis=0)
    return np.divide(2.0 * hits, total, out=np.zeros(len(hits)), where=total > 0)


def metrics(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> dict[str, Any]:
    """Return all metrics of one model, nested (keys: `names.METRICS`); `thresholds` is float [genres]."""
    return {
        "loss": binary_crossentropy(labels, scores),
        "mean_average_precision": mean_average_precision(labels, scores),
        "micro_average_precision": micro_average_precision(labels, scores),
        "top3_recall": float(top3_recalls(labels, scores).mean()),
        "at_half": decisions(labels, scores >= 0.5),
        "at_tuned": decisions(labels, scores >= thresholds),
    }


def per_genre(
    labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, genres: list[str]
) -> dict[str, dict[str, Any]]:
    """Return each genre's film count, average precision (None without films) and answers."""
    average = average_precisions(labels, scores)
    answers = {"at_half": scores >= 0.5, "at_tuned": scores >= thresholds}
    return {
        genre: {
            "films": int(labels[:, g].sum()),
            "average_precision": None if np.isnan(average[g]) else float(average[g]),
            "threshold": float(thresholds[g]),
            **{name: _one_genre(labels[:, [g]], predicted[:, [g]]) for name, predicted in answers.items()},
        }
        for g, genre in enumerate(genres)
    }


def _one_genre(labels: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    precision, recall = precision_recall(labels, predicted)
    return {
        "precision": precision,
        "recall": recall,
        "f1": float(f1_scores(labels, predicted)[0]),
        "predicted": int(predicted.sum()),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
