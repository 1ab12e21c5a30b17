"""A lease on a run's folder: one job at a time trains in it.

RUNS/NAME/lease.json   host, process and a count of heartbeats of the job that trains; removed when it ends
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets.storage import atomic, files
from ray_jobs.cli.errors import UsageError

NAME = "lease.json"
BEAT_EVERY_S = 5.0
_WATCHED_S = 2.5 * BEAT_EVERY_S
_SHOWN = "%H:%M:%S"


def holder_of(run: str) -> dict[str, Any]:
    """Return the live holder of the lease on a run's folder; empty if no job trains in it.

    Takes 12 s where the holder is on another machine and has been killed.
    """
    path = files.join(run, NAME)
    holder = files.read_json_object(path)
    return holder if holder and _lives(path, holder) else {}


@contextlib.contextmanager
def lease(run: str) -> Iterator[None]:
    """Hold the lease on a run's folder for the block.

    A lease whose process has ended is taken over. Of a process on another machine that shows by its heartbeat, which
    comes every 5 s: it is watched for 12 s, because the clocks of two machines may differ.

    Raises:
        UsageError: another job trains in this folder; the message names it.
    """
    path = files.join(run, NAME)
    if holder := holder_of(run):
        raise UsageError(
            f"{run} is being trained by process {holder.get('process')} on {holder.get('host')}, since "
            f"{holder.get('since')}: wait for it, stop it first, or take another --name"
        )
    own = {"id": uuid.uuid4().hex, **_this_process(), "since": time.strftime(f"%Y-%m-%d {_SHOWN}"), "beats": 0}
    atomic.write_text(path, json.dumps(own))
    time.sleep(0.05)
    if (now := files.read_json_object(path)) and now.get("id") != own["id"]:  # two jobs found the same lease ended
        raise UsageError(f"{run} has just been taken by process {now.get('process')} on {now.get('host')}")
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, own, ended), daemon=True, name="lease")
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join(timeout=BEAT_EVERY_S)
        _release(run, path, str(own["id"]))


def _beat(path: str, own: dict[str, Any], ended: threading.Event) -> None:
    while not ended.wait(BEAT_EVERY_S):
        # A disk that is full or gone for a moment must not end the training, which says so itself.
        with contextlib.suppress(OSError):
            if (now := files.read_json_object(path)) and now.get("id") == own["id"]:
                own["beats"] += 1
                atomic.write_text(path, json.dumps(own))


def _release(run: str, path: str, own: str) -> None:
    with contextlib.suppress(OSError):
        if (now := files.read_json_object(path)) and now.get("id") == own:
            filesystem, inner = files.resolve(path)
            filesystem.delete_file(inner)
        if files.is_local(run):
            Path(files.absolute(run)).rmdir()  # if the run was refused before anything was in it


def _lives(path: str, holder: dict[str, Any]) -> bool:
    """Return whether the holder of a lease still runs."""
    here = _this_process()
    if here["host"] == holder.get("host") and here["namespace"] == holder.get("namespace"):
        started = _started(holder.get("process"))
        return started is not None and started == holder.get("started")
    until = time.monotonic() + _WATCHED_S
    while time.monotonic() < until:
        time.sleep(min(0.5, BEAT_EVERY_S / 5))
        now = files.read_json_object(path)
        if now != holder:
            return bool(now)
    return False


def _this_process() -> dict[str, Any]:
    return {
        "host": platform.node() or "localhost",
        "namespace": _namespace(),
        "process": os.getpid(),
        "started": _started(os.getpid()),
    }


def _namespace() -> str:
    """Return the namespace of process ids, which containers of one host name do not share."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(process: object) -> str | None:
    """Return a text that differs between two processes of one id; None where none of it runs."""
    if not isinstance(process, int) or process <= 0:
        return None
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""  # no Linux
    return None if fields[0] == "Z" else fields[19]  # a zombie has ended; field 22 of proc_pid_stat(5)
