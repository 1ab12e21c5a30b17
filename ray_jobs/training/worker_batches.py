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
from datasets.batches.shares import equal_shares, training_shares
from ray_jobs.training.train_spec import TrainSpec

Read = Callable[[], Iterable[Block]]
"""Reads a worker's films from their beginning."""


def shares_of_ranks(spec: TrainSpec, split: str, workers: int) -> tuple[int, ...]:
    """Return the films of each rank, for this many workers; empty for a stream."""
    shares = spec.training_films if split == "train" else spec.validation_films
    if not shares:
        return ()
    films = sum(shares)
    if split == "validation":
        return equal_shares(films, workers)
    return training_shares(films, max(workers, spec.checkpoint.recipe.batch_size), workers)


class WorkerBatches:
    """Training and validation batches of one worker."""

    def __init__(self, spec: TrainSpec, rank: int, workers: int, *, training: Read, validation: Read) -> None:
        self._spec, self._rank = spec, rank
        recipe = spec.checkpoint.recipe
        # The parts of a batch differ by at most one film. Scores are gathered, so that those of validation are equal.
        parts = [max(1, part) for part in equal_shares(recipe.batch_size, workers)]
        self._batching = BatchConfig(parts[rank], spec.shuffle_buffer, recipe.oversample_share)
        self._validating = BatchConfig(parts[0], spec.shuffle_buffer)
        self._training, self._validation = training, validation
        self._shares = {split: shares_of_ranks(spec, split, workers) for split in ("train", "validation")}
        self.steps = 0
        if self._shares["train"]:
            self.steps = max(-(-films // part) for films, part in zip(self._shares["train"], parts, strict=True))
        elif len(set(parts)) > 1:  # a stream is cut into equal parts: the ranks agree on the steps of the smallest part
            self.steps = -(-(spec.checkpoint.store["films"]["train"] // workers) // parts[-1])
        self._cached: dict[str, list[Block]] = {}
        self._executor = ThreadPoolExecutor(1, "read ahead")
        self._ahead: dict[int, Future[Iterator[Block]]] = {}
        self._lock = threading.Lock()
        self._taken = self._read = 0  # last epoch whose batches were requested; last one read to its end

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
            yield from self._blocks("train", self._training)
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
        steps = -(-max(self._shares["validation"]) // self._validating.batch_size)
        return validation_batches(self._blocks("validation", self._validation), self._validating, steps=steps)

    def _blocks(self, name: str, read: Read) -> Iterable[Block]:
        """Read a share; keep it in memory after the first epoch if the shuffle buffer holds it."""
        shares = self._shares[name]
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
