"""The specification every worker of a run gets, and the progress it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genre_models.checkpoint import Checkpoint
from genre_models.training.history import EpochMetrics
from ray_jobs.cli.options import devices_of
from ray_jobs.runs.trackers import Tracking


@dataclass(frozen=True)
class TrainSpec:
    """The specification of a training run, the same for all workers."""

    checkpoint: Checkpoint
    """The metadata of this run's checkpoints, still without epoch and metrics."""
    run: str
    """The run's folder."""
    training_films: tuple[int, ...]
    """Training films in each rank's share; empty where Ray Data splits a stream into equal shares. Their sum is divided
    anew where the number of workers changes."""
    validation_films: tuple[int, ...]
    """Validation films in each rank's share."""
    shuffle_buffer: int
    gpus: float
    """GPUs of each worker; a fraction shares one, 0 is none."""
    steps_per_execution: int = 1
    """Training steps per call of the compiled function, where that many consecutive batches have one shape."""
    metric: str = "validation_loss"
    """The metric of `history.METRICS` that selects the best epoch."""
    channel: Any = None
    """Handle of the progress channel's actor; without one, steps are not reported."""
    genre_films: tuple[int, ...] = ()
    """Training films of each genre, in the model's order; for genre weights and for initial biases."""
    word_vectors: Any = None
    """Initial word vectors, float [vocabulary or more, units], where the model uses them."""
    films_via_channel: bool = False
    """Whether the films come through the progress channel; otherwise they are Ray Train's datasets."""
    read_ahead: bool = True
    """Whether an epoch's first films are read while the previous epoch still trains."""
    timing: bool = False
    """Whether spans and epoch gaps are sent to the progress channel."""
    init_from: str = ""
    """Path of the checkpoint with the initial weights; every worker must be able to read it."""
    tracking: Tracking | None = None
    """The tracker that rank 0 writes to, beside TensorBoard."""
    settings: dict[str, Any] | None = None
    """The settings of a sweep's trial."""

    @property
    def devices(self) -> int:
        """Return the devices that each worker computes on."""
        return devices_of(self.gpus)


@dataclass(frozen=True)
class Progress:
    """Progress message from rank 0: a completed step, or an epoch's metrics."""

    epoch: int
    step: int = 0
    steps: int = 0
    phase: str = "training"
    metrics: EpochMetrics | None = None
