"""What a run of the tests leaves on the machine: the check that ends it, and fails it, is in `conftest.footprint`."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.jobs import ROOT

MOST_BYTES_OF_RAY = 50_000_000
"""Of the session folder of the Ray that the tests share, before it is removed."""
_HOME = ("film-genres", "ray_results", ".ray", ".keras")
"""What jobs, Ray and Keras would write into the home folder of whoever runs the tests."""
_PASSING = re.compile(r"pymp-|__autograph_generated_file|__pycache__$|tmp\w+wandb-(media|artifacts)$")
"""Of Python's multiprocessing, of TensorFlow (code that it wrote, also compiled) and, by its import, of Weights &
Biases, which remove them when the process ends by itself; Ray kills its workers."""


def checkout(root: Path = ROOT) -> set[str]:
    """Return the files of the checkout that git does not know, ignored ones too, and the changed ones."""
    # Without the environment, whose thousands of files take a second to list.
    command = ["git", "status", "--porcelain", "--ignored", "--untracked-files=all", "--", ".", ":(exclude).venv*"]
    status = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    lines = {line[3:] for line in status.stdout.splitlines()}
    return {line for line in lines if "cache" not in line}


def at_home() -> set[str]:
    """Return the files of the home folder that could come from a job."""
    return {str(path) for name in _HOME for path in Path.home().joinpath(name).rglob("*")}


def size_of(folder: Path) -> int:
    """Return the bytes in a folder's files."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.lstat().st_size)
        except FileNotFoundError:  # a log that was just turned over
            continue
    return sum(sizes)


@dataclass
class Footprint:
    """What stood where before the tests."""

    folder: Path
    """The temporary folder of the tests, their jobs and Ray's processes: whoever makes a file there removes it."""
    rays: Path
    """The folder of each Ray that is given no other; Ray's own is not looked at, as others may use it meanwhile."""
    checkout: set[str] = field(default_factory=checkout)
    home: set[str] = field(default_factory=at_home)

    def left(self) -> list[str]:
        """Return what stands there now and did not before."""
        temporary = {str(path) for path in self.folder.iterdir() if not _PASSING.match(path.name)}
        sessions = {str(path) for path in self.rays.glob("ray/session_*")}
        new = (checkout() - self.checkout, at_home() - self.home, sessions, temporary)
        return sorted(path for paths in new for path in paths)
