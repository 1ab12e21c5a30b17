"""Per-genre decision thresholds, chosen on validation films only."""

from __future__ import annotations

import numpy as np

_TRUST = 20.0  # validation films with a genre at which its own threshold weighs as much as the common one
_FEWEST = 5  # with fewer films a genre gets no threshold of its own at all


def tune_thresholds(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return one threshold per genre: float64 [genres].

    A common threshold is chosen for the best micro-F1 over all genres; each genre's own, for its best F1, is
    shrunk toward it by how few validation films have the genre (n / (n + 20)), because the best threshold of
    a handful of films is luck. Genres with fewer than five such films take the common one.

    Args:
        labels: 0/1 [films, genres] of the validation films.
        scores: probabilities [films, genres] for them.
    """
    common = best_f1_threshold(labels.ravel(), scores.ravel())
    result = np.full(labels.shape[1], common)
    for g, films in enumerate(labels.sum(axis=0)):
        if films >= _FEWEST:
            own = best_f1_threshold(labels[:, g], scores[:, g])
            share = films / (films + _TRUST)
            result[g] = share * own + (1 - share) * common
    return result


def best_f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the threshold with the best F1 for yes = score >= threshold, midway to the next lower score; 0.5 if
    no label is positive."""
    if not labels.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(labels[order] > 0)[last]
    f1 = 2.0 * hits / (last + 1 + hits[-1])
    best = int(np.argmax(f1))
    lower = ranked[last[best + 1]] if best + 1 < len(last) else 0.0
    return float((ranked[last[best]] + lower) / 2)
