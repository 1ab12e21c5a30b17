"""State and progress of the training loop: what a step, an epoch and its end report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genre_models.metrics import classification
from genre_models.training.history import EpochMetrics
from genre_models.training.recipe import Recipe


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a finite number."""


def diverged(loss_of_epoch: str, recipe: Recipe) -> TrainingDivergedError:
    """Return the error that says which loss it was and what to try."""
    return TrainingDivergedError(
        f"the loss of epoch {loss_of_epoch}: try a lower --learning-rate than {recipe.learning_rate:g}"
    )


@dataclass
class TrainState:
    """Where training stands after an epoch: what a checkpoint is made of."""

    model: Any
    """Holds the weights that were validated."""
    optimizer: Any
    history: list[EpochMetrics] = field(default_factory=list)
    validation_labels: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """float32 [films, genres]; the validation films in reading order."""
    validation_scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """float32 [films, genres]; the model's probabilities for them."""


@dataclass(frozen=True)
class Step:
    """Progress within an epoch."""

    epoch: int
    step: int
    phase: str
    """"training" or "validation"."""


def figures_of(sums: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return an epoch's figures, those of `history.EpochMetrics` that are not of time or rate.

    Args:
        sums: of the epoch's training films [5]: loss, films, true positives, predicted positives, positives.
        labels: of the validation films [N, G].
        scores: their probabilities [N, G].
    """
    loss_sum, films, true_positives, predicted, positives = (float(x) for x in sums)
    half = classification.precision_recall(labels, scores >= 0.5)
    return {
        # Without a film none of the steps was taken: float16 overflowed in all.
        "loss": loss_sum / films if films else np.nan,
        "precision": true_positives / predicted if predicted else 0.0,
        "recall": true_positives / positives if positives else 0.0,
        "validation_loss": classification.binary_crossentropy(labels, scores),
        "validation_precision": half[0],
        "validation_recall": half[1],
        "validation_mean_average_precision": classification.mean_average_precision(labels, scores),
    }
