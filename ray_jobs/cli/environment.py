"""The message of a job that is started outside of the project's environment.

Nothing of the project or of its packages can be imported there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def advice() -> str:
    """Return which commands make and activate the environment."""
    activate = ROOT / ".venv" / "bin" / "activate"
    make = "" if activate.exists() else f"make -C {ROOT} install && "
    return (
        f"{sys.executable} is not the Python of this project, which has its packages.\n"
        f"Run this first, then the same command again:\n\n    {make}. {activate}\n"
    )


if __name__ == "cli.environment":  # imported by a job that found no packages, from the folder it lies in
    sys.exit(advice())
