"""Films held in Ray's object store, of which each worker reads its own consecutive rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
import ray.data
from ray.data.block import BlockAccessor

from datasets.batches.batching import Block

_AHEAD = 2  # blocks that are fetched from other nodes while one is used


@dataclass(frozen=True)
class HeldFilms:
    """References to a split's blocks in the object store, in order.

    They are not cut into shares: the number of workers may change during a run, and a cut would be a task of a whole
    CPU, which waits for ever if it is repeated after the loss of a node, beside workers that hold all CPUs.
    """

    refs: tuple[Any, ...]
    rows: tuple[int, ...]
    """Films in each block."""

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """Yield the films from `start` to `stop` as numpy, without copying."""
        parts, first = [], 0
        for ref, rows in zip(self.refs, self.rows, strict=True):
            low, high = max(start, first), min(stop, first + rows)
            if low < high:
                parts.append((ref, low - first, high - first))
            first += rows
        for place, (ref, low, high) in enumerate(parts):
            ahead = [other for other, _, _ in parts[place + 1 : place + 1 + _AHEAD]]
            if ahead:
                ray.wait(ahead, num_returns=len(ahead), timeout=0, fetch_local=True)
            block = BlockAccessor.for_block(ray.get(ref)).to_batch_format("numpy")
            yield {name: column[low:high] for name, column in block.items()}


def hold(films: ray.data.Dataset) -> HeldFilms:
    """Materialise a dataset in the object store."""
    entries = [entry for bundle in films.materialize().iter_internal_ref_bundles() for entry in bundle.blocks]
    return HeldFilms(tuple(entry.ref for entry in entries), tuple(entry.metadata.num_rows for entry in entries))
