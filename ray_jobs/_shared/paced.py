"""Ray Data's scheduling loop, kept from spinning."""

from __future__ import annotations

import time
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

STEP_S = 0.01


class Paced(ExecutionCallback):
    """Lets the loop take a step no more often than every 10 ms.

    It waits for tasks to finish. Where all of them have, and what they made must stay with them until the object store
    has room, it waits for nothing: while films are streamed to workers that train, it took four fifths of a core from
    them (Ray 2.60). A film is not slower for it, since a task reads hundreds.
    """

    def __init__(self) -> None:
        self._stepped = 0.0

    def on_execution_step(self, executor: Any) -> None:
        """Wait for the next step's time, if it has not come."""
        del executor
        time.sleep(max(0.0, self._stepped + STEP_S - time.monotonic()))
        self._stepped = time.monotonic()
