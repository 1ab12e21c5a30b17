"""Importing TensorFlow in silence: its libraries write to the process's stderr before any setting is read."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
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
