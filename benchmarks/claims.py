"""What a benchmark says in the end: each claim with what was measured, what is wanted, and what bounds it.

Every script here takes `--quick` (a smaller size, for `make bench`) and `--claims FILE`, and ends with `tell(claims,
options.claims)`: one line for each claim, and the same as JSON for the table of all of them (`benchmarks/table.py`).
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


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
