"""The origin of a result: command, versions, commit, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

_LIBRARIES = ("ray", "tensorflow", "keras", "scikit-learn", "numpy")


def provenance() -> dict[str, Any]:
    """Return the keys of a comparison or a launch on its origin.

    They are "python" (the interpreter), "command", "folder" (in which it ran), "versions", "commit" (None outside a
    checkout) and "machine".
    """
    return {
        "python": _python(),
        "command": shlex.join([_python(), *sys.argv]),
        "folder": str(Path.cwd()),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "commit": _commit(),
        "machine": {
            "host": platform.node(),
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
        },
    }


def _python() -> str:
    """Return the interpreter's path, relative where it is below here."""
    path, here = Path(sys.executable), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _commit() -> str | None:
    """Return the commit of this checkout, marked if files differ from it; None where there is none."""
    git = ["git", "-C", str(Path(__file__).parents[2])]
    try:
        head, changed = (
            subprocess.run([*git, *command], capture_output=True, text=True, check=True, timeout=10).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}, with changes" if changed else head
