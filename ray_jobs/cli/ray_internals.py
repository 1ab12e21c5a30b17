"""Uses of private interfaces of Ray: the errors that its own errors wrap."""

from __future__ import annotations

CHECKED_WITH = {"ray": "2.60"}
"""Version in which these interfaces were checked."""


def cause_of(error: BaseException) -> BaseException | None:
    """Return an error's cause, also where Ray keeps it in an attribute."""
    failures = getattr(error, "worker_failures", None) or {}  # Ray Train: by rank
    # Ray Train's thread errors have `_base_exc`, Ray's task and actor errors `cause`: their own text is a traceback.
    wrapped = (getattr(error, name, None) for name in ("_base_exc", "cause"))
    for cause in (*failures.values(), *wrapped, error.__cause__):
        if isinstance(cause, BaseException):
            return cause
    return None
