"""The results of a sweep: the report page, the best settings as a file, the best checkpoint."""

from __future__ import annotations

import dataclasses
from shlex import quote
from typing import Any

import yaml

from datasets.storage import files
from datasets.storage.file_sets import files_into
from genre_models.checkpoint import Checkpoint, with_tuples
from genre_models.models import search_space
from genre_models.report.sweep.page import FILES, write_sweep
from genre_models.studies import sweep_analysis as sweeps
from genre_models.training.history import METRICS
from ray_jobs.cli.console import Console, duration, metric_name, settings_line
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TuneOptions
from ray_jobs.runs import study_files
from ray_jobs.runs.resume import plain
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.runs.trackers import options_of, track_study, tracking_of
from ray_jobs.tuning.plan import Sweep
from ray_jobs.tuning.trial import CHECKPOINTS_PER_TRIAL

BEST_CONFIG = "best_config.yaml"


def finish(
    folder: SweepFolder,
    plan: Sweep,
    start: Checkpoint,
    trials: list[Trial],
    options: TuneOptions,
    console: Console,
    *,
    seconds: float,
) -> str:
    """Write and print the results of a sweep, and return the best checkpoint's path.

    Raises:
        TrainError: no trial completed an epoch; the message gives the reasons.
    """
    trials = sorted(trials, key=lambda trial: trial.number)
    for trial in trials:
        # The workers of a stopped trial outlive it briefly and may have saved one more epoch.
        folder.keep_best(trial, options.metric)
    sweep = {
        **study_files.head(study_files.SWEEPS, folder.path, start, metric=options.metric),
        "seconds": seconds + _seconds_before(folder),
        "mode": METRICS[options.metric],
        "epochs": start.recipe.epochs,
        "asked": options.trials,
        "scheduler": options.scheduler,
        "search": options.search,
        "seed": start.recipe.seed,
        "space": {name: setting.describe() for name, setting in plan.space.items()},
        "start": plain(plan.start),
        "trials": [_trial(folder, trial, options.metric) for trial in trials],
        "checkpoints_per_trial": CHECKPOINTS_PER_TRIAL,
    }
    best = sweeps.best_trial(sweep)
    with files_into(folder.path, own=FILES) as local:
        write_sweep(sweeps.analysed(sweep), local)
        if best is not None:
            text = _best_config(folder, start, best, sweep)
            (local / BEST_CONFIG).write_text(text, encoding="utf-8")
    if best is None:
        reasons = "; ".join(sorted({trial.reason for trial in trials if trial.reason})) or "no time for one epoch"
        raise TrainError(f"no trial of {folder.path} completed an epoch: {reasons}. Go on with --resume")
    _print_result(sweep, best, start, console)
    if why := _track(sweep, start, best, options):
        console.line(why)
    return str(best["checkpoint"])


def _track(sweep: dict[str, Any], start: Checkpoint, best: dict[str, Any], options: TuneOptions) -> str:
    """Write the sweep to its tracker, each trial a step; return why that failed."""
    asked = {name: sweep[name] for name in ("metric", "epochs", "asked", "scheduler", "search", "space")}
    found = {f"best.{name}": value for name, value in best["settings"].items()}
    steps = []
    for trial in sweep["trials"]:
        if epoch := sweeps.best_epoch_of(trial, sweep["metric"], sweep["mode"]):
            steps.append((trial["number"], {sweep["metric"]: epoch[1], "epochs": len(trial["history"])}))
    return track_study(
        tracking_of(options.track, options.runs),
        sweep["path"],
        {**options_of(start), **{f"sweep.{name}": value for name, value in asked.items()}, **found},
        steps,
        page=("sweep.html", "sweep.json", BEST_CONFIG),
        model=best["checkpoint"],
    )


def _trial(folder: SweepFolder, trial: Trial, metric: str) -> dict[str, Any]:
    """Return a trial as a dict for the report."""
    own = folder.trial_folder(trial.number)
    best = own.best(metric) if trial.history and trial.status != "failed" else None
    return {
        "number": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "settings": plain(trial.settings),
        "path": own.path,
        "checkpoint": best.path if best else None,
        "history": [dataclasses.asdict(epoch) for epoch in trial.history],
        "start_seconds": trial.start_seconds,
        "cpu_seconds": trial.cpu_seconds,
    }


def _seconds_before(folder: SweepFolder) -> float:
    """Return the total wall time of earlier launches."""
    seconds = files.read_json_object(files.join(folder.path, study_files.SWEEPS.file)).get("seconds")
    return float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else 0.0


def _best_config(folder: SweepFolder, base: Checkpoint, best: dict[str, Any], sweep: dict[str, Any]) -> str:
    """Return the best trial's recipe and model config as a file for train_*.py --config."""
    recipe, model = search_space.split(with_tuples(best["settings"]), base.recipe, base.config)
    epoch, value = sweeps.best_epoch_of(best, sweep["metric"], sweep["mode"]) or (0, float("nan"))
    return yaml.safe_dump(
        {
            "kind": base.kind,
            "recipe": plain(dataclasses.asdict(recipe)),
            "model": plain(dataclasses.asdict(model)),
            "found_by": {
                "sweep": folder.path, "trial": best["number"], "epoch": epoch, sweep["metric"]: round(value, 6),
            },
        },
        sort_keys=False,
    )  # fmt: skip


def _print_result(sweep: dict[str, Any], best: dict[str, Any], base: Checkpoint, console: Console) -> None:
    metric, mode = sweep["metric"], sweep["mode"]
    epoch, value = sweeps.best_epoch_of(best, metric, mode) or (0, float("nan"))
    count, saved = sweeps.counts(sweep), sweeps.saved(sweep)
    ended = count["finished"] + count["stopped"] + count["failed"]
    console.line(
        f"\n{ended} of {sweep['asked']} trials ended: {count['finished']} finished, {count['stopped']} stopped early, "
        f"{count['failed']} failed, in {duration(sweep['seconds'])}"
    )
    if saved["share_run"] is not None and count["stopped"]:
        console.line(f"Early stopping ran {saved['share_run']:.0%} of the epochs of all these trials")
    console.line(f"Best: trial {best['number']}, epoch {epoch}, {metric_name(metric)} {value:.4f}")
    console.line(f"  {settings_line(best['settings'])}")
    first = next((trial for trial in sweep["trials"] if trial["number"] == 1), None)
    if first and (start := sweeps.best_epoch_of(first, metric, mode)) and first is not best:
        console.line(f"Starting point: trial 1, epoch {start[0]}, {metric_name(metric)} {start[1]:.4f}")
    path, runs = sweep["path"], files.parent(sweep["path"])
    if ended < sweep["asked"]:
        console.line(f"Not all trials have ended: go on with --name {quote(sweep['name'])} --resume")
    console.line(
        f"Checkpoint: {best['checkpoint']}\n"
        f"Train with these settings: python ray_jobs/train_{base.kind}.py --store {quote(sweep['store']['path'])} "
        f"--runs {quote(runs)} --config {quote(files.join(path, BEST_CONFIG))}\n"
        f"The page: {files.join(path, 'sweep.html')}"
    )
