"""Ray Data's scheduling loop, kept from spinning."""

from __future__ import annotations

import time
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

SHORTEST_S, LONGEST_S = 0.01, 0.1


class SchedulerThrottle(ExecutionCallback):
    """Lets the loop take a step no more often than every 10 ms.

    It waits for tasks to finish. Where all of them have, and what they made must stay with them until the object store
    has room, it waits for nothing: while films are streamed to workers that train, it took four fifths of a core from
    them (Ray 2.60). A film is not slower for it, since a task reads hundreds.
    """

    longest_s = SHORTEST_S

    def __init__(self) -> None:
        self._stepped = 0.0
        self._pause = SHORTEST_S

    def on_execution_step(self, executor: Any) -> None:
        """Wait for the next step's time, if it has not come; longer each time that the step waited for nothing."""
        del executor
        took = time.monotonic() - self._stepped
        self._pause = min(2 * self._pause, self.longest_s) if took < SHORTEST_S / 2 else SHORTEST_S
        time.sleep(max(0.0, self._pause - took))
        self._stepped = time.monotonic()


class IdleThrottle(SchedulerThrottle):
    """Lets it take one every 100 ms where it finds nothing to do: for films streamed to workers that train.

    A hundred steps a second took 13 % of a core from them. Where tasks are all there is, the longer pauses would leave
    cores idle between two of them.
    """

    longest_s = LONGEST_S
