"""Starting Ray and importing what a job needs at the same time: one waits for processes, the other computes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import time
import warnings
from collections.abc import Iterator

started: tuple[float, float] | None = None
"""When this process began to import and start Ray, and when that was done, in seconds since 1970."""


def start_ray(*, dashboard: bool = False) -> None:
    """Join the running Ray cluster or start one on this machine, unless that is done, and keep its logs off the screen.

    `dashboard` starts Ray's dashboard (on this machine alone) too.
    """
    global started
    before = time.time()
    import ray

    if ray.is_initialized():
        return
    with warnings.catch_warnings():
        # Ray announces a change of a default of its next release; it does not touch what we use.
        warnings.simplefilter("ignore", FutureWarning)
        ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=dashboard,
            configure_logging=True,
        )
    started = (before, time.time())


@contextlib.contextmanager
def imported_behind(module: str) -> Iterator[None]:
    """Import a module in a thread while the block runs, and wait for it; its errors come again where it is used."""

    def load() -> None:
        with contextlib.suppress(Exception):
            importlib.import_module(module)

    thread = threading.Thread(target=load, daemon=True, name=f"import {module}")
    thread.start()
    yield
    thread.join()
