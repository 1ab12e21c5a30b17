"""The board: where work on any node leaves word of how far it is, and from where the driver shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ray

_EVERY_S = 0.5


class _Messages:
    """Holds messages until the driver takes them."""

    def __init__(self) -> None:
        self._messages: list[Any] = []

    def post(self, message: Any) -> None:
        """Leave a message."""
        self._messages.append(message)

    def take(self) -> list[Any]:
        """Take all messages left so far."""
        taken, self._messages = self._messages, []
        return taken


class Board:
    """Runs `show` in the driver for every message that workers post, in order, while the `with` block lasts."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        self.actor = ray.remote(num_cpus=0)(_Messages).remote()
        self._show = show
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="board")

    def __enter__(self) -> Board:
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
                messages = ray.get(self.actor.take.remote(), timeout=30)
            except ray.exceptions.RayError:  # progress is not worth a run: the run itself reports what broke
                return
            for message in messages:
                self._show(message)
            if last:
                return
