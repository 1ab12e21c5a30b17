"""Fixed-shape numpy batches for one worker, in an order set by seed, epoch and rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.text.vocabulary import UNKNOWN

Block = dict[str, np.ndarray]
"""Films as columns: "labels" float32 [n, G]; "inputs" [n, ...], or, for a model of both inputs, "poster"
uint8 [n, H, W, 3] and "tokens" int32 [n, T]; with token ids also "lengths" int32 [n]. Token vectors would be mostly
padding, so each film's are bytes: float16 [length, D]."""
Batch = dict[str, Any]
"""Films of one step: "inputs" [B, ...], or {"poster", "tokens"} of arrays; "labels" float32 [B, G], "weights"
float32 [B]."""

# Padded lengths of batches of overviews: few, as each is compiled once; close together, to waste little padding.
LENGTHS = (8, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512)
# The columns of a block that are no inputs.
_NO_INPUTS = ("labels", "lengths")
# Relative noise on lengths when overviews are grouped by length, so that batches differ in each epoch.
_BLUR = 0.1
_RAREST = 0.005  # genres of fewer films than this share are oversampled no further


def truncate_tokens(block: Block, *, vocabulary_size: int, max_tokens: int) -> Block:
    """Return overviews as encoded with a smaller vocabulary and shorter truncation.

    Ids are ranks by frequency, so films are tokenised once for all trials of a sweep, at its largest setting.
    """
    column = _token_column(block)
    if block[column].dtype == object:
        rows = [
            row[: len(row) // n * min(n, max_tokens)] for row, n in zip(block[column], block["lengths"], strict=True)
        ]
        return {**block, column: bytes_array(rows), "lengths": np.minimum(block["lengths"], max_tokens)}
    ids = block[column][:, :max_tokens]
    return {
        **block,
        column: np.where(ids < vocabulary_size, ids, UNKNOWN),
        "lengths": np.minimum(block["lengths"], max_tokens),
    }


def bytes_array(rows: Sequence[bytes]) -> np.ndarray:
    """Return bytes as an object array [n]: numpy's bytes type would drop trailing zeros."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def pad_vectors(rows: Sequence[bytes], lengths: np.ndarray, longest: int) -> np.ndarray:
    """Return token vectors float16 [n, longest, D], zero-padded. Each row is the bytes of [length, D]."""
    units = len(rows[0]) // (2 * int(lengths[0]))
    padded = np.zeros((len(rows), longest, units), np.float16)
    for film, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        padded[film, :length] = np.frombuffer(row, np.float16).reshape(length, units)
    return padded


def _token_column(block: Block) -> str:
    """Return the name of the column with token ids or vectors, of which "lengths" are."""
    return next(
        name
        for name, column in block.items()
        if name not in _NO_INPUTS
        and (column.dtype == object or (column.ndim == 2 and np.issubdtype(column.dtype, np.integer)))
    )


@dataclass(frozen=True)
class BatchConfig:
    """Batching options of one worker."""

    batch_size: int
    """Films in each of this worker's batches."""
    shuffle_buffer: int = 16_384
    """Films held in memory to sample batches from; shuffling is complete where it holds all films."""
    oversample_share: float = 0.0
    """Share of a training epoch's films sampled with replacement in favour of rare genres, 0 to 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.oversample_share <= 1:
            raise ValueError(f"oversampling must be 0 to 1, not {self.oversample_share}")


def training_batches(
    blocks: Iterable[Block], batching: BatchConfig, *, seed: int, epoch: int, rank: int, steps: int | None = None
) -> Iterator[Batch]:
    """Yield an epoch's batches in an order set by (seed, epoch, rank).

    Every film is yielded once. With `oversample_share`, that share of each window is resampled with probability
    proportional to 1 / (films in the window of the film's rarest genre). The rest is a random subset, each film once;
    the number of films and batches does not change.

    Each batch has exactly `batch_size` rows: "weights" is 1 for a film and 0 for padding, which repeats earlier films.
    Overviews are batched by similar length and padded to the smallest of `LENGTHS` that fits. The order of lengths is
    the same on every rank, so that workers have equal work in each step. With `steps`, batches of weight 0 are added
    up to that number.
    """
    rng = np.random.default_rng([seed, epoch, rank])
    shared_rng = np.random.default_rng([seed, epoch])
    yield from _pad_to_steps(_batches(blocks, batching, rng, shared_rng), steps)


def validation_batches(blocks: Iterable[Block], batching: BatchConfig, *, steps: int | None = None) -> Iterator[Batch]:
    """Yield every film once, in a fixed order, in batches as `training_batches` does."""
    yield from _pad_to_steps(_batches(blocks, batching, None, None), steps)


def _batches(
    blocks: Iterable[Block],
    batching: BatchConfig,
    rng: np.random.Generator | None,
    shared_rng: np.random.Generator | None,
) -> Iterator[Batch]:
    size = batching.batch_size
    # A multiple of the batch size, so that only the last window ends in a padded batch.
    for window in _windows(blocks, max(size, batching.shuffle_buffer // size * size)):
        rows = _order(window, rng, batching.oversample_share)
        starts = np.arange(0, len(rows), size)
        if shared_rng is not None and "lengths" in window:
            # The padded batch stays last: shards differ by one film at most, so every rank has equally many full
            # batches and shuffles them alike.
            shared_rng.shuffle(starts[: len(rows) // size])
        for start in starts.tolist():
            yield _batch(window, rows, start, size)


def _order(window: Block, rng: np.random.Generator | None, oversample_share: float) -> np.ndarray:
    """Return a window's row numbers in batch order, not shuffled without `rng`."""
    count = len(window["labels"])
    rows = np.arange(count) if rng is None else rng.permutation(count)
    if rng is not None and oversample_share:
        rows = _oversampled(rows, window["labels"], rng, oversample_share)
    if "lengths" not in window:
        return rows
    lengths = window["lengths"][rows].astype(np.float64)
    if rng is not None:
        lengths *= 1 + rng.uniform(-_BLUR, _BLUR, count)
    return rows[np.argsort(lengths, kind="stable")]


def _oversampled(rows: np.ndarray, labels: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Return equally many row numbers, a share of them resampled by rarest genre."""
    count = round(share * len(rows))
    # With a lower bound, or the few films of a very rare genre would be in every batch.
    counts = np.maximum((labels > 0).sum(axis=0), max(1, _RAREST * len(rows)))
    # A film without a genre counts as one of the most common genre.
    chance = np.max(np.where(labels > 0, 1 / counts, 1 / counts.max()), axis=1)
    resampled = rng.choice(len(rows), count, p=chance / chance.sum())
    return rng.permutation(np.concatenate([rows[: len(rows) - count], resampled]))


def _batch(window: Block, order: np.ndarray, start: int, size: int) -> Batch:
    """Return the batch of exactly `size` rows from `start`, padded with rows of weight 0.

    Padding is the preceding films, each once. Batch normalisation sees padding too, and copies of one film would
    dominate its statistics when the epoch is evaluated.
    """
    rows = order[start : start + size]
    weights = np.zeros(size, np.float32)
    weights[: len(rows)] = 1
    if len(rows) < size:
        before = order[max(0, start - (size - len(rows))) : start]
        rows = np.resize(np.concatenate([rows, before]), size)  # a small window is repeated
    parts = {name: column for name, column in window.items() if name not in _NO_INPUTS}
    if "lengths" in window:
        column = _token_column(window)
        ids, lengths = parts[column], window["lengths"]
        longest = int(lengths[rows].max())
        if ids.dtype != object:
            parts[column] = ids[:, : padded_length(longest, ids.shape[1])]
    cut = {name: part[rows] for name, part in parts.items()}
    if "lengths" in window and ids.dtype == object:
        cut[column] = pad_vectors(cut[column], lengths[rows], padded_length(longest, LENGTHS[-1]))
    return {"inputs": cut.get("inputs", cut), "labels": window["labels"][rows], "weights": weights}


def padded_length(longest: int, most: int) -> int:
    """Return the smallest of `LENGTHS` that fits `longest` tokens, at most `most`."""
    return next((length for length in LENGTHS if longest <= length <= most), most)


def _windows(blocks: Iterable[Block], most: int) -> Iterator[Block]:
    """Yield blocks joined into windows of exactly `most` films, the last one smaller."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block["labels"])
        while count >= most:
            joined = join_blocks(held)
            yield {name: column[:most] for name, column in joined.items()}
            held = [{name: column[most:] for name, column in joined.items()}]
            count -= most
    if count:
        yield join_blocks(held)


def join_blocks(blocks: list[Block]) -> Block:
    """Concatenate blocks."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _pad_to_steps(batches: Iterator[Batch], steps: int | None) -> Iterator[Batch]:
    """Yield exactly `steps` batches: synchronous workers must take equally many steps."""
    last: Batch | None = None
    done = 0
    for last in batches:
        # Raised before the extra step, which would wait for the other workers forever.
        if done == steps:
            raise ValueError(f"a worker got films for more than the {steps} steps agreed")
        done += 1
        yield last
    if steps is None:
        return
    if last is None:
        raise ValueError(f"a worker got no films where {steps} steps were agreed")
    for _ in range(steps - done):
        yield {**last, "weights": np.zeros_like(last["weights"])}
