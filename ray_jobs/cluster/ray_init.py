"""Start of Ray, concurrent with a job's imports: one waits for processes, the other computes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import socket
import threading
import time
import warnings
from pathlib import Path
from types import ModuleType

from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import ClusterError, log_places

_TRIES, _TRY_S = 2, 2.0

started: tuple[float, float] | None = None
"""Times at which this process began to import and start Ray, and finished, in seconds since 1970."""
dashboard_url = ""
"""Address of Ray's dashboard, HOST:PORT; "" if Ray has none or was not started here."""


def start_ray(*, dashboard: bool = False) -> None:
    """Join the running Ray cluster, or start one on this machine, without its logs.

    `dashboard` also starts Ray's dashboard, on localhost only; a Ray that runs keeps its own.
    """
    global started, dashboard_url
    before = time.time()
    import ray

    if ray.is_initialized():
        return
    with warnings.catch_warnings():
        # Ray announces a changed default in its next release, which does not affect this project.
        warnings.simplefilter("ignore", FutureWarning)
        handler = signal.getsignal(signal.SIGTERM)
        context = ray.init(
            address=_address(),
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=dashboard,
            configure_logging=True,
        )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray's own would end the process without a word
    started = (before, time.time())
    log_places[:] = [str(Path(context.address_info["session_dir"], "logs"))]
    dashboard_url = context.dashboard_url or ""


def _address() -> str | None:
    """Return the address to connect to; None for Ray's own choice.

    Ray would try the address of a head that has died for a quarter of an hour.

    Raises:
        ClusterError: no Ray answers at the address in RAY_ADDRESS.
    """
    named = os.environ.get("RAY_ADDRESS", "")
    if named and not _answers(named):
        raise ClusterError(f"no Ray answers at RAY_ADDRESS={named}: start it there, or unset that variable")
    left = "" if named else _recorded_address()
    if left and not _answers(left) and not _runs_here():
        Console().line(f"The Ray that ran at {left} is gone: starting one on this machine")
        return "local"
    return None


def _recorded_address() -> str:
    """Return the address of the Ray last started on this machine, which may be gone; "" without any."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    try:
        return Path(folder, "ray", "ray_current_cluster").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _runs_here() -> bool:
    """Return whether the head of any Ray runs on this machine; Ray finds it by its process."""
    for process in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if process.read_text(encoding="utf-8", errors="replace").startswith("gcs_server"):
                return True
    return False


def _answers(address: str) -> bool:
    """Return whether something listens at an address, HOST:PORT; true for other forms, which Ray resolves."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return True
    for _ in range(_TRIES):
        with contextlib.suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), timeout=_TRY_S):
            return True
    return False


def start_ray_while_importing(module: str, *, dashboard: bool = False) -> ModuleType:
    """Start Ray, with its dashboard or without, while a thread imports a module; return the module."""

    def load() -> None:
        with contextlib.suppress(Exception):  # raised again below
            importlib.import_module(module)

    thread = threading.Thread(target=load, daemon=True, name=f"import {module}")
    thread.start()
    start_ray(dashboard=dashboard)
    thread.join()
    return importlib.import_module(module)
