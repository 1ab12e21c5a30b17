"""Uses of private interfaces of Ray: Ray Data's scheduling loop, the launched cluster's limit."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import yaml
from ray.data._internal.execution.execution_callback import ExecutionCallback

CHECKED_WITH = {"ray": "2.60"}
"""Version in which these interfaces were checked."""

_LAUNCHED = Path("~/ray_bootstrap_config.yaml").expanduser()  # written by `ray up` on the head node
SHORTEST_S, LONGEST_S = 0.01, 0.1


class SchedulerThrottle(ExecutionCallback):
    """Limit of one scheduling step every 10 ms.

    The loop waits for tasks to finish. If all have finished, but their outputs wait for room in the object store, it
    busy-waits: while films are streamed to training workers, it took four fifths of a core from them. The limit
    does not slow films down, since a task reads hundreds.
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


def autoscaler_limit(config: Path = _LAUNCHED) -> dict[str, float]:
    """Return the autoscaler's limit of CPUs and GPUs; empty if the cluster does not autoscale.

    Ray does not report it. A cluster launched by `ray up` keeps its configuration on the head node, where
    drivers run. On Kubernetes the limit is in an object of the API server, so any size is accepted there and Ray
    Train's timeout applies.
    """
    if os.environ.get("RAY_USAGE_STATS_KUBERAY_IN_USE"):
        return {"CPU": math.inf, "GPU": math.inf}
    if not config.is_file():
        return {}
    launched = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    kinds = launched.get("available_node_types", {})
    head = kinds.get(launched.get("head_node_type"), {}).get("resources", {})
    workers = [kind for name, kind in kinds.items() if name != launched.get("head_node_type")]
    limit: dict[str, float] = {}
    for resource in {name for kind in kinds.values() for name in kind.get("resources", {})}:
        room = launched.get("max_workers", 0)  # of all types together: those with most of it fill it first
        limit[resource] = float(head.get(resource, 0))
        for kind in sorted(workers, key=lambda kind: -kind.get("resources", {}).get(resource, 0)):
            nodes = min(kind.get("max_workers", 0), room)
            limit[resource] += nodes * float(kind.get("resources", {}).get(resource, 0))
            room -= nodes
    return limit
