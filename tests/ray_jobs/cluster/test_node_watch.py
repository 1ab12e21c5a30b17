"""Messages on nodes that go and come, and the end of the wait for them."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jobs.cli.options import WorkerRange
from ray_jobs.cluster.node_watch import NodeWatch, WorkerStarted


class Cluster:
    """A list of nodes, a clock, and a watch over both."""

    def __init__(self, workers: str, *nodes: str, minutes: float = 20) -> None:
        self.alive = dict.fromkeys(nodes, True)
        self.now, self.said = 0.0, list[str]()
        self.watch = NodeWatch(
            WorkerRange.parse(workers),
            {"CPU": 0.9},
            patience_s=60 * minutes,
            tell=lambda line: self.said.append(line),
            nodes=self.nodes,
            clock=lambda: self.now,
        )

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"NodeID": f"id of {name}", "NodeManagerAddress": name, "Alive": alive, "Resources": {"CPU": 1.0}}
            for name, alive in self.alive.items()
        ]

    def start(self, *nodes: str) -> None:
        """Start a worker on each of these nodes."""
        for rank, name in enumerate(nodes):
            self.watch.started(WorkerStarted(rank, len(nodes), f"id of {name}", name))

    def look(self, after: float = 1.0) -> list[str]:
        """Look once after some seconds; return what is said since the last look."""
        self.now += after
        self.watch.look()
        said, self.said = self.said, []
        return said


def test_a_lost_node_is_said_at_once_and_once() -> None:
    cluster = Cluster("2", "10.0.0.6", "10.0.0.7")
    cluster.start("10.0.0.6", "10.0.0.7")
    assert cluster.look(600) == []
    cluster.alive["10.0.0.7"] = False
    assert cluster.look() == [
        "Node 10.0.0.7 is gone, 1 of 2 workers left: waiting up to 20 min for another, or stop and resume with "
        "--workers 1"
    ]
    assert cluster.look(600) == []
    cluster.alive["10.0.0.8"] = True
    cluster.start("10.0.0.6", "10.0.0.8")
    assert cluster.look() == ["Training goes on with 2 workers"]
    assert cluster.look(3600) == [] and not cluster.watch.gave_up


def test_the_wait_ends_after_the_patience_that_was_asked_for() -> None:
    cluster = Cluster("2", "a", "b", minutes=3)
    cluster.start("a", "b")
    cluster.look(1000)
    cluster.alive["b"] = False
    cluster.look()
    cluster.look(179)
    assert not cluster.watch.gave_up
    cluster.look(2)
    assert cluster.watch.gave_up == ("waited 3 min for nodes: 2 workers of 0.9 CPU do not fit on the 1 node there are")


def test_a_start_without_room_has_the_same_patience() -> None:
    cluster = Cluster("2", "a", minutes=3)
    assert cluster.look(10) == []
    assert cluster.look(11) == ["The cluster has no room for 2 workers yet: waiting up to 3 min"]
    assert cluster.look(100) == []
    cluster.look(100)
    assert cluster.watch.gave_up


def test_a_slow_start_is_no_lack_of_room() -> None:
    cluster = Cluster("2", "a", "b")
    assert cluster.look(100) == []
    assert cluster.look(21) == ["The workers have not started yet: waiting up to 20 min"]


def test_all_nodes_of_the_workers_gone() -> None:
    cluster = Cluster("1", "head", "a")
    cluster.alive["head"] = False
    cluster.start("a")
    cluster.alive["a"] = False
    assert cluster.look() == []  # no node at all: the head does not answer, and the run says so
    cluster.alive["head"] = True
    assert cluster.look() == ["Node a is gone, 0 of 1 worker left: starting again on the other nodes"]


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ("1:3", "Node b is gone, 1 of 2 workers left: going on with 1 worker"),
        ("2:3", "Node b is gone, 1 of 2 workers left: waiting up to 20 min for another, or stop and resume with "
         "--workers 1"),
    ],
)  # fmt: skip
def test_an_elastic_run_goes_on_where_the_fewest_are_left(workers: str, said: str) -> None:
    cluster = Cluster(workers, "a", "b")
    cluster.start("a", "b")
    cluster.alive["b"] = False
    assert cluster.look() == [said]


def test_more_and_fewer_workers_are_said() -> None:
    cluster = Cluster("1:3", "a", "b")
    cluster.start("a")
    cluster.start("a", "b")
    cluster.start("b")
    assert cluster.look() == ["Training goes on with 2 workers, 1 before", "Training goes on with 1 worker, 2 before"]


@pytest.mark.parametrize("text", ["0", "4:1", "1:", "-1", "two", "1:2:3", "", "0:2"])
def test_numbers_of_workers_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the fewest first"):
        WorkerRange.parse(text)


def test_numbers_of_workers() -> None:
    assert WorkerRange.parse("1:4") == WorkerRange(1, 4)
    assert WorkerRange.parse(3) == WorkerRange.parse("3:3") == WorkerRange(3, 3)
    assert (str(WorkerRange(1, 4)), str(WorkerRange(1, 1)), str(WorkerRange(2, 2))) == (
        "1 to 4 workers", "1 worker", "2 workers",
    )  # fmt: skip
