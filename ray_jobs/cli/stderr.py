"""Suppression of stderr: TensorFlow's libraries write to it on import, before any setting is read."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr(*, show_on_error: bool = True) -> Iterator[None]:
    """Suppress stderr, including that of C++ code; print it if the block raises."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            if show_on_error:
                held.seek(0)
                os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
