"""Throttling of Ray Data's scheduling loop, which would otherwise busy-wait."""

from __future__ import annotations

import time
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

SHORTEST_S, LONGEST_S = 0.01, 0.1


class SchedulerThrottle(ExecutionCallback):
    """Limit of one scheduling step every 10 ms.

    The loop waits for tasks to finish. If all have finished, but their outputs wait for room in the object store, it
    busy-waits: while films are streamed to training workers, it took four fifths of a core from them (Ray 2.60). The
    limit does not slow films down, since a task reads hundreds.
    """

    longest_s = SHORTEST_S

    def __init__(self) -> None:
        self._stepped = 0.0
        self._pause = SHORTEST_S

    def on_execution_step(self, executor: Any) -> None:
        """Sleep until the next step is due. Double the pause after each idle step."""
        del executor
        took = time.monotonic() - self._stepped
        self._pause = min(2 * self._pause, self.longest_s) if took < SHORTEST_S / 2 else SHORTEST_S
        time.sleep(max(0.0, self._pause - took))
        self._stepped = time.monotonic()


class IdleThrottle(SchedulerThrottle):
    """Limit of one idle step every 100 ms, for films streamed to training workers.

    A hundred steps a second took 13 % of a core from them. Without training workers, the longer pauses would leave
    cores idle between tasks.
    """

    longest_s = LONGEST_S
