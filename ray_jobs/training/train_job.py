"""What every worker of a run is told, and the word it sends back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genre_models.checkpoint import Checkpoint


@dataclass(frozen=True)
class TrainJob:
    """Everything a worker must be told; the same for all of them."""

    checkpoint: Checkpoint
    """What every checkpoint of this run says, epoch and figures still missing."""
    run: str
    """The run's folder."""
    training_films: tuple[int, ...]
    """Films in each rank's share; empty where Ray Data splits a stream into equal shares."""
    validation_films: tuple[int, ...]
    """Films in each rank's share of the validation films."""
    shuffle_window: int
    use_gpu: bool
    steps_per_call: int = 1
    """Steps that a worker's device takes by itself where so many batches of one shape follow each other."""
    metric: str = "validation_loss"
    """Figure of `history.METRICS` by which an epoch is the best."""
    board: Any = None
    """Handle of the board's actor; without one, steps are not told."""
    genre_films: tuple[int, ...] = ()
    """Training films of each genre, in the model's order: for a recipe that weighs genres, a model that starts at
    their shares."""
    word_vectors: Any = None
    """What words' vectors are before training, float [vocabulary or more, units], where the model asks for it."""
    films_handed: bool = False
    """Whether the films come through the board, once they are read; else they are Ray Train's datasets."""
    read_ahead: bool = True
    """Whether an epoch's films begin to be read while the epoch before still trains."""
    timing: bool = False
    """Whether the board is told where the time goes."""
    start_from: str = ""
    """Checkpoint whose weights the model begins with; its place must be readable by every worker."""


@dataclass(frozen=True)
class Progress:
    """Word from rank 0: a step done, or an epoch's figures."""

    epoch: int
    step: int = 0
    steps: int = 0
    phase: str = "training"
    figures: Any = None
