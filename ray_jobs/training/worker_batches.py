"""A worker's batches from its share of the films; an epoch's first are read while the one before still trains."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from datasets.batches.batching import Batching, Block, join_blocks, narrowed, training_batches, validation_batches
from ray_jobs.training.train_job import TrainJob

Read = Callable[[], Iterable[Block]]
"""Reads a worker's films from their beginning."""


class Feed:
    """This worker's batches, from its share of the films."""

    def __init__(self, job: TrainJob, rank: int, workers: int, *, training: Read, validation: Read) -> None:
        self._job, self._rank = job, rank
        recipe = job.checkpoint.recipe
        self._batching = Batching(max(1, recipe.batch_size // workers), job.shuffle_window, recipe.oversampling)
        self._training, self._validation = training, validation
        self.steps = self._steps(job.training_films) if job.training_films else 0
        self._held: dict[str, list[Block]] = {}
        self._behind = ThreadPoolExecutor(1, "read ahead")
        self._ahead: dict[int, Future[Iterator[Block]]] = {}
        self._lock = threading.Lock()
        self._taken = self._read = 0  # the epochs whose batches were asked for, whose last film was read

    def _steps(self, shares: tuple[int, ...]) -> int:
        """Return how many batches the largest share makes: every rank takes as many."""
        return -(-max(shares) // self._batching.batch_size)

    def training(self, epoch: int) -> Iterator[Block]:
        """Yield this worker's batches of an epoch, whose first window may have been read during the one before."""
        ahead = self._ahead.pop(epoch, None)
        batches = ahead.result() if ahead else self._batches(epoch)
        self._read_ahead(taken=epoch)
        return batches

    def _read_ahead(self, *, taken: int = 0, read: int = 0) -> None:
        """Once an epoch is both under way and read, begin to read the next in a thread, up to its first batch: that
        takes its first window."""

        def first_and_others(epoch: int) -> Iterator[Block]:
            batches = self._batches(epoch)
            return chain([next(batches)], batches)

        with self._lock:
            self._taken, self._read = max(taken, self._taken), max(read, self._read)
            epoch = self._taken + 1
            more = self._job.read_ahead and epoch <= self._job.checkpoint.recipe.epochs
            if more and self._read == self._taken and epoch not in self._ahead:
                self._ahead[epoch] = self._behind.submit(first_and_others, epoch)

    def _batches(self, epoch: int) -> Iterator[Block]:
        """Yield an epoch's batches; once its last film is read, the next epoch's first window is read behind."""
        job = self._job

        def blocks() -> Iterator[Block]:
            yield from self._blocks("training", self._training, job.training_films)
            self._read_ahead(read=epoch)

        return training_batches(
            blocks(),
            self._batching,
            seed=job.checkpoint.recipe.seed,
            epoch=epoch,
            rank=self._rank,
            steps=self.steps or None,
        )

    def validation(self) -> Iterator[Block]:
        """Yield this worker's share of the validation films, each once."""
        steps = self._steps(self._job.validation_films)
        blocks = self._blocks("validation", self._validation, self._job.validation_films)
        return validation_batches(blocks, self._batching, steps=steps)

    def _blocks(self, name: str, read: Read, shares: tuple[int, ...]) -> Iterable[Block]:
        """Read a share, in the first epoch only if the window that is held in memory anyway holds all of it."""
        if not shares or max(shares) > self._job.shuffle_window:
            return map(self._fitted, read())
        if name not in self._held:
            self._held[name] = [self._fitted(join_blocks(list(read())))]
        return self._held[name]

    def _fitted(self, block: Block) -> Block:
        """Return films as this model reads them: a sweep's are encoded for its largest vocabulary and length."""
        if "lengths" not in block:
            return block
        config = self._job.checkpoint.config
        return narrowed(block, vocabulary_size=config.known_ids, max_tokens=config.max_tokens)
