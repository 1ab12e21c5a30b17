"""Per-genre decision thresholds, chosen on validation films only."""

from __future__ import annotations

import numpy as np

from genre_models.metrics.calibration import fit_platt

_TRUST = 10.0  # validation films with a genre at which its own threshold weighs as much as the common one
_FEWEST = 5  # with fewer films a genre gets no threshold of its own at all


def tune_thresholds(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return one threshold per genre: float64 [genres].

    A common threshold is chosen for the best micro-F1 over all genres. A genre's own is the one with the best F1 that
    is to be expected, by probabilities fitted to its labels (`calibration.fit_platt`): the best F1 that was seen hangs
    on the few films next to the cut and is luck (Lipton et al. 2014, "Optimal Thresholding of Classifiers to Maximize
    F1 Measure"). It is shrunk toward the common one by how few validation films have the genre, n / (n + 10); genres
    with fewer than five such films take the common one.

    Args:
        labels: 0/1 [films, genres] of the validation films.
        scores: probabilities [films, genres] for them.
    """
    common = best_f1_threshold(labels.ravel(), scores.ravel())
    result = np.full(labels.shape[1], common)
    chances = fit_platt(labels, scores)(scores)
    for g, films in enumerate(labels.sum(axis=0)):
        if films >= _FEWEST:
            own = best_f1_threshold(chances[:, g], scores[:, g])
            share = films / (films + _TRUST)
            result[g] = share * own + (1 - share) * common
    return result


def best_f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the threshold that maximises F1, midway to the next lower score; 0.5 if
    no label is positive.

    Labels [films] are 0 or 1, or each film's chance of 1; then it is the F1 of the numbers to be expected.
    """
    if not labels.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(labels[order], dtype=np.float64)[last]
    f1 = 2.0 * hits / (last + 1 + hits[-1])
    best = int(np.argmax(f1))
    lower = ranked[last[best + 1]] if best + 1 < len(last) else 0.0
    return float((ranked[last[best]] + lower) / 2)
