"""Batches of films that wait while networks compute.

`ray.serve.batch` (2.60) closes a batch before the one in progress has ended: under load films then wait in many small
batches, which networks take several times as long for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Gathers items of one event loop into batches, which are computed one after the other."""

    def __init__(
        self, compute: Callable[[list[Item]], Awaitable[list[Result]]], *, most: int, wait_s: float = 0.0
    ) -> None:
        """Batch calls of a function.

        Args:
            compute: items -> the result of each; never called again before it has ended.
            most: items in a batch, at most.
            wait_s: seconds that an item waits for others, unless the batch is full before.
        """
        self._compute, self._most, self._wait_s = compute, most, wait_s
        self._waiting: list[tuple[Item, asyncio.Future[Result], float]] = []
        self._full = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Compute an item with those that come at about the same time; raises what the function raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future, loop.time()))
        if len(self._waiting) >= self._most:
            self._full.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        """Compute batches until no item waits."""
        while self._waiting:
            await self._gather()
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if len(self._waiting) < self._most:
                self._full.clear()
            # Those who asked may be gone.
            batch = [one for one in batch if not one[1].done()]
            if batch:
                await self._answer(batch)

    async def _gather(self) -> None:
        """Wait until the batch is full, or its first item has waited long enough: it did while others computed."""
        left = self._waiting[0][2] + self._wait_s - asyncio.get_running_loop().time()
        if left > 0 and len(self._waiting) < self._most:
            try:
                await asyncio.wait_for(self._full.wait(), left)
            except TimeoutError:
                return

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Result], float]]) -> None:
        try:
            results = await self._compute([item for item, _, _ in batch])
        except Exception as error:  # whatever it is, each of them gets it
            for _, future, _ in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future, _), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
