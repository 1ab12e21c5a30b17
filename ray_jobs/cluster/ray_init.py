"""Start of Ray, concurrent with a job's imports: one waits for processes, the other computes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import time
import warnings
from types import ModuleType

started: tuple[float, float] | None = None
"""Times at which this process began to import and start Ray, and finished, in seconds since 1970."""


def start_ray(*, dashboard: bool = False) -> None:
    """Join the running Ray cluster, or start one on this machine, without its logs.

    `dashboard` also starts Ray's dashboard, on localhost only.
    """
    global started
    before = time.time()
    import ray

    if ray.is_initialized():
        return
    with warnings.catch_warnings():
        # Ray announces a changed default in its next release, which does not affect this project.
        warnings.simplefilter("ignore", FutureWarning)
        ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=dashboard,
            configure_logging=True,
        )
    started = (before, time.time())


def start_ray_while_importing(module: str) -> ModuleType:
    """Start Ray while a thread imports a module, and return the module."""

    def load() -> None:
        with contextlib.suppress(Exception):  # raised again below
            importlib.import_module(module)

    thread = threading.Thread(target=load, daemon=True, name=f"import {module}")
    thread.start()
    start_ray()
    thread.join()
    return importlib.import_module(module)
