"""The training recipe: how long, how fast, in what batches, and what holds the weights back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genre_models.models.option_checks import check_numbers, check_types
from genre_models.training.history import EpochMetrics, best_epoch

Schedule = Literal["hold_then_decay", "cosine", "constant"]
Loss = Literal["binary_crossentropy", "focal", "asymmetric"]
GenreWeights = Literal["none", "inverse_frequency", "effective_number"]
Precision = Literal["float32", "bfloat16", "float16"]

_COSINE_END = 0.01  # what the cosine leaves of the learning rate: the last epoch still learns a little


@dataclass(frozen=True)
class Recipe:
    """Training options: the defaults are the coursework's, Adam on binary cross-entropy and no more."""

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
    """Epochs in which the learning rate rises in equal steps to where it is then held or starts to fall; at most all
    epochs but the last, so that a preset can be tried for one."""
    weight_decay: float = 0.0
    """A step takes away this share of the weights times the learning rate (AdamW); biases are left alone."""
    label_smoothing: float = 0.0
    """Targets are moved by this share towards 1/2, in what is trained on but not in the reported losses."""
    loss: Loss = "binary_crossentropy"
    """Trained on; the reported losses are always plain binary cross-entropy. focal (Lin et al. 2017) counts less
    what the model is sure of and right about, asymmetric (Ridnik et al. 2021) does so for genres a film has not."""
    gamma: float = 2.0
    """How much less: the gamma of both losses, 0 is not at all; serves focal and asymmetric alone."""
    prob_margin: float = 0.05
    """An absent genre predicted with at most this probability costs nothing; asymmetric loss only."""
    genre_weights: GenreWeights = "none"
    """How much more a film counts for a genre that few training films have: by 1 / films (inverse_frequency), or by
    1 / effective number of films (Cui et al. 2019); at most 10 times as much as on average."""
    oversample_share: float = 0.0
    """Share of an epoch's films that are drawn, rare genres first, instead of taken once each."""
    ema_decay: float = 0.0
    """Momentum of a moving average of the weights over the steps, such as 0.999, which is what is validated, kept and
    predicts; 0 is none."""
    mixup: float = 0.0
    """Posters and labels are mixed two by two in shares of Beta(mixup, mixup) (Zhang et al. 2018); 0 is not at all."""
    clip_norm: float = 0.0
    """A step's gradient over all weights is shortened to this length where it is longer; 0 is never."""
    encoder_lr_scale: float = 0.05
    """Share of the learning rate at which a pretrained encoder's own weights learn, without weight decay; serves
    --trainable-blocks alone."""
    patience: int = 0
    """Training ends after so many epochs without a better figure on the validation films; 0 is never."""
    dtype_policy: Precision = "float32"
    """What the layers compute in; weights and output are float32 in any case. bfloat16 is for GPUs since 2020 and CPUs
    with AMX or AVX512-BF16, float16, whose loss is scaled and steps that overflow left out, for older GPUs."""
    seed: int = 0
    """Seeds the weights, the dropout and the order of the films."""

    def __post_init__(self) -> None:
        check_types(self)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")
        for name in ("label_smoothing", "prob_margin", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if not 0 <= self.oversample_share <= 1:
            raise ValueError(f"oversample_share must be 0 to 1, not {self.oversample_share}")
        check_numbers(self, at_least_1=("epochs", "batch_size"))

    def is_finished(self, history: Sequence[EpochMetrics], metric: str = "validation_loss") -> bool:
        """Return whether training has ended after these epochs: all are done, or `patience` is at its end.

        It follows from the epochs alone: a run that is resumed ends where it would have ended, and so do all workers.
        """
        if len(history) >= self.epochs:
            return True
        if not self.patience or not history:
            return False
        return history[-1].epoch - best_epoch(history, metric).epoch >= self.patience

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1.

        hold_then_decay is the coursework's: learning_rate * exp(-decay * max(0, epoch - hold_epochs)). cosine is that
        of Loshchilov & Hutter 2017 (SGDR, eq. 5) without restarts: with p running from 0 in the first epoch after the
        warm-up to 1 in the last, end + (learning_rate - end) * (1 + cos(pi * p)) / 2, where end is a hundredth of
        learning_rate. In epoch e of w warm-up epochs it is multiplied by e / (w + 1).
        """
        return self.learning_rate * self._share_left(epoch) * min(1.0, epoch / (self._warmup() + 1))

    def _warmup(self) -> int:
        return min(self.warmup_epochs, self.epochs - 1)

    def _share_left(self, epoch: int) -> float:
        """Return the schedule's factor of the learning rate in an epoch."""
        if self.schedule == "hold_then_decay":
            return math.exp(-self.decay * max(0, epoch - self.hold_epochs))
        if self.schedule == "cosine":
            first = self._warmup() + 1
            progress = max(0, epoch - first) / max(1, self.epochs - first)
            return _COSINE_END + (1 - _COSINE_END) * (1 + math.cos(math.pi * min(1.0, progress))) / 2
        return 1.0
