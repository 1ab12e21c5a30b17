"""The board: where work on any node leaves word for the driver to show, and finds what the driver hands out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import ray

_EVERY_S = 0.5


class _Messages:
    """Holds messages until the driver takes them, and what the driver hands out until it is asked for."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._handed: Any = None
        self._there = asyncio.Event()

    def send(self, message: Any) -> None:
        """Leave a message."""
        self._messages.append(message)

    def drain(self) -> list[Any]:
        """Take all messages left so far."""
        taken, self._messages = self._messages, []
        return taken

    def publish(self, what: Any) -> None:
        """Keep this for whoever asks."""
        self._handed = what
        self._there.set()

    async def received(self) -> Any:
        """Wait for the value that the driver publishes, and return it."""
        await self._there.wait()
        return self._handed


class ProgressChannel:
    """Runs `show` in the driver for every message that workers post, in order, while the `with` block lasts."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        self.actor = ray.remote(num_cpus=0)(_Messages).remote()
        self._show = show
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="board")

    def __enter__(self) -> ProgressChannel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=10)
        ray.kill(self.actor)

    def _watch(self) -> None:
        while True:
            last = self._over.wait(_EVERY_S)
            try:
                messages = ray.get(self.actor.drain.remote(), timeout=30)
            except ray.exceptions.RayError:  # progress is not worth a run: the run itself reports what broke
                return
            for message in messages:
                self._show(message)
            if last:
                return
