"""Claim: from the command to the first training step takes at most 1.5 times what no run can do without.

    python benchmarks/start_up.py               the poster CNN on the synthetic sample
    python benchmarks/start_up.py --store DIR --model lstm

The floor is starting Ray and importing TensorFlow with Keras, each in a fresh process, one after the other. Beside it
stands what Ray Train takes to the same point when it is given nothing to do: a script that starts Ray and one worker,
whose function imports TensorFlow and Keras. A round is the floor, that script, then `ray_jobs/train_MODEL.py --timing`;
every round gives one ratio, and the claim is held to their median, since the machine's speed swings between rounds more
than within one. The table that `--timing` prints is shown for the last round: rows with `*` are the path to shorten.
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
BESIDE = 1.25
RAY = "import logging, os, ray; ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)"
TENSORFLOW = "import tensorflow, keras"
# Ray's own DataParallelTrainer and no more: its TensorflowTrainer imports TensorFlow in the driver too.
RAY_TRAIN = """
import logging, os, ray, tempfile, time
ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
from ray.train import RunConfig, ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
def train():
    import tensorflow, keras, pathlib
    pathlib.Path(place).touch()
place = os.path.join(tempfile.mkdtemp(), "imported")
with tempfile.TemporaryDirectory() as folder:
    run = RunConfig(storage_path=folder)
    DataParallelTrainer(train, scaling_config=ScalingConfig(num_workers=1), run_config=run).fit()
print(os.stat(place).st_mtime, flush=True)
"""


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the synthetic sample, made for this run."""
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
    """Time all sides and tell the ratios."""
    rounds: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(300 if options.quick else options.sample_films, folder)
        for number in range(1 if options.quick else options.rounds):
            ray, tensorflow, ray_train = seconds_of(RAY), seconds_of(TENSORFLOW), ray_train_alone()
            ours, said = start_up(options.model, store, folder, f"run-{number}")
            rounds.append((ray, tensorflow, ray_train, ours))
            print(
                f"Ray {ray:.2f} s + TensorFlow {tensorflow:.2f} s; Ray Train alone {ray_train:.2f} s; "
                f"first step after {ours:.2f} s: {ours / (ray + tensorflow):.2f} and {ours / ray_train:.2f}"
            )
    print(said)
    print(f"Machine: {machine()}; {options.model}")
    ray, tensorflow, ray_train, _ = (statistics.median(part) for part in zip(*rounds, strict=True))
    told = f"starting Ray {ray:.1f} s + importing TensorFlow {tensorflow:.1f} s, each alone"
    alone = f"Ray Train, given nothing to do, has TensorFlow in its worker after {ray_train:.1f} s"
    against_floor = statistics.median(ours / (ray + tensorflow) for ray, tensorflow, _, ours in rounds)
    against_ray_train = statistics.median(ours / ray_train for _, _, ray_train, ours in rounds)
    tell(
        [
            Claim("Start-up, to the first step against the floor", against_floor, CLAIM, "at most", told),
            Claim("Start-up, to the first step against Ray Train alone", against_ray_train, BESIDE, "at most", alone),
        ],
        options.claims,
    )


def ray_train_alone() -> float:
    """Return how long a script takes until a worker of Ray Train that does nothing else has imported TensorFlow."""
    started = time.time()
    done = subprocess.run([sys.executable, "-c", RAY_TRAIN], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Ray Train alone failed:\n{done.stderr}")
    return float(done.stdout.split()[-1]) - started


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
