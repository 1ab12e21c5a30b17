"""Claims: early stopping finds the same best figure, within 1 %, for a third of the CPU time of running every trial to
its end; and apart from importing TensorFlow a trial takes at most 3 s from its start to its first training step.

    python benchmarks/sweep_savings.py                      a smaller poster CNN on the synthetic sample
    python benchmarks/sweep_savings.py --store DIR --model lstm --coursework-size

The same sweep is run twice by `ray_jobs/tune_*.py`, with `--scheduler asha` and with `--scheduler none`, all else at
the jobs' own defaults. Random search draws the settings of trial k from the seed and k alone, so both sweeps have the
very same trials. CPU time is that of the trials' processes: importing, building, compiling, training, validating and
writing checkpoints; what Ray and the driver take beside them is not in it, but the wall time of each sweep is told.

One sweep is one draw: how much is saved, and whether a good trial is stopped too soon, depends on which trials come
first, so look at several seeds before trusting a figure. With many long trials halving runs about a fifth of all
epochs. Two things keep a short sweep above that: the first trials to be compared have few rivals yet and go on; and the
start of a trial, which nothing saves, takes this small network the CPU time of about one epoch.

Takes 7 minutes on 2 cores. Seed 0 on 2 idle x86-64 cores, 22 November 2026: .276 of the CPU-seconds (127 of 480
epochs), the same best trial, and a first step after 1.1 s (median; worst 1.4 s). Replayed in 400 random orders of the
trials, two whole sweeps of 800 films ran .30 of the epochs (.22 to .38 in eight orders of ten), all within 1 % of the
best.

Seconds to the first step are wall time: evaluate them on an idle machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from claims import Claim, run, sample_store, tell

from genre_models.studies import sweep_analysis as sweeps

SHARE_CLAIMED = 1 / 3
DIFFERENCE_CLAIMED = 0.01
START_CLAIMED = 3.0
# Networks small enough that two sweeps of them take minutes.
SMALLER = {
    "cnn": ("--stem-filters", "8", "--block-filters", "16", "32", "--dense-units", "128"),
    "lstm": ("--embedding-units", "64", "--first-lstm-units", "32", "--second-lstm-units", "32", "--dense-units", "64"),
}
_IMPORTED_S = 0.5  # a process that has TensorFlow already takes no time to import it


@dataclass(frozen=True)
class Options:
    """What is searched."""

    store: str = ""
    """Film store to train on; by default one of the synthetic sample, made for this run."""
    sample_films: int = 1_500
    """Films of that sample."""
    model: Literal["cnn", "lstm"] = "cnn"
    """Which model."""
    coursework_size: bool = False
    """Search the coursework's own network and not a smaller one: takes far longer."""
    trials: int = 24
    """Trials of each of the two sweeps."""
    epochs: int = 20
    """Epochs of a whole trial; by the jobs' defaults trials are compared after 1, 4 and 16 of 20."""
    grace_epochs: int = 0
    """Epochs before a trial may be stopped; 0 is the jobs' default, a twentieth of them."""
    metric: Literal["validation_loss", "validation_mean_average_precision"] = "validation_loss"
    """What trials are compared by."""
    seed: int = 0
    """Seeds the settings that are tried, and every trial."""
    keep: str = ""
    """Folder to keep the store and both sweeps in; by default they are thrown away."""
    claims: str = ""
    """File to write the claims to as JSON."""


def main(options: Options) -> None:
    """Run both sweeps and print what early stopping saved, what it lost, and how trials start."""
    busy = os.getloadavg()[0]
    with _folder(options.keep) as folder:
        store = options.store or sample_store(options.sample_films, folder)
        halved = sweep(options, store, folder, "asha")
        whole = sweep(options, store, folder, "none")
    if [trial["settings"] for trial in halved["trials"]] != [trial["settings"] for trial in whole["trials"]]:
        sys.exit("the two sweeps did not try the same settings: they cannot be compared")
    size = "the coursework's size" if options.coursework_size else " ".join(SMALLER[options.model])
    print(
        f"Machine: {os.cpu_count()} cores, {platform.machine()}, load {busy:.1f} beforehand; {options.model} ({size}), "
        f"{whole['store']['films']['train']} training films, {options.trials} trials of at most {options.epochs} "
        f"epochs, seed {options.seed}"
    )
    tell([*tell_savings(halved, whole), tell_starts(halved["trials"] + whole["trials"])], options.claims)


def tell_savings(halved: dict[str, Any], whole: dict[str, Any]) -> list[Claim]:
    """Print what both sweeps took and came to; return what early stopping saves, and what it loses."""
    for name, told in (("Early stopping", halved), ("All to the end", whole)):
        count, (best, value) = sweeps.counts(told), _best(told)
        epochs = sum(len(trial["history"]) for trial in told["trials"])
        print(
            f"{name}  {_cpu(told):7.1f} CPU-s, {epochs:4} epochs, {told['seconds']:6.1f} s of wall time; "
            f"{count['finished']} finished, {count['stopped']} stopped, {count['failed']} failed; "
            f"best: trial {best['number']}, {value:.4f}"
        )
    winner = _best(whole)[0]["number"]
    same = next(trial for trial in halved["trials"] if trial["number"] == winner)
    print(
        f"Trial {winner}, the best of all whole ones, under early stopping: {same['status']}, "
        f"{len(same['history'])} epochs"
    )
    share, lost = _cpu(halved) / _cpu(whole), _lost(halved, whole)
    floor = f"all trials to the end, {_cpu(whole):.1f} CPU-s"
    return [
        Claim("sweep with early stopping, share of the CPU-seconds", share, SHARE_CLAIMED, "at most", floor),
        Claim("its best figure, by what share worse", lost, DIFFERENCE_CLAIMED, "at most", "the best of all: 0"),
    ]


def tell_starts(trials: list[dict[str, Any]]) -> Claim:
    """Print how long trials took from their start to their first training step; return the slowest one."""
    started = [trial["start_seconds"] for trial in trials if trial["start_seconds"]]
    imported = [laps["import"] for laps in started if laps["import"] >= _IMPORTED_S]
    print(
        f"Starts of {len(started)} trials: {len(imported)} had to import TensorFlow, median {_median(imported):.2f} s, "
        "and the others took over a process that had"
    )
    for part in [name for name in started[0] if name != "import"]:
        seconds = [laps[part] for laps in started]
        print(f"  {part}: median {_median(seconds):.2f} s, worst {max(seconds):.2f} s")
    apart = [sum(laps.values()) - laps["import"] for laps in started]
    return Claim(
        "sweep, slowest start of a trial without TensorFlow's import, s",
        max(apart),
        START_CLAIMED,
        "at most",
        f"median {_median(apart):.2f} s",
    )


def sweep(options: Options, store: str, folder: str, scheduler: str) -> dict[str, Any]:
    """Run the sweep under a scheduler and return its sweep.json."""
    print(f"Sweeping with --scheduler {scheduler} …", flush=True)
    run(
        f"ray_jobs/tune_{options.model}.py", "--store", store, "--runs", folder, "--name", scheduler,
        "--scheduler", scheduler, "--trials", str(options.trials), "--epochs", str(options.epochs),
        "--metric", options.metric, "--seed", str(options.seed),
        "--grace-epochs", str(options.grace_epochs),
        *(() if options.coursework_size else SMALLER[options.model]),
    )  # fmt: skip
    told: dict[str, Any] = json.loads(Path(folder, scheduler, "sweep.json").read_text())
    return told


@contextlib.contextmanager
def _folder(keep: str) -> Iterator[str]:
    if keep:
        yield str(Path(keep).expanduser().absolute())
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def _cpu(told: dict[str, Any]) -> float:
    return sum(trial["cpu_seconds"] for trial in told["trials"])


def _best(told: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Return a sweep's best trial and its best figure; the jobs see to it that there is one."""
    best = sweeps.best_trial(told)
    found = best and sweeps.best_epoch_of(best, told["metric"], told["mode"])
    if not best or not found:
        sys.exit(f"no trial of {told['path']} came to a figure")
    return best, found[1]


def _lost(halved: dict[str, Any], whole: dict[str, Any]) -> float:
    """Return by what share of it the best figure of all whole trials is better."""
    ours, theirs = _best(halved)[1], _best(whole)[1]
    return (ours - theirs if whole["mode"] == "min" else theirs - ours) / theirs


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds) if seconds else 0.0


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
