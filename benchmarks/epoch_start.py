"""Claims: an epoch's first step comes at most 0.3 s after the end of the one before, validation apart; where films are
read again in every epoch, reading ahead takes most of the reading out of that gap.

    python benchmarks/epoch_start.py            the poster CNN on the synthetic sample
    python benchmarks/epoch_start.py --store DIR

The gaps are those that `ray_jobs/train_cnn.py --timing` tells: checkpoint, figures, report to Ray Train and the next
epoch's first batch are in them, validation and the step itself are not. Three runs: films held in the object store;
streamed from the store; streamed without reading ahead. The floor of the first is 0: nothing there has to be done
while training waits. That of the second is the gap of the first.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from dataclasses import dataclass

import tyro
from claims import Claim, machine, run, sample_store, tell

CLAIM_S = 0.3
CLAIM_AHEAD = 0.5


@dataclass(frozen=True)
class Options:
    """What is timed."""

    store: str = ""
    """Film store to train on; by default one of the synthetic sample, made for this run."""
    sample_films: int = 3_000
    """Films of that sample."""
    epochs: int = 7
    """Epochs of each of the three runs."""
    quick: bool = False
    """1,200 films, 4 epochs."""
    claims: str = ""
    """Where to keep the claims as JSON."""


def main(options: Options) -> None:
    """Take the gaps of the three runs and tell them."""
    epochs = 4 if options.quick else options.epochs
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or sample_store(1_200 if options.quick else options.sample_films, folder)
        print(f"Machine: {machine()}; median and longest of {epochs - 1} gaps")
        held = gaps("held", store, folder, epochs, "--cache-films", "always")
        ahead = gaps("streamed", store, folder, epochs, "--cache-films", "never")
        behind = gaps("streamed, not ahead", store, folder, epochs, "--cache-films", "never", "--no-read-ahead")
    tell(
        [
            Claim("Epoch start, films in the object store, s", held, CLAIM_S, "at most", "nothing has to wait: 0 s"),
            Claim(
                "Epoch start, films streamed, against not reading ahead", ahead / behind, CLAIM_AHEAD, "at most",
                f"the gap with films held, {held / behind:.2f} of {behind:.2f} s",
            ),
        ],
        options.claims,
    )  # fmt: skip


def gaps(name: str, store: str, runs: str, epochs: int, *arguments: str) -> float:
    """Train, print the gaps between epochs, and return their median in seconds."""
    said = run(
        "ray_jobs/train_cnn.py", "--store", store, "--runs", runs, "--name", name.replace(", ", "-").replace(" ", "-"),
        "--epochs", str(epochs), "--timing", *arguments,
    )  # fmt: skip
    told = [
        (float(gap), float(validation))
        for gap, validation in re.findall(r"first step of \d+: ([\d.]+) s, and validation ([\d.]+) s", said)
    ]
    if len(told) != epochs - 1:
        sys.exit(f"{len(told)} gaps of {epochs} epochs were told:\n{said}")
    seconds, validations = zip(*told, strict=True)
    median = statistics.median(seconds)
    print(f"{name:20} {median:.3f} s, {max(seconds):.3f} s; validation {statistics.median(validations):.3f} s")
    return median


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
