"""Runs every benchmark, one after the other, and prints one table of all claims.

    python benchmarks/table.py --quick                      what `make bench` runs: under 15 minutes on 2 cores
    python benchmarks/table.py --markdown claims.md         the full sizes: hours
    python benchmarks/table.py --only ingest predict_rate

Each script runs in a process of its own, on the otherwise idle machine that its claim is about, with `--quick` or
without, and leaves its claims in a file. One that fails, or takes too long, is told with the end of what it said; the
others run all the same. Ends with 1 where a script failed or a claim does not hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from claims import Claim, machine

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Script:
    """A benchmark, and about how long it takes."""

    name: str
    quick_s: float
    """Seconds of the quick size on 2 cores; 0 where there is none short enough."""
    full_s: float


SCRIPTS = (
    Script("train_throughput", 90, 420),
    Script("lstm_step", 40, 60),
    Script("lstm_rate", 90, 900),
    Script("ingest", 90, 300),
    Script("epoch_start", 90, 300),
    Script("start_up", 60, 180),
    Script("predict_rate", 90, 300),
    Script("serve_load", 100, 220),
    Script("scale_out", 90, 420),
    Script("scale_up", 90, 3600),
    Script("sweep_savings", 0, 480),
)
_MOST_TIMES = 4  # a script that takes that many times what it should hangs
_LEAST_LIMIT_S = 300
_LINES_OF_A_FAILURE = 12


@dataclass(frozen=True)
class Options:
    """Which benchmarks run, and how long."""

    quick: bool = False
    """Run the short sizes, and leave out what has none."""
    only: tuple[str, ...] = ()
    """Names of the scripts to run; by default all."""
    markdown: str = ""
    """File for the table as markdown."""


@dataclass(frozen=True)
class Outcome:
    """What a script came to."""

    name: str
    seconds: float
    claims: tuple[Claim, ...]
    failure: str = ""
    """Why it has no claims, and the end of what it printed."""


def main(options: Options) -> int:
    """Run the benchmarks and print the table; return the exit code."""
    known = {script.name: script for script in SCRIPTS}
    if unknown := [name for name in options.only if name not in known]:
        sys.exit(f"there is no benchmark {', '.join(unknown)}: there are {', '.join(known)}")
    chosen = [script for script in SCRIPTS if not options.only or script.name in options.only]
    if options.quick:
        for script in chosen:
            if not script.quick_s:
                print(f"Left out: {script.name}, which takes {script.full_s / 60:.0f} min at its least")
        chosen = [script for script in chosen if script.quick_s]
    outcomes = run_all(chosen, HERE, quick=options.quick)
    print(f"\n{about(outcomes, quick=options.quick)}\n")
    print("\n".join(as_text(outcomes)))
    for outcome in outcomes:
        if outcome.failure:
            print(f"\n{outcome.name} failed: {outcome.failure}")
    if options.markdown:
        Path(options.markdown).write_text("\n".join(as_markdown(outcomes, quick=options.quick)) + "\n")
    return int(any(one.failure or not all(claim.holds for claim in one.claims) for one in outcomes))


def run_all(scripts: Sequence[Script], folder: Path, *, quick: bool) -> list[Outcome]:
    """Run scripts of a folder in order, and say before each how far the work is and how long it still takes."""
    planned = {script.name: script.quick_s if quick else script.full_s for script in scripts}
    outcomes: list[Outcome] = []
    for number, script in enumerate(scripts, start=1):
        left = sum(planned[other.name] for other in scripts[number - 1 :])
        # Measured against the plan so far: a slow machine is slow for what is left, too.
        if done := sum(planned[outcome.name] for outcome in outcomes):
            left *= sum(outcome.seconds for outcome in outcomes) / done
        print(f"{number}/{len(scripts)}  {script.name}  (about {max(1, round(left / 60))} min left)", flush=True)
        outcome = run(script, folder, quick=quick)
        outcomes.append(outcome)
        for claim in outcome.claims:
            print(f"     {claim.line()}", flush=True)
        if outcome.failure:
            print(f"     failed: {outcome.failure.splitlines()[0]}", flush=True)
    return outcomes


def run(script: Script, folder: Path, *, quick: bool) -> Outcome:
    """Run one script and return what it found."""
    limit = max(_LEAST_LIMIT_S, _MOST_TIMES * (script.quick_s if quick else script.full_s))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        found, said = Path(scratch, "claims.json"), Path(scratch, "said.txt")
        command = [sys.executable, str(folder / f"{script.name}.py"), "--claims", str(found)]
        with said.open("w") as stream:
            try:
                result = subprocess.run(
                    command + ["--quick"] * quick,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    timeout=limit,
                    check=False,
                )
                failure = f"it ended with {result.returncode}" if result.returncode else ""
            except subprocess.TimeoutExpired:
                failure = f"it took longer than {limit / 60:.0f} min"
        claims = tuple(Claim(**claim) for claim in json.loads(found.read_text())) if found.exists() else ()
        if not failure and not claims:
            failure = "it left no claims"
        if failure:
            last = said.read_text(errors="replace").splitlines()[-_LINES_OF_A_FAILURE:]
            failure = "\n    ".join([failure, *last])
    return Outcome(script.name, time.monotonic() - started, claims, failure)


def about(outcomes: Sequence[Outcome], *, quick: bool) -> str:
    """Return one line on where and how the benchmarks ran."""
    claims = [claim for outcome in outcomes for claim in outcome.claims]
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    held, failed = (
        sum(claim.holds for claim in claims),
        sum(bool(outcome.failure) for outcome in outcomes),
    )
    size = "quick" if quick else "full"
    told = f"{machine()}; {size} sizes, {minutes:.1f} min; {held} of {len(claims)} claims hold"
    return f"{told}, {failed} of {len(outcomes)} scripts failed" if failed else told


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Return the table's head and a row for each claim; a script's seconds stand at its first one."""
    told: list[tuple[str, ...]] = [("claim", "measured", "wanted", "holds", "floor", "script", "seconds")]
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.0f}"
        if outcome.failure:
            told.append((f"({outcome.failure.splitlines()[0]})", "", "", "FAILED", "", outcome.name, seconds))
            seconds = ""
        for claim in outcome.claims:
            wanted = f"{claim.better} {claim.wanted:g}"
            holds = "yes" if claim.holds else "NO"
            told.append(
                (
                    claim.claim,
                    f"{claim.measured:.3g}",
                    wanted,
                    holds,
                    claim.floor,
                    outcome.name,
                    seconds,
                )
            )
            seconds = ""
    return told


def as_text(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table in columns."""
    table = rows(outcomes)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def as_markdown(outcomes: Sequence[Outcome], *, quick: bool) -> list[str]:
    """Return the table as markdown, under a line on where and how it was made."""
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows(outcomes)]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]
    return [about(outcomes, quick=quick) + ".", "", *lines]


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
