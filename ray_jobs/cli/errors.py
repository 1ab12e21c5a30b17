"""Errors with messages for the user, and the causes of errors that Ray wraps."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from ray_jobs.cli.ray_internals import cause_of

_ADVICE = "Failed to apply UDF transform"
_FULL = (errno.ENOSPC, errno.EDQUOT)

log_places: list[str] = []
"""Where the logs of what this process has started are; a job that fails says so."""


class ClusterError(RuntimeError):
    """Request that exceeds the cluster; the message names the request and the resources."""


class TrainError(RuntimeError):
    """Run or sweep that cannot start or failed; the message is for the user."""


class Terminated(KeyboardInterrupt):
    """A stop by SIGTERM, as `kill`, `ray job stop` and schedulers send it."""


class RunError(TrainError):
    """A run that failed after it had begun; the message is for the user."""


class UsageError(TrainError):
    """Options that cannot be used, found before any work; the message is for the user."""


def cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, down to the one raised first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause_of(cause)


def reason(error: BaseException) -> str:
    """Return the failure's reason in one line: the innermost cause's type and its last line."""
    *_, cause = cause_chain(error)
    lines = message(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[-1] if lines else repr(cause)}"


def message(error: BaseException) -> str:
    """Return an error's message, without the advice that Ray Data adds to task errors."""
    if isinstance(error, OSError) and error.errno is not None:
        where = f": {path!r}" if (path := path_of(error)) else ""
        return f"[Errno {error.errno}] {error.strerror}{where}"
    return str(error).split(f"\n{_ADVICE}")[0]


def path_of(error: OSError) -> str:
    """Return the path that an error names, or ""; Ray Data puts its advice in that place."""
    path = error.filename
    return path if isinstance(path, str) and _ADVICE not in path else ""


def is_disk_full(error: BaseException) -> bool:
    """Return whether a full disk or quota caused the error."""
    return any(isinstance(cause, OSError) and cause.errno in _FULL for cause in cause_chain(error))
