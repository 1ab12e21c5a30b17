"""Console output of a job: permanent lines, and a status line with progress and remaining time."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import textwrap
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, TextIO

_EVERY_S = 15.0  # shortest time between status lines in a log, which is no terminal
_INDENT = " " * 6
# Control characters but tab and line feed, half characters, and what turns the direction of the text around.
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BLOCK_EVERY_S = 60.0  # shortest time between blocks of lines in a log


class Console:
    """Writer to a terminal, or at a limited rate to a log."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._printed = time.monotonic()
        self._status = ""
        self._once: set[str] = set()

    def line(self, text: str = "") -> None:
        """Print a permanent line."""
        self._clear()
        self._print(f"{text}\n")
        self._printed = time.monotonic()

    def once(self, text: str) -> None:
        """Print a permanent line, unless this console has printed it before."""
        if text not in self._once:
            self._once.add(text)
            self.line(text)

    def status(self, text: str) -> None:
        """Show progress in one line: in place on a terminal, at a limited rate in a log."""
        self._show(text[:160], text, _EVERY_S)

    def block(self, lines: Sequence[str]) -> None:
        """Show progress in several lines: in place on a terminal, at a limited rate in a log."""
        width = shutil.get_terminal_size().columns - 1
        wrapped = (textwrap.wrap(line, width, subsequent_indent=_INDENT) for line in lines)
        self._show("\n".join(part for parts in wrapped for part in parts), "\n".join(lines), _BLOCK_EVERY_S)

    def _show(self, in_place: str, text: str, every: float) -> None:
        if self._live:
            self._clear()
            self._status = printable(in_place)
            self._print(self._status)
        elif time.monotonic() - self._printed >= every:
            self.line(text)

    def _print(self, text: str) -> None:
        text = printable(text)
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # a terminal or a log that takes ASCII alone
            self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        try:
            self._stream.flush()
        except BrokenPipeError:  # what reads the output, such as `head`, has ended: the job goes on without it
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _clear(self) -> None:
        if self._status:
            # Move up to the first line shown, and erase everything below.
            up = self._status.count("\n")
            print("\r" + (f"\x1b[{up}A" if up else "") + "\x1b[J", end="", file=self._stream)
            self._status = ""


class Countdown:
    """Remaining-time estimate from the speed in the last half of the elapsed time.

    The first steps of a training trace and compile the graph; a mean over all steps would be ten times too long.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._points = deque([(0.0, 0.0)])  # seconds, and work done by then

    @property
    def elapsed(self) -> float:
        """Return seconds since the start."""
        return time.monotonic() - self._started

    def left(self, done: float, total: float) -> str:
        """Return ", about 2 min left", or an empty string while there is no estimate."""
        now = self.elapsed
        if done > self._points[-1][1] and now > 1.02 * self._points[-1][0]:  # keeps few entries in a long run
            self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] <= now / 2:
            self._points.popleft()
        since, before = self._points[0]
        if now < 1 or done <= before:
            return ""
        return f", about {duration((now - since) * (total - done) / (done - before))} left"


def printable(text: str) -> str:
    """Return a text whose control characters, which could command a terminal, are spelled out."""
    return _NOT_SHOWN.sub(lambda found: ascii(found.group())[1:-1], text)


def counted(number: int, thing: str) -> str:
    """Return a number with its noun: "1 epoch", "2 epochs"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration in words: "8 s", "3 min 20 s", "1 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def metric_name(metric: str) -> str:
    """Return a metric's name with spaces."""
    return metric.replace("_", " ")


def settings_line(settings: dict[str, Any]) -> str:
    """Return settings as one line of text."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )
