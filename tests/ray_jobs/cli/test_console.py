"""How long still, by a clock of the test's own."""

from __future__ import annotations

import pytest

from ray_jobs.cli import console
from ray_jobs.cli.console import Countdown


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, to be set by the test."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def told(clock: list[float], countdown: Countdown, second: float, done: float, total: float = 100) -> str:
    clock[0] = 100.0 + second
    return countdown.left(done, total)


def test_even_work_is_told_from_its_start(clock: list[float]) -> None:
    countdown = Countdown()
    assert told(clock, countdown, 10, 10) == ", about 1 min 30 s left"
    assert told(clock, countdown, 50, 50) == ", about 50 s left"
    assert told(clock, countdown, 90, 90) == ", about 10 s left"


def test_nothing_is_told_of_nothing(clock: list[float]) -> None:
    countdown = Countdown()
    assert told(clock, countdown, 0, 0) == ""
    assert told(clock, countdown, 0, 1) == ""
    assert told(clock, countdown, 0.5, 1) == ""
    assert told(clock, countdown, 9, 1) == ", about 14 min 51 s left"


def test_a_slow_beginning_is_soon_forgotten(clock: list[float]) -> None:
    """The first step takes 10 s, the others 1 s each."""
    countdown = Countdown()
    assert told(clock, countdown, 10, 1) == ", about 16 min 30 s left"
    for step in range(2, 13):
        said = told(clock, countdown, 9 + step, step)
    assert said == ", about 1 min 28 s left"


def test_what_it_remembers_does_not_grow_with_the_work(clock: list[float]) -> None:
    countdown = Countdown()
    for step in range(1, 100_000):
        told(clock, countdown, step / 2, step, 100_000)
    assert len(countdown._points) < 100
    assert told(clock, countdown, 50_000, 50_000, 100_000) != ""
