"""A watch over the nodes of a run's workers: says at once which is gone, and ends the wait for another in time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from ray_jobs.cli.console import counted
from ray_jobs.cli.options import WorkerRange

LOOKS_EVERY_S = 1.0
_NO_ROOM_S, _BUSY_S = 20.0, 120.0  # a start that takes longer is said; with room, others may use the cluster

Nodes = Callable[[], Sequence[Mapping[str, Any]]]
"""Lists the nodes as `ray.nodes` does."""


@dataclass(frozen=True)
class WorkerStarted:
    """Message of a worker that begins to train."""

    rank: int
    workers: int
    """Workers of its group."""
    node: str
    """Id of its node."""
    address: str
    """Address of its node."""


class NodeWatch:
    """Watch over the nodes of a run's workers."""

    def __init__(
        self,
        workers: WorkerRange,
        per_worker: Mapping[str, float],
        *,
        patience_s: float,
        tell: Callable[[str], None],
        nodes: Nodes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a watch.

        Args:
            workers: the fewest and the most workers of the run.
            per_worker: Ray resources of each worker.
            patience_s: longest wait for nodes, at the start and after a loss.
            tell: takes a line for the user.
            nodes: lists the nodes; by default those of the cluster.
            clock: seconds.
        """
        self._workers, self._per_worker, self.patience_s = workers, per_worker, patience_s
        self._tell, self._nodes, self._clock = tell, nodes or ray.nodes, clock
        self._lock = threading.Lock()
        self._group: dict[int, WorkerStarted] = {}
        self._lost: set[str] = set()
        self._before = 0  # workers of the last complete group
        self._waits_since: float | None = clock()
        self._said_no_room = False
        self.gave_up = ""
        """Reason why the wait has ended, or ""."""

    def started(self, message: WorkerStarted) -> None:
        """Record a worker that begins to train."""
        with self._lock:
            if message.rank in self._group or any(one.workers != message.workers for one in self._group.values()):
                self._group = {}  # of the group before
            self._group[message.rank] = message
            if len(self._group) < message.workers:
                return
            if self._before:
                before = "" if self._before == message.workers else f", {self._before} before"
                self._tell(f"Training goes on with {counted(message.workers, 'worker')}{before}")
            self._before, self._waits_since = message.workers, None

    def look(self) -> None:
        """Look at the nodes once."""
        nodes = self._nodes()
        alive = [node for node in nodes if node["Alive"]]
        with self._lock:
            ids = {node["NodeID"] for node in alive}
            gone = {one.node: one.address for one in self._group.values() if one.node not in ids} if ids else {}
            for node, address in gone.items():
                if node not in self._lost:
                    self._lost.add(node)
                    self._say_gone(address, ids, self._room(alive))
            waited = self._clock() - self._waits_since if self._waits_since is not None else 0.0
            no_room = self._room(alive) < self._workers.least
            if waited > (_NO_ROOM_S if no_room else _BUSY_S) and not self._before and not self._said_no_room:
                self._said_no_room = True
                why = (
                    f"The cluster has no room for {self._workers} yet"
                    if no_room
                    else "The workers have not started yet"
                )
                self._tell(f"{why}: waiting up to {self.patience_s / 60:g} min")
            if waited > self.patience_s and not self.gave_up:
                self.gave_up = (
                    f"waited {self.patience_s / 60:g} min for nodes: {self._workers} of "
                    f"{self._per_worker.get('CPU', 0):g} CPU do not fit on the {counted(len(ids), 'node')} there are"
                )

    def _say_gone(self, address: str, ids: set[str], room: int) -> None:
        of = len(self._group)
        left = sum(one.node in ids for one in self._group.values())
        text = f"Node {address} is gone, {left} of {counted(of, 'worker')} left: "
        if room >= self._workers.least:
            again = min(room, self._workers.most)
            text += "starting again on the other nodes" if again == of else f"going on with {counted(again, 'worker')}"
        else:
            resume = f"stop and resume with --workers {left}" if left else "stop and resume later"
            text += f"waiting up to {self.patience_s / 60:g} min for another, or {resume}"
        self._tell(text)
        if self._waits_since is None:
            self._waits_since = self._clock()

    def _room(self, alive: Sequence[Mapping[str, Any]]) -> int:
        """Return the number of workers that fit on the nodes, were nothing else running there."""
        wanted = {name: amount for name, amount in self._per_worker.items() if amount > 0}
        return sum(
            int(min(node.get("Resources", {}).get(name, 0.0) / amount for name, amount in wanted.items()) + 1e-6)
            for node in alive
        )

    @contextlib.contextmanager
    def watching(self, give_up: Callable[[], None]) -> Iterator[None]:
        """Look every second during the block; `give_up` ends a run whose nodes have not come."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LOOKS_EVERY_S):
                with contextlib.suppress(Exception):  # the head is gone: the run says so itself
                    self.look()
                if self.gave_up:
                    give_up()
                    return

        thread = threading.Thread(target=watch, daemon=True, name="nodes")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=5)
