"""Batches for one worker: blocks of films to numpy of fixed shapes, in an order that seed, epoch and rank set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.text.vocabulary import UNKNOWN

Block = dict[str, np.ndarray]
"""Films as columns: "labels" float32 [n, G]; "inputs" [n, ...], or, for a model that sees both, "poster" uint8
[n, H, W, 3] and "tokens" int32 [n, T]; with token ids "lengths" int32 [n]. Vectors of tokens, which would be mostly
padding, are bytes: float16 [length, D] for each film."""
Batch = dict[str, Any]
"""Films to compute at once: "inputs" [B, ...], or {"poster", "tokens"} of arrays; "labels" float32 [B, G], "weights"
float32 [B]."""

# Padded lengths that batches of overviews may have: few enough to compile each once, close enough to waste little.
LENGTHS = (8, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512)
# The columns of a block that are a model's inputs where it has more than one.
_PARTS = ("poster", "tokens")
# Overviews are grouped by length blurred by this share, so that batches mix differently in each epoch.
_BLUR = 0.1
_RAREST = 0.005  # share of the films below which a genre's rarity no longer counts for oversampling


def truncate_tokens(block: Block, *, vocabulary_size: int, max_tokens: int) -> Block:
    """Return overviews as a smaller vocabulary and a shorter cut would have encoded them.

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
    """Return bytes as an object array [n]: numpy's own type for them would drop zeros at their end."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def pad_vectors(rows: Sequence[bytes], lengths: np.ndarray, longest: int) -> np.ndarray:
    """Return vectors of tokens float16 [n, longest, D], padded with 0, from bytes of [length, D] each."""
    units = len(rows[0]) // (2 * int(lengths[0]))
    padded = np.zeros((len(rows), longest, units), np.float16)
    for film, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        padded[film, :length] = np.frombuffer(row, np.float16).reshape(length, units)
    return padded


def _token_column(block: Block) -> str:
    """Return where a block of overviews has its token ids."""
    return "tokens" if "tokens" in block else "inputs"


@dataclass(frozen=True)
class BatchConfig:
    """Batch settings of one worker."""

    batch_size: int
    """Films in each of this worker's batches."""
    shuffle_buffer: int = 16_384
    """Films held in memory to draw batches from; where it holds all, shuffling is complete."""
    oversample_share: float = 0.0
    """Share of a training epoch's films that are drawn, with replacement, in favour of rare genres, 0 to 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.oversample_share <= 1:
            raise ValueError(f"oversampling must be 0 to 1, not {self.oversample_share}")


def training_batches(
    blocks: Iterable[Block], batching: BatchConfig, *, seed: int, epoch: int, rank: int, steps: int | None = None
) -> Iterator[Batch]:
    """Yield an epoch's batches in an order set by (seed, epoch, rank).

    Every film comes once. With `oversample_share` that share of each window's places goes to films drawn anew, a film's
    chance being that of its rarest genre: one over the genre's films in the window. The others go to films that come
    once, drawn at random; films and batches are as many as without it.

    Each batch has exactly `batch_size` rows: "weights" is 1 for a film and 0 for a row that only fills the last batch,
    with a film that came before. Overviews come in batches of like length, cut to the least of `LENGTHS` that holds
    them; the order of lengths is the same on every rank, so that workers that step together have like much to do. With
    `steps`, batches that count nothing are added up to that number.
    """
    films = np.random.default_rng([seed, epoch, rank])
    together = np.random.default_rng([seed, epoch])
    yield from _pad_to_steps(_batches(blocks, batching, films, together), steps)


def validation_batches(blocks: Iterable[Block], batching: BatchConfig, *, steps: int | None = None) -> Iterator[Batch]:
    """Yield every film once, in a fixed order, in batches like `training_batches`' own."""
    yield from _pad_to_steps(_batches(blocks, batching, None, None), steps)


def _batches(
    blocks: Iterable[Block],
    batching: BatchConfig,
    films: np.random.Generator | None,
    together: np.random.Generator | None,
) -> Iterator[Batch]:
    size = batching.batch_size
    # Whole batches only, so that no window but the last ends in a batch to be filled.
    for window in _windows(blocks, max(size, batching.shuffle_buffer // size * size)):
        rows = _order(window, films, batching.oversample_share)
        starts = np.arange(0, len(rows), size)
        if together is not None and "lengths" in window:
            # A batch to be filled stays last: shares differ by a film at most, so that every rank has as many full
            # batches, and shuffles them alike.
            together.shuffle(starts[: len(rows) // size])
        for start in starts.tolist():
            yield _batch(window, rows, start, size)


def _order(window: Block, films: np.random.Generator | None, oversample_share: float) -> np.ndarray:
    """Return the row numbers of a window in the order they are cut into batches; without `films` the films' own."""
    count = len(window["labels"])
    rows = np.arange(count) if films is None else films.permutation(count)
    if films is not None and oversample_share:
        rows = _oversampled(rows, window["labels"], films, oversample_share)
    if "lengths" not in window:
        return rows
    lengths = window["lengths"][rows].astype(np.float64)
    if films is not None:
        lengths *= 1 + films.uniform(-_BLUR, _BLUR, count)
    return rows[np.argsort(lengths, kind="stable")]


def _oversampled(rows: np.ndarray, labels: np.ndarray, films: np.random.Generator, share: float) -> np.ndarray:
    """Return as many row numbers, a share of them drawn by their rarest genre in the place of the last ones."""
    drawn = round(share * len(rows))
    # A genre of fewer films than that counts as if it had so many, or its handful would come back in every batch.
    counts = np.maximum((labels > 0).sum(axis=0), max(1, _RAREST * len(rows)))
    # A film of no genre counts like one of the commonest.
    chance = np.max(np.where(labels > 0, 1 / counts, 1 / counts.max()), axis=1)
    again = films.choice(len(rows), drawn, p=chance / chance.sum())
    return films.permutation(np.concatenate([rows[: len(rows) - drawn], again]))


def _batch(window: Block, order: np.ndarray, start: int, size: int) -> Batch:
    """Cut the batch of exactly `size` rows that begins at `start`; missing rows are filled up, with weight 0.

    Films of the batch before fill it, each once: batch normalisation sees rows that count nothing too, and copies of
    one film would be most of what it knows when the epoch is evaluated.
    """
    rows = order[start : start + size]
    weights = np.zeros(size, np.float32)
    weights[: len(rows)] = 1
    if len(rows) < size:
        before = order[max(0, start - (size - len(rows))) : start]
        rows = np.resize(np.concatenate([rows, before]), size)  # where the window has no more films, all come again
    parts = {name: window[name] for name in ("inputs", *_PARTS) if name in window}
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
    """Return the least of `LENGTHS` that holds `longest` tokens, at most `most`."""
    return next((length for length in LENGTHS if longest <= length <= most), most)


def _windows(blocks: Iterable[Block], most: int) -> Iterator[Block]:
    """Join blocks into windows of exactly `most` films, the last one smaller."""
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
    """Join blocks into one, in their order."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _pad_to_steps(batches: Iterator[Batch], steps: int | None) -> Iterator[Batch]:
    """Yield exactly `steps` batches: workers that step together must take equally many steps."""
    last: Batch | None = None
    done = 0
    for last in batches:
        # Said before the step too many is taken: it would wait for the other workers for ever.
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
