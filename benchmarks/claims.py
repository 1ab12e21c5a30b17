"""What benchmarks share: the project's scripts run, and what each says in the end, its claims with what bounds them.

Every script here takes `--quick` (a smaller size, for `make bench`) and `--claims FILE`, and ends with `tell(claims,
options.claims)`: one line for each claim, and the same as JSON for the table of all of them (`benchmarks/table.py`).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Claim:
    """One claim and how it came out."""

    claim: str
    """What is compared, in a few words: "CNN training, films/s against Keras fit"."""
    measured: float
    """The ratio, or the figure in the unit that `claim` names."""
    wanted: float
    """What it is held against."""
    better: Literal["at least", "at most"]
    """On which side of `wanted` it must be."""
    floor: str
    """What bounds it from below, with its figure: "bare step 5.2 s an epoch"."""

    @property
    def holds(self) -> bool:
        """Return whether the measured figure is on the right side."""
        return self.measured >= self.wanted if self.better == "at least" else self.measured <= self.wanted

    def line(self) -> str:
        """Return the claim as one line of text."""
        told = f"{self.claim}: {self.measured:.3g}, wanted {self.better} {self.wanted:g}"
        return f"{told}: {'holds' if self.holds else 'FAILS'}  (floor: {self.floor})"


def machine() -> str:
    """Name the machine in a few words."""
    return f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, {platform.system()}"


def tell(claims: list[Claim], file: str) -> None:
    """Print the claims, and keep them as JSON where a file is named."""
    for claim in claims:
        print(claim.line())
    if file:
        Path(file).write_text(json.dumps([asdict(claim) for claim in claims], indent=2) + "\n")


def run(script: str, *arguments: str) -> str:
    """Run a script of the project, by its path in the checkout, and return what it prints; exit where it fails."""
    command = [sys.executable, str(ROOT / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout}\n{result.stderr}")
    return result.stdout


def sample_store(films: int, folder: str) -> str:
    """Prepare the synthetic sample in a folder and return its store."""
    store = f"{folder}/store"
    run("ray_jobs/prepare_data.py", "--store", store, "--sample-films", str(films))
    return store
