"""Runs, sweeps and ablations below a folder: which run, are done, stopped or broken, how far and how good they are.

    python ray_jobs/status.py --runs DIR
    python ray_jobs/status.py --runs s3://bucket/runs --json

A line each: state, progress, best figure, size on disk. Running is what holds a live lease on its folder, on whatever
machine. Where a lease is another machine's, it is watched for a heartbeat: that takes 12 s if that machine is gone.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

import dataclasses
import json
from dataclasses import dataclass

from datasets.storage import files
from ray_jobs.cli.console import Console, counted, metric_name
from ray_jobs.cli.errors import UsageError
from ray_jobs.cli.options import at_home
from ray_jobs.cli.runner import run_job
from ray_jobs.runs.overview import RunStatus, runs_below


@dataclass(frozen=True)
class Options:
    """Options of the list of runs."""

    runs: str = at_home("runs")
    """Folder or URI of the runs."""
    json: bool = False
    """Print JSON, a list of objects, instead of a table."""


def main(options: Options) -> None:
    """Print the status of every run and study."""
    if not files.exists(options.runs):
        raise UsageError(f"--runs {options.runs}: there is no such folder")
    found = runs_below(files.absolute(options.runs))
    if options.json:
        print(json.dumps([dataclasses.asdict(run) for run in found], indent=2, ensure_ascii=False))
        return
    console = Console()
    if not found:
        console.line(f"No runs in {options.runs}")
        return
    rows = [("name", "kind", "state", "progress", "best", "size"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row, run in zip(rows, (None, *found), strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        console.line(line + (f"\n      {run.reason}" if run and run.reason else ""))
    size = sum(run.bytes for run in found)
    console.line(f"{counted(len(found), 'run')}, {_size(size)}")


def _row(run: RunStatus) -> tuple[str, ...]:
    best = ""
    if run.best is not None:
        best = f"{metric_name(run.metric)} {run.best:.4f} ("
        best += f"trial {run.best_trial}, epoch {run.best_epoch})" if run.best_trial else f"epoch {run.best_epoch})"
    kind = f"{run.model} {run.study}".strip() if run.study != "run" else run.model or "run"
    return (run.name, kind, run.state, run.progress, best, _size(run.bytes))


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


if __name__ == "__main__":
    run_job(main, Options)
