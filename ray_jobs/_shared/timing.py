"""Where a run's time goes, for `--timing`: spans of work in driver and workers, and the path that sets the length."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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


Tell = Callable[[Span], None]
"""Takes a span; a clock without one measures nothing."""


class Clock:
    """Takes the time of what one process does, and tells it; without anybody to tell, it does nothing."""

    def __init__(self, who: str, tell: Tell | None) -> None:
        self._who, self._tell = who, tell

    @contextlib.contextmanager
    def span(self, what: str) -> Iterator[None]:
        """Take the time of the block."""
        started = time.time()
        yield
        self.told(what, started)

    def told(self, what: str, start: float, end: float | None = None) -> None:
        """Tell a piece of work that began then and ends now, or ended then."""
        if self._tell is not None:
            self._tell(Span(what, self._who, start, end or time.time()))


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
