"""Training losses other than plain binary cross-entropy: losses and weights for which rare genres count more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops
from keras.losses import binary_crossentropy

from genre_models.training.recipe import GenreWeights, Recipe

MOST_WEIGHT = 10.0
"""The most that a genre weighs, the positives of all films weighing 1 on average. Without a bound a genre of 3 films
would weigh over 100: the one of them in a batch of 64 would outvote all others, and it would be learned by heart."""
_BETA = 0.999  # of the effective number of films: 1,000 films are the most that any genre can be worth

FilmLosses = Callable[[Any, Any], Any]
"""From labels and probabilities [B, G], labels being 0 to 1, to each film's mean over genres [B]."""


def weights_of(kind: GenreWeights, genre_films: np.ndarray) -> np.ndarray:
    """Return the loss weight of each genre's positives, float32 [G].

    inverse_frequency is 1 / n for a genre of n training films; effective_number is (1 - beta) / (1 - beta^n) with
    beta 0.999 (Cui et al. 2019, eq. 2), which for few films is 1 / n and levels off near 1,000. Both are scaled such
    that the positives of all films weigh 1 on average, so that positives and negatives stay in balance, then cut at
    `MOST_WEIGHT`. A genre without films weighs 1.

    Args:
        kind: how.
        genre_films: training films of each genre, [G].
    """
    films = np.asarray(genre_films, np.float64)
    present = films > 0
    if kind == "none" or not present.any():
        return np.ones(len(films), np.float32)
    worth = films[present] if kind == "inverse_frequency" else (1 - _BETA ** films[present]) / (1 - _BETA)
    weights = np.ones(len(films))
    weights[present] = np.minimum(MOST_WEIGHT, films.sum() / (films[present] / worth).sum() / worth)
    return weights.astype(np.float32)


def trained_on(recipe: Recipe, genre_films: np.ndarray | None) -> FilmLosses | None:
    """Return the loss that a recipe trains on; None where it is plain binary cross-entropy.

    Raises:
        ValueError: genres are to be weighed, and how many films each has is not told.
    """
    if recipe.genre_weights != "none" and genre_films is None:
        raise ValueError(f"genre_weights {recipe.genre_weights} needs the number of training films of each genre")
    smoothing = recipe.label_smoothing
    if recipe.loss == "binary_crossentropy" and recipe.genre_weights == "none":
        if not smoothing:
            return None
        return lambda labels, scores: binary_crossentropy(labels, scores, label_smoothing=smoothing)
    weights = None if genre_films is None else weights_of(recipe.genre_weights, genre_films)
    gamma = 0.0 if recipe.loss == "binary_crossentropy" else recipe.gamma

    def losses(labels: Any, scores: Any) -> Any:
        return focal_bce(
            labels * (1 - smoothing) + smoothing / 2,
            scores,
            positives=gamma if recipe.loss == "focal" else 0.0,
            negatives=gamma,
            prob_margin=recipe.prob_margin if recipe.loss == "asymmetric" else 0.0,
            weights=weights,
        )

    return losses


def step_metrics(loss_sum: Any, labels: Any, scores: Any, weights: Any) -> Any:
    """Return a step's metric sums, float32 [5]: loss sum, films, true positives, predicted
    positives, positives.

    Args:
        loss_sum: of the films that count.
        labels: [B, G].
        scores: probabilities [B, G].
        weights: float32 [B], 0 for rows that only fill the batch.
    """
    chosen = ops.cast(scores >= 0.5, "float32") * weights[:, None]
    return ops.stack(
        [loss_sum, ops.sum(weights), ops.sum(chosen * labels), ops.sum(chosen), ops.sum(labels * weights[:, None])]
    )


def focal_bce(
    labels: Any, scores: Any, *, positives: float, negatives: float, prob_margin: float, weights: np.ndarray | None
) -> Any:
    """Return each film's focal or asymmetric loss, [B].

    It is the mean over genres of w y (1-p)^a (-log p) + (1-y) q^b (-log(1-q)), q = max(p - margin, 0).
    With a = b and no margin it is focal loss (Lin et al. 2017, eq. 4; its alpha is `weights` here), with a = 0
    asymmetric loss (Ridnik et al. 2021, eq. 7), with a = b = 0 binary cross-entropy.

    Args:
        labels: y, 0 to 1 [B, G].
        scores: p, probabilities [B, G].
        positives: a; how far positives that the model is sure of are left out.
        negatives: b; the same of negatives.
        margin: what a negative's probability is lowered by.
        weights: w, of each genre's positives [G]; None for all alike.
    """
    # Keras' cross-entropy, as it finds the logits behind a sigmoid: exact also where p is 0 or 1 to float32.
    positive = ops.binary_crossentropy(ops.ones_like(scores), scores)
    negative = ops.binary_crossentropy(ops.zeros_like(scores), scores)
    tiny = 1e-7  # for x^b has no gradient at 0 where b is below 1
    if prob_margin:
        lowered = ops.maximum(scores - prob_margin, tiny)
        negative = -ops.log(1 - lowered)
        if negatives:
            negative *= ops.power(lowered, negatives)
    elif negatives:
        negative *= ops.power(ops.maximum(scores, tiny), negatives)
    if positives:
        positive *= ops.power(ops.maximum(1 - scores, tiny), positives)
    if weights is not None:
        positive *= weights
    return ops.mean(labels * positive + (1 - labels) * negative, axis=-1)
