"""The figures of each epoch, and the file that keeps them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from genre_models.metrics.names import SELECTING

METRICS = SELECTING
"""The metrics by which epochs, runs and trials are compared, each with its better end."""


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one epoch. Losses are mean binary cross-entropy over films and genres, precision and recall
    are micro-averaged at 0.5; training figures are means over the epoch's steps, with dropout on."""

    epoch: int
    loss: float
    precision: float
    recall: float
    validation_loss: float
    validation_precision: float
    validation_recall: float
    validation_mean_average_precision: float
    learning_rate: float
    seconds: float
    """Wall time of the epoch, validation included."""
    training_seconds: float
    """Wall time of its training steps alone."""
    films_per_second: float
    """Training films a second over all workers."""


def to_csv(history: Sequence[EpochMetrics]) -> str:
    """Write a history as CSV text, a line an epoch, figures in full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(EpochMetrics)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: repr(v) if k == "epoch" else repr(float(v)) for k, v in asdict(epoch).items()} for epoch in history
    )
    return text.getvalue()


def from_csv(text: str) -> list[EpochMetrics]:
    """Read a history back from what `to_csv` wrote.

    Raises:
        ValueError: it is no history, or not one of all epochs from 1 on.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
        history = [
            EpochMetrics(epoch=int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
            for row in rows
        ]
    except (csv.Error, KeyError, TypeError) as error:
        raise ValueError(f"no history of epochs ({error!r})") from error
    if [one.epoch for one in history] != list(range(1, len(history) + 1)):
        raise ValueError(f"a history of the epochs {[one.epoch for one in history][:5]}…, which are not 1, 2, 3, …")
    return history


def sort_key(value: float, metric: str) -> float:
    """Return a figure of `METRICS` such that less is better whatever the metric; NaN is worst."""
    if value != value:
        return float("inf")
    return value if METRICS[metric] == "min" else -value


def best_epoch(history: Sequence[EpochMetrics], metric: str = "validation_loss") -> EpochMetrics:
    """Return the epoch that is best by a metric of `METRICS`, the first of equals; NaN never wins."""
    if not history:
        raise ValueError("a history of no epochs has no best one")
    return min(history, key=lambda epoch: sort_key(getattr(epoch, metric), metric))
