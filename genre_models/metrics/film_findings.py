"""Films that stand out: those that surprised the models, and those whose labels are suspect.

Everywhere: `labels` are 0/1 [films, genres], `scores` probabilities [films, genres] of each model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genre_models.metrics.classification import film_losses

MISSING, EXTRA = "missing", "extra"
_SURE = 0.5  # a genre is missing from a label where all models give it at least this probability
_UNLIKELY = 0.25  # and too many where all give it less than this share of its frequency among the films


@dataclass(frozen=True)
class Suspect:
    """A genre of a film's label that all models contradict."""

    genre: int
    kind: str
    """MISSING or EXTRA."""


def surprise(labels: np.ndarray, scores: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean binary cross-entropy of each film over the models: float64 [films]."""
    return np.mean([film_losses(labels, one) for one in scores], axis=0)


def suspects(labels: np.ndarray, scores: Sequence[np.ndarray]) -> list[list[Suspect]]:
    """Return the suspect genres of each film, those of which the models are surest first.

    A genre is MISSING where the label lacks it and every model gives it 0.5 or more, EXTRA where the label has it and
    every model gives it less than a quarter of the share of films that have it.
    """
    lowest, highest = np.min(scores, axis=0), np.max(scores, axis=0)
    missing = (labels == 0) & (lowest >= _SURE)
    extra = (labels > 0) & (highest < _UNLIKELY * labels.mean(axis=0))
    return [
        [Suspect(int(g), MISSING) for g in sorted(np.flatnonzero(missing[film]), key=lambda g: -lowest[film, g])]
        + [Suspect(int(g), EXTRA) for g in sorted(np.flatnonzero(extra[film]), key=lambda g: highest[film, g])]
        for film in range(len(labels))
    ]
