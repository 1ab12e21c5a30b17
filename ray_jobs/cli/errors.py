"""Errors whose message is for the person, and what lies behind an error that Ray hands on: what a task, worker or
thread raised, wrapped each in its own way."""

from __future__ import annotations

import errno
from collections.abc import Iterator

_ADVICE = "Failed to apply UDF transform"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class ClusterError(RuntimeError):
    """The cluster cannot do what was asked; the message says what was asked and what there is."""


class TrainError(RuntimeError):
    """A run or sweep that cannot start or could not end; the message is for the person."""


def cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and then, one by one, what caused it, down to what was raised first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = _next(cause)


def _next(error: BaseException) -> BaseException | None:
    failures = getattr(error, "worker_failures", None) or {}  # Ray Train: by rank
    # A thread of Ray Train's, and a task or actor of Ray's, whose own text is a page of another process's traceback.
    wrapped = (getattr(error, name, None) for name in ("_base_exc", "cause"))
    for cause in (*failures.values(), *wrapped, error.__cause__):
        if isinstance(cause, BaseException):
            return cause
    return None


def reason(error: BaseException) -> str:
    """Say in one line why something failed: the innermost cause's type and the last line of what it says."""
    *_, cause = cause_chain(error)
    lines = message(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[-1] if lines else repr(cause)}"


def message(error: BaseException) -> str:
    """Return an error's message without the advice that Ray Data adds."""
    if isinstance(error, OSError) and error.errno is not None:
        where = f": {error.filename!r}" if error.filename and _ADVICE not in str(error.filename) else ""
        return f"[Errno {error.errno}] {error.strerror}{where}"
    return str(error).split(f"\n{_ADVICE}")[0]


def is_disk_full(error: BaseException) -> bool:
    """Return whether a full disk, or quota, is what went wrong."""
    return any(isinstance(cause, OSError) and cause.errno in _FULL for cause in cause_chain(error))
