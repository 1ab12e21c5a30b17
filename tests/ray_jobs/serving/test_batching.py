"""Batches of what waits while the batch before is computed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ray_jobs.serving.batching import Batcher


class Doubling:
    """Doubles numbers, each batch when it is let go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = asyncio.Event()

    async def __call__(self, numbers: list[int]) -> list[int]:
        self.batches.append(numbers)
        await self.go_on.wait()
        return [2 * number for number in numbers]


def run(check: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(check(), 20))  # type: ignore[arg-type]


async def settled() -> None:
    """Let all that can go on without more time go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_comes_while_a_batch_is_computed_is_the_next_one() -> None:
    async def check() -> None:
        double = Doubling()
        batcher = Batcher(double, most=3)
        first = asyncio.create_task(batcher(0))
        await settled()
        others = [asyncio.create_task(batcher(number)) for number in (1, 2, 3, 4)]
        await settled()
        assert double.batches == [[0]]
        double.go_on.set()
        assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8]
        assert double.batches == [[0], [1, 2, 3], [4]]
        assert await batcher(5) == 10  # after it had nothing to do

    run(check)


def test_items_wait_for_others_unless_the_batch_is_full() -> None:
    async def check() -> None:
        double = Doubling()
        double.go_on.set()
        batcher = Batcher(double, most=2, wait_s=0.2)
        started = time.monotonic()
        assert await batcher(1) == 2
        assert time.monotonic() - started >= 0.19
        never = Batcher(double, most=2, wait_s=1000)
        assert await asyncio.gather(never(3), never(4)) == [6, 8]
        assert double.batches == [[1], [3, 4]]

    run(check)


def test_an_error_is_everyones_and_who_has_gone_is_left_out() -> None:
    async def check() -> None:
        double = Doubling()

        async def fail(numbers: list[int]) -> list[Any]:
            await double(numbers)
            raise ValueError("the network failed")

        batcher = Batcher(fail, most=4)
        first = asyncio.create_task(batcher(0))
        await settled()
        others = [asyncio.create_task(batcher(number)) for number in (1, 2, 3)]
        await settled()
        others[1].cancel()
        double.go_on.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        assert [type(one) for one in found] == [ValueError, ValueError, asyncio.CancelledError, ValueError]
        assert double.batches == [[0], [1, 3]]
        with pytest.raises(ValueError, match="the network failed"):
            await batcher(4)

    run(check)
