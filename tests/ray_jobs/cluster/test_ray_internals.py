"""Ray Data's scheduling loop is slowed where it spins, and nowhere else; by a clock of the test's own."""

from __future__ import annotations

import pytest
import ray.data

from ray_jobs.cluster import ray_internals, resources
from ray_jobs.cluster.ray_internals import LONGEST_S, SHORTEST_S, IdleThrottle, SchedulerThrottle


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stand in for the clock: sleeping moves it on."""
    clock = [1000.0]
    monkeypatch.setattr(ray_internals.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(ray_internals.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    return clock


def steps(pace: SchedulerThrottle, now: list[float], count: int, each: float) -> float:
    """Take steps that last so long themselves; return the time that they and the waiting took."""
    begun = now[0]
    for _ in range(count):
        now[0] += each
        pace.on_execution_step(None)
    return now[0] - begun


def test_a_loop_that_waits_for_nothing_comes_to_ten_steps_a_second(now: list[float]) -> None:
    pace = IdleThrottle()
    assert steps(pace, now, 10, 0.0005) < 10 * LONGEST_S  # not from the first on
    assert steps(pace, now, 100, 0.0005) == pytest.approx(100 * LONGEST_S)


def test_elsewhere_it_comes_to_a_hundred(now: list[float]) -> None:
    assert steps(SchedulerThrottle(), now, 100, 0.0005) == pytest.approx(100 * SHORTEST_S, rel=0.05)


def test_a_loop_that_waits_for_its_tasks_waits_no_longer(now: list[float]) -> None:
    assert steps(SchedulerThrottle(), now, 10, 2 * SHORTEST_S) == pytest.approx(20 * SHORTEST_S)


def test_the_first_step_with_something_to_do_ends_the_long_pauses(now: list[float]) -> None:
    pace = IdleThrottle()
    steps(pace, now, 20, 0.0005)
    assert steps(pace, now, 1, SHORTEST_S) == pytest.approx(SHORTEST_S)
    assert steps(pace, now, 1, 0.0005) == pytest.approx(2 * SHORTEST_S)


def test_every_job_asks_ray_data_for_it_once() -> None:
    context = ray.data.DataContext.get_current().copy()
    with ray.data.DataContext.current(context):
        resources.configure_ray_data()
        resources.configure_ray_data()
        assert context.execution_callback_classes.count(SchedulerThrottle) == 1
