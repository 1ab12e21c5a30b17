"""A worker's batches from its share of the films, with read-ahead across epochs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from datasets.batches.batching import (
    BatchConfig,
    Block,
    join_blocks,
    training_batches,
    truncate_tokens,
    validation_batches,
)
from ray_jobs.training.train_spec import TrainSpec

Read = Callable[[], Iterable[Block]]
"""Reads a worker's films from their beginning."""


class WorkerBatches:
    """Training and validation batches of one worker."""

    def __init__(self, spec: TrainSpec, rank: int, workers: int, *, training: Read, validation: Read) -> None:
        self._spec, self._rank = spec, rank
        recipe = spec.checkpoint.recipe
        self._batching = BatchConfig(max(1, recipe.batch_size // workers), spec.shuffle_buffer, recipe.oversample_share)
        self._training, self._validation = training, validation
        self.steps = self._steps(spec.training_films) if spec.training_films else 0
        self._cached: dict[str, list[Block]] = {}
        self._executor = ThreadPoolExecutor(1, "read ahead")
        self._ahead: dict[int, Future[Iterator[Block]]] = {}
        self._lock = threading.Lock()
        self._taken = self._read = 0  # last epoch whose batches were requested; last one read to its end

    def _steps(self, shares: tuple[int, ...]) -> int:
        """Return the number of batches in the largest share, the steps of every rank."""
        return -(-max(shares) // self._batching.batch_size)

    def training(self, epoch: int) -> Iterator[Block]:
        """Yield the batches of an epoch; its first window may have been read ahead."""
        ahead = self._ahead.pop(epoch, None)
        batches = ahead.result() if ahead else self._batches(epoch)
        self._read_ahead(taken=epoch)
        return batches

    def _read_ahead(self, *, taken: int = 0, read: int = 0) -> None:
        """Read the next epoch's first batch in a thread once the current epoch is read."""

        def first_and_others(epoch: int) -> Iterator[Block]:
            batches = self._batches(epoch)
            return chain([next(batches)], batches)

        with self._lock:
            self._taken, self._read = max(taken, self._taken), max(read, self._read)
            epoch = self._taken + 1
            more = self._spec.read_ahead and epoch <= self._spec.checkpoint.recipe.epochs
            if more and self._read == self._taken and epoch not in self._ahead:
                self._ahead[epoch] = self._executor.submit(first_and_others, epoch)

    def _batches(self, epoch: int) -> Iterator[Block]:
        """Yield the batches of an epoch; start the read-ahead after its last film."""
        spec = self._spec

        def blocks() -> Iterator[Block]:
            yield from self._blocks("training", self._training, spec.training_films)
            self._read_ahead(read=epoch)

        return training_batches(
            blocks(),
            self._batching,
            seed=spec.checkpoint.recipe.seed,
            epoch=epoch,
            rank=self._rank,
            steps=self.steps or None,
        )

    def validation(self) -> Iterator[Block]:
        """Yield the batches of this worker's validation films, each film once."""
        steps = self._steps(self._spec.validation_films)
        blocks = self._blocks("validation", self._validation, self._spec.validation_films)
        return validation_batches(blocks, self._batching, steps=steps)

    def _blocks(self, name: str, read: Read, shares: tuple[int, ...]) -> Iterable[Block]:
        """Read a share; keep it in memory after the first epoch if the shuffle buffer holds it."""
        if not shares or max(shares) > self._spec.shuffle_buffer:
            return map(self._truncated, read())
        if name not in self._cached:
            self._cached[name] = [self._truncated(join_blocks(list(read())))]
        return self._cached[name]

    def _truncated(self, block: Block) -> Block:
        """Truncate tokens to this model's vocabulary and length: a sweep's are encoded for its largest."""
        one = self._spec.checkpoint.inputs.by_length
        if one is None:
            return block
        return truncate_tokens(block, vocabulary_size=one.num_token_ids, max_tokens=one.max_tokens)
