"""Claim: from the command to the first training step takes at most 1.5 times what no run can do without.

    python benchmarks/start_up.py               the poster CNN on the drawn sample
    python benchmarks/start_up.py --store DIR --model lstm

The floor is starting Ray and importing TensorFlow with Keras, each in a fresh process, one after the other. A round is
the floor, then `ray_jobs/train_MODEL.py --timing`; every round gives one ratio, and the claim is held to their median,
since the machine's speed swings between rounds more than within one. The table that `--timing` prints is shown for
the last round: rows with `*` are the path to shorten.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Literal

import tyro
from claims import Claim, machine, run, sample_store, tell

CLAIM = 1.5
RAY = "import logging, os, ray; ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)"
TENSORFLOW = "import tensorflow, keras"


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the drawn sample, made for this run."""
    sample_films: int = 1_200
    """Films of that sample."""
    model: Literal["cnn", "lstm"] = "cnn"
    """Which model."""
    rounds: int = 5
    """How often both sides are timed."""
    quick: bool = False
    """One round with 300 films."""
    claims: str = ""
    """Where to keep the claim as JSON."""


def main(options: Options) -> None:
    """Time both sides and tell the ratio."""
    ratios: list[float] = []
    floors: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(300 if options.quick else options.sample_films, folder)
        for number in range(1 if options.quick else options.rounds):
            floor = seconds_of(RAY), seconds_of(TENSORFLOW)
            ours, said = start_up(options.model, store, folder, f"run-{number}")
            floors.append(floor)
            ratios.append(ours / sum(floor))
            print(
                f"Ray {floor[0]:.2f} s + TensorFlow {floor[1]:.2f} s; first step after {ours:.2f} s: {ratios[-1]:.2f}"
            )
    print(said)
    print(f"Machine: {machine()}; {options.model}")
    ray, tensorflow = (statistics.median(part) for part in zip(*floors, strict=True))
    told = f"starting Ray {ray:.1f} s + importing TensorFlow {tensorflow:.1f} s, each alone"
    tell(
        [Claim("Start-up, to the first step against the floor", statistics.median(ratios), CLAIM, "at most", told)],
        options.claims,
    )


def seconds_of(code: str) -> float:
    """Return how long a fresh process takes for this code, its end left out."""
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; print('done', flush=True)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        if "done" not in process.stdout.readline():
            sys.exit(f"failed: {code}")
        return time.monotonic() - started


def start_up(model: str, store: str, runs: str, name: str) -> tuple[float, str]:
    """Return the seconds from the command to the first training step, and the table of them."""
    said = run(
        f"ray_jobs/train_{model}.py", "--store", store, "--runs", runs, "--name", name, "--epochs", "1", "--timing",
    )  # fmt: skip
    lines = said.splitlines()
    last = next(number for number, line in enumerate(lines) if "s in all" in line)
    first = next(number for number, line in enumerate(lines) if "after" in line and "for" in line)
    match = re.search(r"([\d.]+) s in all", lines[last])
    assert match is not None
    return float(match[1]), "\n".join(lines[first : last + 1])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
