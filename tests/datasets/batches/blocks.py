"""Blocks of films that can be told apart in any batch, as a store's stream gives them to
`datasets.batches.batching`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from datasets.batches.batching import Batch, BatchConfig, Block, training_batches

MAX_TOKENS = 256


def posters(films: int, block: int = 7) -> Iterator[Block]:
    """Films that can be told apart: film i is a picture of value i, and its label is i."""
    for start in range(0, films, block):
        numbers = np.arange(start, min(start + block, films), dtype=np.int32)
        yield {
            "inputs": np.broadcast_to(numbers[:, None, None, None], (len(numbers), 2, 2, 3)).copy(),
            "labels": numbers[:, None].astype(np.float32),
        }


def long_tailed(films: int, seed: int = 0) -> np.ndarray:
    """Lengths as overviews have them: most of some 30 tokens, a few of hundreds."""
    lengths = np.exp(np.random.default_rng(seed).normal(3.5, 0.7, films))
    return np.clip(lengths, 1, MAX_TOKENS).astype(np.int32)


def overviews(lengths: np.ndarray, block: int = 100) -> Iterator[Block]:
    """Film i has the token i + 1 as often as it is long."""
    for start in range(0, len(lengths), block):
        some = lengths[start : start + block]
        numbers = np.arange(start, start + len(some), dtype=np.int32)
        tokens = np.where(np.arange(MAX_TOKENS) < some[:, None], numbers[:, None] + 1, 0).astype(np.int32)
        yield {"inputs": tokens, "lengths": some, "labels": numbers[:, None].astype(np.float32)}


def both(lengths: np.ndarray, block: int = 100) -> Iterator[Block]:
    """Film i has a poster of value i, and the token i + 1 as often as it is long."""
    for seen, read in zip(posters(len(lengths), block), overviews(lengths, block), strict=True):
        yield {"poster": seen["inputs"], "tokens": read["inputs"], "lengths": read["lengths"], "labels": seen["labels"]}


def epoch_of(blocks: Iterator[Block], size: int = 4, window: int = 1000, **order: Any) -> list[Batch]:
    return list(training_batches(blocks, BatchConfig(size, window), **{"seed": 0, "epoch": 1, "rank": 0, **order}))


def films_of(batches: list[Batch]) -> list[int]:
    """The films of batches in their order, filling left out, after a look at whether rows belong together."""
    found: list[int] = []
    for batch in batches:
        inputs = batch["inputs"]
        for part in inputs.values() if isinstance(inputs, dict) else [inputs]:
            first = part.reshape(len(part), -1)[:, 0]
            shift = 1 if part.ndim == 2 else 0
            assert (first - shift).tolist() == batch["labels"][:, 0].tolist()
        found += batch["labels"][batch["weights"] > 0, 0].astype(int).tolist()
    return found
