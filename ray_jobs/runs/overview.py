"""Runs, sweeps and ablations below a folder: state, progress, best figure, size on disk."""

from __future__ import annotations

import collections
import concurrent.futures
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.fs as pafs

from datasets.storage import files
from genre_models.checkpoint_files import METADATA, CheckpointError
from genre_models.predictors.find import RUN
from genre_models.training.history import METRICS, EpochMetrics, best_epoch
from ray_jobs.cli.errors import TrainError
from ray_jobs.runs import launches
from ray_jobs.runs.find_checkpoints import checkpoints_below
from ray_jobs.runs.lease import NAME as LEASE
from ray_jobs.runs.lease import holder_of
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.sweep_folder import SweepFolder, Trial

_AT_ONCE = 16  # leases of other machines are watched for 12 s each
BROKEN = "broken"


@dataclass(frozen=True)
class RunStatus:
    """State of a run, a sweep or an ablation."""

    name: str
    """Its folder's path below the runs folder."""
    path: str
    study: str
    """run, sweep or ablation."""
    model: str
    """The model's key in the registry; "" if run.json is damaged."""
    state: str
    """running, done, stopped or broken."""
    reason: str
    """Who runs it, who stopped it, or why it is broken; in one line."""
    done: int
    """Epochs of a run; ended trials of a study."""
    of: int
    """Epochs or trials in all; 0 if unknown."""
    metric: str
    best: float | None
    best_epoch: int
    """Epoch of the best figure; 0 without one."""
    best_trial: int
    """Trial of the best figure; 0 for a run."""
    bytes: int
    launches: int
    started: str
    """Time of the first launch, ISO 8601; "" where an earlier version ran it."""
    ended: str
    """Time at which the last launch ended; "" while it runs or if it was killed."""

    @property
    def progress(self) -> str:
        """Return the progress in words: "12 of 40 epochs"."""
        unit = "epochs" if self.study == "run" else "trials"
        return f"{self.done} of {self.of} {unit}" if self.of else f"{self.done} {unit}"


def runs_below(folder: str) -> list[RunStatus]:
    """Return the status of every run and study below a folder, by name.

    Takes 12 s where a lease on another machine has ended without a word.
    """
    sizes, found = _listing(folder)
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda name: _status(folder, name, sizes[name], found[name]), sorted(found)))


def _listing(folder: str) -> tuple[dict[str, int], dict[str, set[str]]]:
    """Return size in bytes and file paths of each run or study, by relative path."""
    filesystem, inner = files.resolve(folder)
    selector = pafs.FileSelector(inner, recursive=True, allow_not_found=True)
    paths = {
        info.path[len(inner.rstrip("/")) + 1 :]: info.size or 0
        for info in filesystem.get_file_info(selector)
        if info.is_file
    }
    found: dict[str, set[str]] = {}
    for path in paths:
        above, _, name = path.rpartition("/")
        if above and name == RUN and "/." not in f"/{path}":
            found[above] = set()
        # Checkpoints whose run.json is gone: the folder above them is a broken run.
        run, _, checkpoint = above.rpartition("/")
        if run and name == METADATA and checkpoint.startswith("epoch-") and "trial-" not in run:
            found.setdefault(run, set())
    sizes: dict[str, int] = collections.Counter()
    for path, size in paths.items():
        for place in _above(path):
            if place in found:
                found[place].add(path[len(place) + 1 :])
                sizes[place] += size
    return {name: sizes.get(name, 0) for name in found}, found


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _status(runs: str, name: str, size: int, paths: set[str]) -> RunStatus:
    """Return one status; whatever cannot be read makes it broken."""
    study = "run"
    if any(path.startswith("trial-") for path in paths):
        study = "ablation" if "ablation.json" in paths else "sweep"
    folder = RunFolder(runs, name)
    options: dict[str, Any] = {}
    done, of, best, problem = 0, 0, _Best(), ""
    try:
        options = folder.options() if RUN in paths else {}
        if not options:
            raise TrainError(f"{folder.path} has no run.json")
        metric = _metric(options)
        if study == "run":
            history = folder.history()
            done, of = len(history), _epochs(options)
            best = _Best.of_run(history, metric)
            if history and not checkpoints_below(folder.path):
                raise TrainError("none of its checkpoints is left")
        else:
            trials = SweepFolder(runs, name).trials()
            done, of = sum(trial.ended for trial in trials), max(len(trials), int(options.get("trials") or 0))
            best = _Best.of_trials(trials, metric)
    except (TrainError, CheckpointError) as error:
        problem = str(error)
    holder = holder_of(folder.path) if LEASE in paths else {}
    past = launches.launches_of(options)
    state, reason = _state(holder, past, problem, whole=0 < of <= done)
    if study != "run" and state == launches.DONE and done < of:
        state, reason = launches.STOPPED, "its time was up; go on with --resume"
    return RunStatus(
        name=name,
        path=folder.path,
        study=study,
        model=str(options.get("kind", "")),
        state=state,
        reason=reason,
        done=done,
        of=of,
        metric=_metric(options),
        best=best.value,
        best_epoch=best.epoch,
        best_trial=best.trial,
        bytes=size,
        launches=len(past),
        started=str(past[0].get("started", "")) if past else "",
        ended=str(past[-1].get("ended", "")) if past and state != launches.RUNNING else "",
    )


def _state(holder: Mapping[str, Any], past: list[dict[str, Any]], problem: str, *, whole: bool) -> tuple[str, str]:
    """Return the state, and who or why in a line."""
    if holder:
        return launches.RUNNING, f"process {holder.get('process')} on {holder.get('host')}, since {holder.get('since')}"
    if problem:
        return BROKEN, problem
    last = past[-1] if past else {}
    outcome, why = last.get("outcome"), str(last.get("reason", ""))
    if outcome == launches.FAILED:
        return BROKEN, why
    if outcome == launches.STOPPED:
        return launches.STOPPED, f"by {why}; go on with --resume"
    if outcome == launches.RUNNING:
        host = (last.get("machine") or {}).get("host", "its machine")
        return BROKEN, f"killed, or {host} is gone; go on with --resume"
    if outcome == launches.DONE or whole:
        # Patience ends a run before its last epoch.
        return launches.DONE, ""
    return launches.STOPPED, "go on with --resume"


@dataclass(frozen=True)
class _Best:
    """The best figure of a run or study."""

    value: float | None = None
    epoch: int = 0
    trial: int = 0

    @classmethod
    def of_run(cls, history: list[EpochMetrics], metric: str, trial: int = 0) -> _Best:
        best = best_epoch(history, metric) if history else None
        value = getattr(best, metric, math.nan)
        return cls(float(value), best.epoch, trial) if best is not None and math.isfinite(value) else cls()

    @classmethod
    def of_trials(cls, trials: list[Trial], metric: str) -> _Best:
        found = [cls.of_run(trial.history, metric, trial.number) for trial in trials if trial.status != "failed"]
        values = [best for best in found if best.value is not None]
        pick = min if METRICS[metric] == "min" else max
        return pick(values, key=lambda best: best.value or 0.0) if values else cls()


def _metric(options: Mapping[str, Any]) -> str:
    """Return the metric that selects the best, as the last launch had it."""
    past = launches.launches_of(options)
    named = past[-1].get("metric") if past else options.get("metric")
    return named if isinstance(named, str) and named in METRICS else "validation_loss"


def _epochs(options: Mapping[str, Any]) -> int:
    recipe = options.get("recipe")
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    return epochs if isinstance(epochs, int) else 0
