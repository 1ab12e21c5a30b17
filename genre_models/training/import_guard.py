"""Importing Keras without what it takes along and no training needs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let packages look absent while the block runs, unless they are imported already; afterwards they are there.

    Keras imports scikit-learn and Matplotlib where they are installed, for wrappers and pictures that are not used
    here: a third of the time that importing TensorFlow takes, on the way to every first step.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    hidden = [name for name in packages if name not in modules]
    for name in hidden:
        modules[name] = None  # which makes `import` raise ModuleNotFoundError
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
