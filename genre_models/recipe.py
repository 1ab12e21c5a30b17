"""The training recipe: how long, how fast, in what batches."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: the coursework's Adam on binary cross-entropy, at a rate that is held, then falls."""

    epochs: int = 40
    """Passes over the training films."""
    batch_size: int = 64
    """Films a step, over all workers together."""
    learning_rate: float = 1e-4
    """Adam's learning rate in the first epochs."""
    hold_epochs: int = 10
    """Epochs before the learning rate starts to fall."""
    decay: float = 0.01
    """From then on the learning rate is multiplied by exp(-decay) every epoch."""
    seed: int = 0
    """Seeds the weights, the dropout and the order of the films."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        return self.learning_rate * math.exp(-self.decay * max(0, epoch - self.hold_epochs))
