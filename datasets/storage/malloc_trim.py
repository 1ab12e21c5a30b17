"""Memory that a process has freed, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import time

_EVERY_S = 0.2
_last = 0.0


def malloc_trim() -> None:
    """Let the C library give back what it keeps of freed memory, a few times a second at most: for loops over tasks.

    Ray's records of tasks come and go in pieces that glibc keeps: the driver of a preparation grew by 77 kB with each
    part, of which 50 were free. Elsewhere nothing happens.
    """
    global _last
    if time.monotonic() - _last >= _EVERY_S:
        with contextlib.suppress(OSError, AttributeError):  # no glibc
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        _last = time.monotonic()
