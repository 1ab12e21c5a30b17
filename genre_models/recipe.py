"""The training recipe: how long, how fast, in what batches, and what holds the weights back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Schedule = Literal["hold_then_decay", "cosine", "constant"]

_COSINE_END = 0.01  # what the cosine leaves of the learning rate: the last epoch still learns a little


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: Adam on binary cross-entropy; the defaults are the coursework's."""

    epochs: int = 40
    """Passes over the training films."""
    batch_size: int = 64
    """Films a step, over all workers together."""
    learning_rate: float = 1e-4
    """Adam's learning rate in the first epochs, after the warm-up."""
    schedule: Schedule = "hold_then_decay"
    """How the learning rate falls: held, then a little every epoch; along a half cosine over all epochs; or not."""
    hold_epochs: int = 10
    """Epochs before the learning rate starts to fall; serves hold_then_decay alone."""
    decay: float = 0.01
    """From then on the learning rate is multiplied by exp(-decay) every epoch; serves hold_then_decay alone."""
    warmup_epochs: int = 0
    """Epochs in which the learning rate rises in equal steps to where it is then held or starts to fall."""
    weight_decay: float = 0.0
    """A step takes away this share of the weights times the learning rate (AdamW); biases are left alone."""
    label_smoothing: float = 0.0
    """Targets are moved by this share towards 1/2, in what is trained on but not in the losses told."""
    seed: int = 0
    """Seeds the weights, the dropout and the order of the films."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")
        if self.schedule not in get_args(Schedule):
            raise ValueError(f"schedule must be one of {', '.join(get_args(Schedule))}, not {self.schedule!r}")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                f"warmup_epochs must be at least 0 and below the {self.epochs} epochs, not {self.warmup_epochs}"
            )
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be at least 0, not {self.weight_decay}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1, not {self.label_smoothing}")

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1.

        hold_then_decay is the coursework's: learning_rate * exp(-decay * max(0, epoch - hold_epochs)). cosine is that
        of Loshchilov & Hutter 2017 (SGDR, eq. 5) without restarts: with p running from 0 in the first epoch after the
        warm-up to 1 in the last, end + (learning_rate - end) * (1 + cos(pi * p)) / 2, where end is a hundredth of
        learning_rate. In epoch e of w warm-up epochs it is multiplied by e / (w + 1).
        """
        return self.learning_rate * self._share_left(epoch) * min(1.0, epoch / (self.warmup_epochs + 1))

    def _share_left(self, epoch: int) -> float:
        """Return what the schedule leaves of the learning rate in an epoch."""
        if self.schedule == "hold_then_decay":
            return math.exp(-self.decay * max(0, epoch - self.hold_epochs))
        if self.schedule == "cosine":
            first = self.warmup_epochs + 1
            progress = max(0, epoch - first) / max(1, self.epochs - first)
            return _COSINE_END + (1 - _COSINE_END) * (1 + math.cos(math.pi * min(1.0, progress))) / 2
        return 1.0
