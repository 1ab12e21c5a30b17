"""Reliability of probabilities, and Platt scaling.

Everywhere: `labels` are 0/1 [films, genres], `scores` probabilities [films, genres].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 15  # Guo et al. 2017, "On Calibration of Modern Neural Networks"
ENOUGH_FILMS = 10  # evaluated films with a genre from which on it has a calibration error of its own
_EDGE = 1e-6  # probabilities are kept so far from 0 and 1, so that their logits are finite
_TRUST = 20.0  # validation films with a genre at which its own scaling weighs as much as the common one
_FEWEST = 5  # with fewer films a genre gets no scaling of its own at all
_PULL = 3.0  # precision of the pull on a genre's slope: a model that hardly varies would else be stretched tenfold
_WEAK = 1e-2  # the same where a fit needs no holding back but must have one answer
_FLAT = 1e-3


def logits(scores: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), float64, of probabilities of any shape."""
    p = np.clip(np.asarray(scores, np.float64), _EDGE, 1 - _EDGE)
    return np.log(p) - np.log1p(-p)


def probabilities(values: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)), float64, of logits of any shape."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(values, np.float64)))


def measure(labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """Return the expected calibration error and its parts.

    `expected_calibration_error` is the mean distance over all pairs of film and genre, in bins of equal mass;
    `by_chance` what it would be on average, on this many films, were every probability right; `macro` the mean of the
    errors of each genre with at least ten films (None where there is none), `macro_by_chance` and `macro_genres` what
    belongs to it; `bins` the reliability curve: mean score, share of true pairs and number of pairs of each bin.
    """
    error, chance, bins = _binned(labels.ravel(), scores.ravel())
    enough = np.flatnonzero(labels.sum(axis=0) >= ENOUGH_FILMS)
    own = [_binned(labels[:, g], scores[:, g])[:2] for g in enough]
    return {
        "expected_calibration_error": error,
        "by_chance": chance,
        "macro": float(np.mean([one[0] for one in own])) if own else None,
        "macro_by_chance": float(np.mean([one[1] for one in own])) if own else None,
        "macro_genres": len(own),
        "bins": bins,
    }


def _binned(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float, list[dict[str, float]]]:
    """Return error, error by chance and the bins of labels [n] and scores [n]; equal scores share a bin."""
    scores = scores.astype(np.float64)
    edges = np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1])
    which = np.searchsorted(edges, scores, side="right")
    pairs = np.bincount(which, minlength=BINS).astype(np.float64)
    filled = pairs > 0
    expected, true, spread = (
        np.bincount(which, values, minlength=BINS)[filled] for values in (scores, labels, scores * (1 - scores))
    )
    pairs = pairs[filled]
    # The mean of |X| for a normal X of mean 0 is sqrt(2 / pi) of its standard deviation.
    chance = np.sqrt(2 / np.pi * spread)
    bins = [
        {"score": float(t / n), "share": float(y / n), "pairs": int(n)}
        for t, y, n in zip(expected, true, pairs, strict=True)
    ]
    return float(np.abs(expected - true).sum() / pairs.sum()), float(chance.sum() / pairs.sum()), bins


@dataclass(frozen=True)
class PlattScaling:
    """A line on each genre's logit: sigmoid(slope * logit(score) + intercept)."""

    slopes: np.ndarray
    """float64 [genres], above 0: the order of the films stays."""
    intercepts: np.ndarray
    """float64 [genres]."""

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return scaled probabilities: float64 [films, genres]."""
        return probabilities(self.slopes * logits(scores) + self.intercepts)


def fit_platt(labels: np.ndarray, scores: np.ndarray) -> PlattScaling:
    """Fit the scaling of each genre on validation films (Platt 1999, with his smoothed targets).

    A genre's own line is shrunk toward the one common to all genres by how few films have the
    genre (n / (n + 20)), and a genre with fewer than five films takes the common line.
    """
    values = logits(scores)
    common = _line(labels.ravel(), values.ravel(), toward=np.array([1.0, 0.0]), pull=_WEAK)
    lines = np.tile(common, (labels.shape[1], 1))
    for g, films in enumerate(labels.sum(axis=0)):
        if films >= _FEWEST:
            share = films / (films + _TRUST)
            own = _line(labels[:, g], values[:, g], toward=common, pull=_PULL)
            lines[g] = share * own + (1 - share) * common
    return PlattScaling(lines[:, 0], lines[:, 1])


def _line(labels: np.ndarray, values: np.ndarray, *, toward: np.ndarray, pull: float) -> np.ndarray:
    """Return slope and intercept for labels [n] and logits [n]; a slope that would turn the order round is made flat.

    The logits are taken from their mean, so that the pull on the slope does not hold the level.
    """
    positives, everything, middle = float(labels.sum()), len(labels), values.mean()
    targets = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (everything - positives + 2))
    slope, level = fit_logistic(
        np.stack([values - middle, np.ones_like(values)], axis=1),
        targets,
        toward=np.array([toward[0], toward[0] * middle + toward[1]]),
        precision=np.array([pull, _WEAK]),
    )
    if slope < _FLAT:
        slope, level = _FLAT, float(logits(targets.mean()))
    return np.array([slope, level - slope * middle])


def fit_logistic(
    features: np.ndarray, targets: np.ndarray, *, toward: np.ndarray, precision: float | np.ndarray
) -> np.ndarray:
    """Fit a logistic regression whose penalty pulls the coefficients toward given ones.

    Minimises sum of log losses + precision / 2 * |coefficients - toward|^2 by Newton's method.

    Args:
        features: float64 [n, k], a column of ones for an intercept.
        targets: what is to be met, 0..1 [n].
        toward: coefficients that the pull goes to, float64 [k]; where the search starts.
        precision: strength of the pull, above 0: one, or one for each coefficient [k].
    """

    pull = np.broadcast_to(np.asarray(precision, np.float64), toward.shape)

    def loss(coefficients: np.ndarray) -> float:
        z = features @ coefficients
        return float((np.logaddexp(0, z) - targets * z).sum() + (pull / 2 * (coefficients - toward) ** 2).sum())

    now, best = toward.astype(np.float64), loss(toward)
    for _ in range(50):
        p = probabilities(features @ now)
        slope = features.T @ (p - targets) + pull * (now - toward)
        bend = (features * (p * (1 - p))[:, None]).T @ features + np.diag(pull)
        step = np.linalg.solve(bend, slope)
        while (value := loss(now - step)) > best and np.abs(step).max() > 1e-9:
            step /= 2
        if best - value <= 1e-9 * (1 + abs(best)):
            break
        now, best = now - step, value
    return now
