"""The table that `--timing` prints, from spans and steps made up here."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from ray_jobs.training import timing
from ray_jobs.training.timing import (
    DRIVER,
    WORKER,
    EpochGap,
    EpochGapTimer,
    Span,
    Timer,
    critical,
    process_started,
    table,
)

RAY = Span("starting Ray", DRIVER, 100.0, 103.0)
FILMS = Span("reading the films", DRIVER, 103.0, 104.0)
IMPORT = Span("importing TensorFlow", WORKER, 105.0, 110.0)
STEP = Span("first step, traced", WORKER, 110.0, 112.0)


def test_the_critical_path_leaves_out_what_others_waited_longer_for() -> None:
    slow = Span("something aside", DRIVER, 103.0, 109.0)
    assert critical([RAY, FILMS, slow, IMPORT, STEP]) == {RAY, FILMS, IMPORT, STEP}
    late = Span("reading the films", DRIVER, 103.0, 110.0)
    assert critical([RAY, late, IMPORT, STEP]) == {RAY, late, STEP}


def test_the_table_names_what_passed_between_spans() -> None:
    lines = table([STEP, IMPORT, RAY, FILMS])
    assert [line.split()[0] for line in lines[1:]] == ["0.00", "3.00", "4.00", "5.00", "10.00", "12.00"]
    assert "until importing TensorFlow" in lines[3]


def test_a_clock_that_nobody_listens_to_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Span] = []
    with Timer(DRIVER, told.append).span("work"):
        time.sleep(0.01)
    assert told[0].activity == "work"
    assert told[0].seconds >= 0.01
    gaps = EpochGapTimer(Timer(WORKER, None))
    monkeypatch.setattr(timing.time, "time", lambda: pytest.fail("asked for the time"))
    gaps.step(SimpleNamespace(phase="training", step=1, epoch=1))


def test_a_gap_leaves_out_validation_and_the_first_step_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[EpochGap] = []
    now = 0.0
    monkeypatch.setattr(timing.time, "time", lambda: now)
    gaps = EpochGapTimer(Timer(WORKER, told.append))
    now = 10.0
    gaps.trained()
    now = 14.0
    gaps.validated()
    for step in (1, 2, 3):
        now = 14.5 + 0.75 * step  # a step takes 0.75 s, so that the first began at 14.5
        gaps.step(SimpleNamespace(phase="training", step=step, epoch=2))
    assert told == [EpochGap(epoch=2, seconds=0.5, validation_seconds=4.0)]


def test_this_process_started_before_now_and_not_long_ago() -> None:
    assert 0 <= time.time() - process_started() + 0.1 < 3600
