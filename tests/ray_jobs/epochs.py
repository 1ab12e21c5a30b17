"""Histories made up for tests."""

from __future__ import annotations

from genre_models.training.history import EpochMetrics


def epochs(*values: float) -> list[EpochMetrics]:
    """Return epochs with these validation losses and the same numbers as mean average precisions."""
    return [
        EpochMetrics(
            epoch=number, loss=value, precision=0.5, recall=0.5, validation_loss=value, validation_precision=0.5,
            validation_recall=0.5, validation_mean_average_precision=value, learning_rate=1e-3, seconds=1.0,
            training_seconds=1.0, films_per_second=100.0,
        )
        for number, value in enumerate(values, start=1)
    ]  # fmt: skip
