"""Progress channel: workers on any node send messages to the driver, and receive what it publishes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_EVERY_S = 0.5


class _Messages:
    """Actor that queues messages for the driver, and holds the value that the driver publishes."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._value: Any = None
        self._published = asyncio.Event()

    def send(self, message: Any) -> None:
        """Queue a message."""
        self._messages.append(message)

    def drain(self) -> list[Any]:
        """Remove and return all queued messages."""
        taken, self._messages = self._messages, []
        return taken

    def publish(self, value: Any) -> None:
        """Publish a value to all workers."""
        self._value = value
        self._published.set()

    async def received(self) -> Any:
        """Wait for the published value, and return it."""
        await self._published.wait()
        return self._value


class ProgressChannel:
    """Context manager that runs `show` in the driver on every message, in order."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        # On the driver's node, whose loss ends the run anyway: any other may go.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.actor = ray.remote(num_cpus=0, scheduling_strategy=here)(_Messages).remote()
        self._show = show
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="progress")

    def __enter__(self) -> ProgressChannel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join(timeout=10)
        ray.kill(self.actor)

    def _watch(self) -> None:
        while True:
            last = self._closed.wait(_EVERY_S)
            try:
                messages = ray.get(self.actor.drain.remote(), timeout=30)
            except ray.exceptions.RayError:  # lost progress must not fail a run, which reports its own errors
                return
            for message in messages:
                self._show(message)
            if last:
                return
