"""Importing TensorFlow in silence: its libraries write to the process's stderr before any setting is read."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr(*, show_on_error: bool = True) -> Iterator[None]:
    """Hold back what C++ code writes to stderr; show it after all if the block raises."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            if show_on_error:
                held.seek(0)
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def import_trainer_behind() -> threading.Thread:
    """Import Ray's TensorFlow trainer in a thread, while Ray starts and films are read: it imports TensorFlow (4 s)."""

    def load() -> None:
        # Whatever breaks here, also the end of a job that had nothing to train, comes up again where it matters:
        # at the import in the driver itself.
        with contextlib.suppress(Exception), quiet_stderr(show_on_error=False):
            import ray.train.tensorflow  # noqa: F401

    thread = threading.Thread(target=load, daemon=True, name="import tensorflow")
    thread.start()
    return thread
