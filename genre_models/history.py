"""The figures of each epoch, and the file that keeps them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Epoch:
    """What one epoch measured. Losses are mean binary cross-entropy over films and genres, precision and recall
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


def to_csv(history: Sequence[Epoch]) -> str:
    """Write a history as CSV text, a line an epoch, figures in full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: repr(v) if k == "epoch" else repr(float(v)) for k, v in asdict(epoch).items()} for epoch in history
    )
    return text.getvalue()


def from_csv(text: str) -> list[Epoch]:
    """Read a history back from what `to_csv` wrote."""
    rows = csv.DictReader(io.StringIO(text))
    return [Epoch(epoch=int(row.pop("epoch")), **{name: float(value) for name, value in row.items()}) for row in rows]


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch of the lowest validation loss, the first of equals; NaN never wins."""
    if not history:
        raise ValueError("a history of no epochs has no best one")
    return min(history, key=lambda e: e.validation_loss if e.validation_loss == e.validation_loss else float("inf"))
