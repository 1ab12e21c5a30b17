"""Ray Data's scheduling loop is slowed to a hundred steps a second, and no further; by a clock of the test's own."""

from __future__ import annotations

import pytest
import ray.data

from ray_jobs._shared import cluster, paced
from ray_jobs._shared.paced import STEP_S, Paced


def test_a_loop_that_waits_for_nothing_is_made_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(paced.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(paced.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    pace = Paced()
    for _ in range(101):
        pace.on_execution_step(None)
        now[0] += STEP_S / 100  # what the loop itself takes
    assert now[0] - 1000.0 == pytest.approx(100 * STEP_S, rel=0.05)
    slow = now[0]
    for _ in range(10):
        now[0] += 2 * STEP_S
        pace.on_execution_step(None)
    assert now[0] - slow == pytest.approx(20 * STEP_S)  # a loop that waits for its tasks waits no longer


def test_every_job_asks_ray_data_for_it_once() -> None:
    context = ray.data.DataContext.get_current().copy()
    with ray.data.DataContext.current(context):
        cluster.calm_data()
        cluster.calm_data()
        assert context.execution_callback_classes.count(Paced) == 1
