"""Time measurements for `--timing`: spans of work in driver and workers, and their critical path."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray_jobs.cluster import ray_init

DRIVER, WORKER = "driver", "worker"
FIRST_STEP = "first step, traced"

_SLACK_S = 0.02


@dataclass(frozen=True)
class Span:
    """A timed piece of work."""

    activity: str
    process: str
    """ "driver" or "worker"."""
    start: float
    """Seconds since 1970, comparable between processes."""
    end: float

    @property
    def seconds(self) -> float:
        """Return the duration."""
        return self.end - self.start


@dataclass(frozen=True)
class EpochGap:
    """The time from the end of an epoch's training to the next epoch's first step."""

    epoch: int
    """The later epoch."""
    seconds: float
    """Without the validation."""
    validation_seconds: float

    def line(self) -> str:
        """Return the gap as a line of text."""
        return (
            f"from epoch {self.epoch - 1} to the first step of {self.epoch}: {self.seconds:.3f} s, "
            f"and validation {self.validation_seconds:.3f} s"
        )


Send = Callable[[Any], None]
"""Receives a span or a gap."""


class Timer:
    """Timer of one process that sends its spans to `send`; without `send` it does nothing."""

    def __init__(self, process: str, send: Send | None) -> None:
        self._process, self.send = process, send

    @contextlib.contextmanager
    def span(self, activity: str) -> Iterator[None]:
        """Time the block."""
        started = time.time()
        yield
        self.record(activity, started)

    def record(self, activity: str, start: float, end: float | None = None) -> None:
        """Send a span from `start` to `end`, by default until now."""
        if self.send is not None:
            self.send(Span(activity, self._process, start, end or time.time()))


def driver_timer(spans: list[Span] | None) -> Timer:
    """Return the driver's timer, with the spans of its own start recorded; without a list it does nothing."""
    timer = Timer(DRIVER, spans.append if spans is not None else None)
    imported = time.time()
    begun, ended = ray_init.started or (imported, imported)
    timer.record("Python, the command line", process_started(), begun)
    timer.record("starting Ray", begun, ended)
    timer.record("importing the rest", ended, imported)
    return timer


class EpochGapTimer:
    """Timer of a worker's first step and of the gaps between its epochs."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._begun = self._stepped = time.time()
        self._trained = self._validated = 0.0

    def trained(self) -> None:
        """Record the end of an epoch's training."""
        self._trained = time.time()

    def validated(self) -> None:
        """Record the end of an epoch's validation."""
        self._validated = time.time()

    def step(self, step: Any) -> None:
        """Record the end of a step; the duration of step 2 dates the start of step 1."""
        if self._timer.send is None or step.phase != "training":
            return
        now = time.time()
        if step.step == 1 and not self._trained:
            self._timer.record(FIRST_STEP, self._begun, now)
        if step.step == 2 and self._trained:
            began = self._stepped - (now - self._stepped)
            self._timer.send(EpochGap(step.epoch, began - self._validated, self._validated - self._trained))
        self._stepped = now


def process_started() -> float:
    """Return the start time of this process in seconds since 1970, or now without /proc."""
    try:
        # Field 22, proc(5); counted from the end of the bracketed name, which may hold spaces and brackets.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.time()
    return time.time() - (up - ticks / os.sysconf("SC_CLK_TCK"))


def critical(spans: Sequence[Span]) -> set[Span]:
    """Return the spans on the critical path, traced back from the last one to end."""
    path: set[Span] = set()
    before = max((span.end for span in spans), default=0.0)
    while earlier := [span for span in spans if span.end <= before + _SLACK_S and span not in path]:
        last = max(earlier, key=lambda span: (span.end, span.seconds))
        path.add(last)
        before = last.start
    return path


def table(spans: Sequence[Span]) -> list[str]:
    """Return the spans as lines of text: start, duration, `*` on the critical path.

    A gap on that path without a span, such as Ray starting a process, has its own line.
    """
    first, path = min(span.start for span in spans), critical(spans)
    rows = [(span.start, span.seconds, span.process, span.activity, "*" if span in path else " ") for span in spans]
    ordered = sorted(path, key=lambda span: span.start)
    for previous, following in itertools.pairwise(ordered):
        if following.start - previous.end > _SLACK_S:
            rows.append((previous.end, following.start - previous.end, "", f"until {following.activity}", "*"))
    lines = ["   after       for              (* nothing else would have made it sooner)"]
    for start, seconds, process, label, mark in sorted(rows):
        lines.append(f" {start - first:6.2f} s  {seconds:6.2f} s {mark} {process:7} {label}")
    last = max(span.end for span in spans)
    return [*lines, f" {last - first:6.2f} s in all, from the command to the first training step"]
