"""Batches made ready in a thread of their own, while the step before them computes; several at a time if asked."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

_AHEAD = 2  # batches made ready and not yet taken

Batch = TypeVar("Batch")
Ready = TypeVar("Ready")


class prefetch(Generic[Batch, Ready]):  # noqa: N801  (reads as a verb where it is used: `with loaded_ahead(...)`)
    """Iterate batches as `load` returns them; errors of the batches or of `load` are raised where they are read."""

    _END = object()

    def __init__(self, batches: Iterable[Batch], load: Callable[[Batch], Ready]) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(batches, load), daemon=True, name="batches")

    def __enter__(self) -> Iterator[Ready]:
        self._thread.start()
        return self._drain()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=60)

    def _drain(self) -> Iterator[Ready]:
        while (item := self._queue.get()) is not self._END:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _fill(self, batches: Iterable[Batch], load: Callable[[Batch], Ready]) -> None:
        try:
            for batch in batches:
                if not self._put(load(batch)):
                    return
            self._put(self._END)
        except BaseException as error:  # handed to the training thread, which raises it
            self._put(error)

    def _put(self, item: Any) -> bool:
        """Queue an item; return False once nobody reads any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False


def stack_batches(batches: Iterable[dict[str, Any]], steps: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield batches in their order: `steps` that follow each other and have one shape as (steps, their stack
    [steps, B, ...]), all others one by one as (1, batch).

    Args:
        batches: dicts of arrays, or of dicts of arrays.
        steps: batches in a stack; 1 stacks none.
    """
    held: list[dict[str, Any]] = []
    for batch in batches:
        if steps > 1 and held and _shapes(batch) != _shapes(held[0]):
            yield from ((1, one) for one in held)
            held = []
        held.append(batch)
        if len(held) == steps:
            yield (1, batch) if steps == 1 else (steps, _stacked(held))
            held = []
    yield from ((1, one) for one in held)


def _shapes(batch: Any) -> Any:
    if isinstance(batch, dict):
        return {name: _shapes(part) for name, part in batch.items()}
    return batch.shape


def _stacked(parts: list[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {name: _stacked([part[name] for part in parts]) for name in parts[0]}
    return np.stack(parts)
