"""Several models as one (late fusion): what to make of their scores, learned on the validation films.

Two ways, both lines on the models' logits z_m. The *average* is sum_m w_m z_m with weights that sum to 1, the same for
every genre. The *stack* (Wolpert 1992, "Stacked Generalization") is a logistic regression for each genre with an
intercept, pulled toward the average: a genre with few films says little against the pull and stays near it. Which way,
how strong the pull, and which models take part is chosen by cross-validation within the validation films.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genre_models.metrics.calibration import fit_logistic, logits, probabilities
from genre_models.metrics.classification import binary_crossentropy

FEWEST_FILMS = 10
"""Validation films below which nothing can be learned from them."""
_FOLDS = 10
_PULLS = (3.0, 10.0, 30.0)  # strengths of the pull toward the average; at 3 a hundred films of a genre speak freely
_ITERATIONS = 500


@dataclass(frozen=True)
class StackingModel:
    """One model out of several."""

    method: str
    """"average" or "stack"."""
    members: tuple[str, ...]
    """Keys of the models."""
    weights: np.ndarray
    """Of the average, or of what the stack is pulled to: float64 [voices], not below 0, their sum is 1."""
    coefficients: np.ndarray
    """The intercept, then a coefficient for each model: float64 [genres, 1 + voices]."""

    def __call__(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return probabilities float64 [films, genres] out of those of each model, by key."""
        z = np.stack([logits(scores[key]) for key in self.members])
        return probabilities(self.coefficients[:, 0] + np.einsum("vfg,gv->fg", z, self.coefficients[:, 1:]))

    def member_weights(self, genre: int, present: Sequence[str]) -> dict[str, float]:
        """Return the weights of members in a genre's logit, of those that score a film.

        Without some members they are those of the average, made to sum to 1.
        """
        places = {key: self.members.index(key) for key in present}
        if len(places) == len(self.members):
            return {key: float(self.coefficients[genre, 1 + place]) for key, place in places.items()}
        total = sum(float(self.weights[place]) for place in places.values())
        return {key: float(self.weights[at]) / total if total > 0 else 1 / len(places) for key, at in places.items()}


@dataclass(frozen=True)
class StackingResult:
    """A late fusion, and how it was chosen."""

    model: StackingModel
    out_of_fold: np.ndarray
    """Scores of the validation films, each by a fusion fitted without it: float64 [films, genres]."""
    tried: list[dict[str, Any]]
    """Candidates: `method`, `members`, `prior_strength` (None for the average), out-of-fold `loss`; best first."""
    folds: int


def fuse(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], *, optional: Sequence[str] = (), seed: int = 0
) -> StackingResult:
    """Choose and fit a late fusion on validation films.

    Args:
        labels: 0/1 [films, genres], at least ten films.
        scores: each model's probabilities [films, genres], by key; at least two models without the optional ones.
        optional: keys of models that take part only if the out-of-fold loss is lower with them.
        seed: seeds the folds.
    """
    if len(labels) < FEWEST_FILMS:
        raise ValueError(f"{len(labels)} validation films are too few to learn a late fusion: {FEWEST_FILMS} at least")
    fold = np.random.default_rng(seed).permutation(len(labels)) % _FOLDS
    needed = tuple(key for key in scores if key not in optional)
    choices = [needed, *([tuple(scores)] if len(scores) > len(needed) else [])]
    ways = [(members, prior_strength) for members in choices for prior_strength in (None, *_PULLS)]
    guesses = [_out_of_fold(labels, scores, members, prior_strength, fold) for members, prior_strength in ways]
    losses = [binary_crossentropy(labels, one) for one in guesses]
    order = sorted(range(len(ways)), key=losses.__getitem__)
    return StackingResult(
        model=_fit(labels, scores, *ways[order[0]]),
        out_of_fold=guesses[order[0]],
        tried=[
            {
                "method": _method(ways[place][1]),
                "voices": list(ways[place][0]),
                "pull": ways[place][1],
                "loss": losses[place],
            }
            for place in order
        ],
        folds=_FOLDS,
    )


def _method(prior_strength: float | None) -> str:
    return "average" if prior_strength is None else "stack"


def _out_of_fold(
    labels: np.ndarray,
    scores: Mapping[str, np.ndarray],
    members: tuple[str, ...],
    prior_strength: float | None,
    fold: np.ndarray,
) -> np.ndarray:
    result = np.empty(labels.shape, np.float64)
    for number in range(_FOLDS):
        out = fold == number
        model = _fit(labels[~out], {key: scores[key][~out] for key in members}, members, prior_strength)
        result[out] = model({key: scores[key][out] for key in members})
    return result


def _fit(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], members: tuple[str, ...], prior_strength: float | None
) -> StackingModel:
    """Fit the average or, with a pull, the stack."""
    z = np.stack([logits(scores[key]) for key in members], axis=-1)
    weights = average_weights(labels, z)
    toward = np.concatenate([[0.0], weights])
    coefficients = np.tile(toward, (labels.shape[1], 1))
    if prior_strength is not None:
        ones = np.ones((len(labels), 1))
        for g in range(labels.shape[1]):
            features = np.concatenate([ones, z[:, g]], axis=1)
            coefficients[g] = fit_logistic(features, labels[:, g], toward=toward, precision=prior_strength)
    return StackingModel(_method(prior_strength), members, weights, coefficients)


def average_weights(labels: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the non-negative weights of sum 1 whose averaged logits minimise the log loss.

    The loss is convex in the weights; exponentiated gradients (Kivinen and Warmuth 1997) keep to the simplex.

    Args:
        labels: 0/1 [films, genres].
        z: logits float64 [films, genres, models].
    """
    features, y = z.reshape(-1, z.shape[-1]), labels.ravel()

    def loss(weights: np.ndarray) -> float:
        values = features @ weights
        return float((np.logaddexp(0, values) - y * values).mean())

    weights = np.full(z.shape[-1], 1 / z.shape[-1])
    best, rate = loss(weights), 4.0
    for _ in range(_ITERATIONS):
        slope = features.T @ (probabilities(features @ weights) - y) / len(y)
        moved = weights * np.exp(-rate * (slope - slope.min()))
        moved /= moved.sum()
        value = loss(moved)
        if value > best:
            rate /= 2
            if rate < 1e-3:
                break
            continue
        done = best - value < 1e-10
        weights, best, rate = moved, value, rate * 1.2
        if done:
            break
    return weights
