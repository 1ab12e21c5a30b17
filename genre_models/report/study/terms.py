"""Meanings of the terms on the page of a study."""

from __future__ import annotations

from genre_models.metrics.names import BY_KEY, MEAN_AP

TERMS = (
    ("validation loss", f"{BY_KEY['loss'].meaning} Of the films that settings are chosen on; lower is better."),
    ("mean average precision", MEAN_AP.meaning),
    ("test films", "Films that took no part in training nor in choosing settings."),
    ("trial", "One training with one choice of settings."),
    ("epoch", "One pass of training over all training films."),
    ("interval", "Where the number would lie with other films like these, 19 times in 20."),
    ("every seed", "A seed sets the chance in a training: its first weights and the order of the films."),
)
"""Terms as they stand in the sentences, with their meanings."""
