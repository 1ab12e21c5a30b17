"""Each genre in detail: precision and recall at every threshold, calibration, and confusions with other genres.

Everywhere: `labels` are 0/1 [films, genres], `scores` probabilities [films, genres], `thresholds` float [genres].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

GRID = tuple(round(0.01 * step, 2) for step in range(1, 100))
"""Thresholds at which the answers of every genre are counted."""
_MOST_POINTS = 60  # of a precision-recall curve: more do not show
_BINS = 6  # of the calibration of one genre, as many films in each
_MOST_CONFUSED = 6
_Z = 1.959964  # of a 95 % interval


def genre_details(
    labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, genres: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return details of every genre that some film has, by its name.

    `films` is the number of films with the genre; `curve` has [recall, precision] at falling thresholds; `answers` at
    each threshold of GRID [films named, of them right]; `tuned` the same at the genre's own threshold; `first` the
    films that have the genre among as many most probable ones as have it (R-precision, in films); `calibration`
    bins of equally many films: mean `score`, `share` of films with the genre, its 95 % Wilson `interval`, number of
    `films`; `named_instead` the wrong genres that were named most often where this one was missed, `true_instead` the
    true genres of films for which it was named wrongly, both as [genre, films], at the tuned thresholds.
    """
    named = scores >= thresholds
    return {
        genre: {
            "films": int(labels[:, g].sum()),
            "curve": _curve(labels[:, g], scores[:, g]),
            "answers": [_answers(labels[:, g], scores[:, g] >= threshold) for threshold in GRID],
            "tuned": _answers(labels[:, g], named[:, g]),
            "first": _first(labels[:, g], scores[:, g]),
            "calibration": _calibration(labels[:, g], scores[:, g]),
            "named_instead": _most(named & (labels == 0), (labels[:, g] > 0) & ~named[:, g], genres),
            "true_instead": _most(labels > 0, (labels[:, g] == 0) & named[:, g], genres),
        }
        for g, genre in enumerate(genres)
        if labels[:, g].any()
    }


def _answers(labels: np.ndarray, named: np.ndarray) -> list[int]:
    return [int(named.sum()), int((named & (labels > 0)).sum())]


def _first(labels: np.ndarray, scores: np.ndarray) -> int:
    """Count the right ones among the most probable films, as many as have the genre; of a tie at the end its share."""
    films = int(labels.sum())
    last = np.sort(scores)[-films]
    above, tied = scores > last, scores == last
    return round(float(labels[above].sum() + (films - above.sum()) * labels[tied].mean()))


def _curve(labels: np.ndarray, scores: np.ndarray) -> list[list[float]]:
    """Return at most _MOST_POINTS points [recall, precision] of one genre; films of equal score share a point."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    right = np.cumsum(labels[order] > 0)[last]
    # Only where the recall rises: between two such points the precision just falls.
    rises = np.flatnonzero(np.diff(right, prepend=0))
    keep = np.unique(np.linspace(0, len(rises) - 1, min(_MOST_POINTS, len(rises))).round().astype(int))
    chosen = rises[keep]
    recall, precision = right[chosen] / right[-1], right[chosen] / (last[chosen] + 1)
    return np.stack([recall, precision], axis=1).round(4).tolist()


def _calibration(labels: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    order = np.argsort(scores, kind="stable")
    bins = [films for films in np.array_split(order, _BINS) if len(films)]
    return [
        {
            "score": float(scores[films].mean()),
            "share": float(labels[films].mean()),
            "interval": wilson(int(labels[films].sum()), len(films)),
            "films": len(films),
        }
        for films in bins
    ]


def wilson(hits: int, number: int) -> list[float]:
    """Return the 95 % interval of a share, `hits` of `number` (Wilson 1927)."""
    share, spread = hits / number, _Z**2 / number
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * np.sqrt(share * (1 - share) / number + _Z**2 / (4 * number**2)) / (1 + spread)
    return [max(0.0, float(middle - half)), min(1.0, float(middle + half))]


def _most(present: np.ndarray, films: np.ndarray, genres: Sequence[str]) -> list[list[Any]]:
    """Return the genres that most of the films have, as [genre, films]; `present` is bool [films, genres]."""
    counts = present[films].sum(axis=0).astype(int)
    order = np.argsort(-counts, kind="stable")[:_MOST_CONFUSED]
    return [[genres[g], int(counts[g])] for g in order if counts[g]]
