"""Where a run's time goes, for `--timing`: spans of work in driver and workers, and the path that sets the length."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DRIVER, WORKER = "driver", "worker"
FIRST_STEP = "first step, traced"

_SLACK_S = 0.02


@dataclass(frozen=True)
class Span:
    """A piece of work."""

    what: str
    who: str
    """Which process: "driver" or "worker"."""
    start: float
    """Seconds since 1970: clocks of processes compare by it."""
    end: float

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class Gap:
    """What passed from the end of an epoch's training to the next one's first step."""

    epoch: int
    """The epoch that follows."""
    seconds: float
    """Validation apart."""
    validation_seconds: float

    def line(self) -> str:
        """Return it as a line of text."""
        return (
            f"from epoch {self.epoch - 1} to the first step of {self.epoch}: {self.seconds:.3f} s, "
            f"and validation {self.validation_seconds:.3f} s"
        )


Tell = Callable[[Any], None]
"""Takes a span or a gap; a clock without one measures nothing."""


class Clock:
    """Takes the time of what one process does, and tells it; without anybody to tell, it does nothing."""

    def __init__(self, who: str, tell: Tell | None) -> None:
        self._who, self.tell = who, tell

    @contextlib.contextmanager
    def span(self, what: str) -> Iterator[None]:
        """Take the time of the block."""
        started = time.time()
        yield
        self.told(what, started)

    def told(self, what: str, start: float, end: float | None = None) -> None:
        """Tell a piece of work that began then and ends now, or ended then."""
        if self.tell is not None:
            self.tell(Span(what, self._who, start, end or time.time()))


class Gaps:
    """Takes the time of a worker's first step, and of what lies between its epochs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = self._stepped = time.time()
        self._trained = self._validated = 0.0

    def trained(self) -> None:
        """Take the time at the end of an epoch's training."""
        self._trained = time.time()

    def validated(self) -> None:
        """Take the time when its validation is over."""
        self._validated = time.time()

    def step(self, step: Any) -> None:
        """Take the time of a step done. When an epoch's first one began is known once the second has told how long
        a step takes."""
        if self._clock.tell is None or step.phase != "training":
            return
        now = time.time()
        if step.step == 1 and not self._trained:
            self._clock.told(FIRST_STEP, self._begun, now)
        if step.step == 2 and self._trained:
            began = self._stepped - (now - self._stepped)
            self._clock.tell(Gap(step.epoch, began - self._validated, self._validated - self._trained))
        self._stepped = now


def process_started() -> float:
    """Return when this process was started, in seconds since 1970; where the system does not say, now."""
    try:
        # The 22nd field, counted from behind the name in brackets, which may hold anything: proc(5).
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.time()
    return time.time() - (up - ticks / os.sysconf("SC_CLK_TCK"))


def critical(spans: Sequence[Span]) -> set[Span]:
    """Return the spans on the path that sets the length: from the last one back, each time the one that ended last
    before it began."""
    path: set[Span] = set()
    before = max((span.end for span in spans), default=0.0)
    while earlier := [span for span in spans if span.end <= before + _SLACK_S and span not in path]:
        last = max(earlier, key=lambda span: (span.end, span.seconds))
        path.add(last)
        before = last.start
    return path


def table(spans: Sequence[Span]) -> list[str]:
    """Return the spans as lines of text: when each began, how long it took, `*` on the critical path.

    What passed on that path without a span, such as Ray starting a process, has a line of its own.
    """
    first, path = min(span.start for span in spans), critical(spans)
    rows = [(span.start, span.seconds, span.who, span.what, "*" if span in path else " ") for span in spans]
    ordered = sorted(path, key=lambda span: span.start)
    for one, following in itertools.pairwise(ordered):
        if following.start - one.end > _SLACK_S:
            rows.append((one.end, following.start - one.end, "", f"until {following.what}", "*"))
    lines = ["   after       for              (* nothing else would have made it sooner)"]
    for start, seconds, who, what, mark in sorted(rows):
        lines.append(f" {start - first:6.2f} s  {seconds:6.2f} s {mark} {who:7} {what}")
    last = max(span.end for span in spans)
    return [*lines, f" {last - first:6.2f} s in all, from the command to the first training step"]
