"""Files of installed packages that carry weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def installed_file(package: str, *inside: str) -> Path | None:
    """Return a file of a package by its path inside, or None without one.

    The package is not imported, which would import PyTorch for some: only its data is needed.
    """
    spec = importlib.util.find_spec(package)
    paths = (Path(folder, *inside) for folder in (spec.submodule_search_locations if spec else None) or ())
    return next((path for path in paths if path.is_file()), None)
