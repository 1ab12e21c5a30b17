"""Launches of a run or a study, in its run.json: where, when and of what versions it ran, and how it ended."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ray_jobs.cli.errors import Terminated, reason
from ray_jobs.runs.provenance import provenance
from ray_jobs.runs.run_folder import RunFolder

KEY = "launches"
"""Key of run.json that lists them, first to last."""
RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"


@contextlib.contextmanager
def launched(folder: RunFolder, **details: Any) -> Iterator[None]:
    """Record a launch for the block: its origin and start, then its end and outcome.

    A process that is killed leaves it "running"; the lease says that it is not.

    Args:
        folder: the folder of the run, whose run.json exists and whose lease this job holds.
        details: further JSON values, such as the resources and the seed.
    """
    started = time.monotonic()
    record: dict[str, Any] = {**provenance(), **details, "started": _now(), "outcome": RUNNING, "reason": ""}
    _write(folder, [*launches_of(folder.options()), record])
    try:
        yield
    except BaseException as error:
        by_user = isinstance(error, KeyboardInterrupt)
        record["outcome"] = STOPPED if by_user else FAILED
        record["reason"] = ("SIGTERM" if isinstance(error, Terminated) else "Ctrl-C") if by_user else reason(error)
        raise
    else:
        record["outcome"] = DONE
    finally:
        record |= {"ended": _now(), "seconds": round(time.monotonic() - started, 1)}
        # A disk that is full or gone must not hide the error of the run.
        with contextlib.suppress(Exception):
            _write(folder, [*launches_of(folder.options())[:-1], record])


def launches_of(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the launches that a run.json lists; none in those of earlier versions."""
    found = options.get(KEY)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _write(folder: RunFolder, launches: list[dict[str, Any]]) -> None:
    folder.write_options({**folder.options(), KEY: launches})


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
