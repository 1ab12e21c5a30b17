"""Sweep folders: a run folder for each trial, and the state to resume from.

RUNS/NAME/run.json            the options the sweep was started with
RUNS/NAME/trial-007/          trial.json (settings, how it ended), and a run's history.csv, epoch-012/, tensorboard/
RUNS/NAME/sweep.html          the page to read, with sweep.json, trials.csv, trials.md and the pictures
RUNS/NAME/best_config.yaml    the best trial's settings, for train_*.py --config
RUNS/NAME/tune/               Ray Tune's own files; this project does not read them
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from datasets.storage import atomic, files
from genre_models.checkpoint import with_tuples
from genre_models.models.option_checks import in_short
from genre_models.models.renamed_options import with_new_names
from genre_models.training.history import EpochMetrics, best_epoch, sort_key
from ray_jobs.cli.errors import TrainError
from ray_jobs.runs.run_folder import RunFolder, read_json

_TRIAL = "trial-"
ENDED = ("finished", "stopped", "failed")

START = 1
"""Number of the trial that has the starting point's settings."""


@dataclass
class Trial:
    """Trial of a sweep: its settings and progress."""

    number: int
    """From 1; trial 1 is the starting point."""
    settings: dict[str, Any]
    status: str = "waiting"
    """waiting, running, finished, stopped (early, by the scheduler) or failed."""
    reason: str = ""
    """Reason why it failed, was stopped or waits, in one line."""
    history: list[EpochMetrics] = field(default_factory=list)
    start_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of each phase up to the first training step: importing, films, building the model, first step."""
    cpu_seconds: float = 0.0
    """CPU time of the trial's process in its last launch; 0 if Ray Train workers trained it."""

    @property
    def ended(self) -> bool:
        """Return whether it has finished, failed or been stopped."""
        return self.status in ENDED

    def best_epoch(self, metric: str) -> EpochMetrics | None:
        """Return its best epoch; None if no epoch has a finite metric."""
        best = best_epoch(self.history, metric) if self.history else None
        return best if best is not None and math.isfinite(getattr(best, metric)) else None

    def best(self, metric: str) -> float | None:
        """Return the metric of its best epoch; None if there is none."""
        best = self.best_epoch(metric)
        return None if best is None else float(getattr(best, metric))

    def best_so_far(self, metric: str) -> list[float]:
        """Return the best metric up to each epoch."""
        running: list[float] = []
        for epoch in self.history:
            value = float(getattr(epoch, metric))
            running.append(min([value, *running[-1:]], key=lambda value: sort_key(value, metric)))
        return running


IsFinished = Callable[[Trial], bool]
"""Predicate: whether a trial has reached the end of its training."""


class SweepFolder(RunFolder):
    """Folder of a sweep and its trials."""

    def trial_folder(self, number: int) -> RunFolder:
        """Return a trial's folder."""
        return RunFolder(self.path, f"{_TRIAL}{number:03d}")

    def write_trial(self, trial: Trial) -> None:
        """Write a trial's settings and status."""
        record = {name: value for name, value in dataclasses.asdict(trial).items() if name != "history"}
        where = files.join(self.trial_folder(trial.number).path, "trial.json")
        atomic.write_text(where, json.dumps(record, indent=2, ensure_ascii=False))

    def keep_best(self, trial: Trial, metric: str) -> None:
        """Remove all checkpoints of an ended trial but its best; a failed trial keeps none.

        The best is chosen among existing checkpoints: workers of a stopped trial trained further than was reported to
        Tune, and Ray Train made its own choice of epochs. If no checkpoint matches the trial's best epoch, its history
        is truncated at the best checkpoint: metrics without their model are no result.
        """
        if not trial.ended:
            return
        own = self.trial_folder(trial.number)
        checkpoint = None if trial.status == "failed" else own.best(metric)
        own.prune_checkpoints({checkpoint.epoch} if checkpoint else ())
        if checkpoint:
            trial.history = max(trial.history, own.history(), key=len)
            best = trial.best_epoch(metric)
            ended = trial.history[: checkpoint.epoch]
            if best is not None and getattr(ended[-1], metric) != getattr(best, metric):
                trial.history = ended

    def trials(self) -> list[Trial]:
        """Return the trials started so far, by number."""
        trials = []
        for name in files.folders(self.path):
            where = files.join(self.path, name, "trial.json")
            if name.startswith(_TRIAL) and files.exists(where):
                record = read_json(where)
                try:
                    record["settings"] = with_tuples(with_new_names(record["settings"]))
                    trial = Trial(**record, history=RunFolder(self.path, name).history())
                except (KeyError, TypeError, AttributeError) as error:
                    raise TrainError(
                        f"{where} is damaged ({in_short(error)}): remove the folder {name}, and the trial is run again"
                    ) from error
                if not trial.ended:
                    # If interrupted between an epoch's metrics and its checkpoint, it resumes from the checkpoint.
                    last = self.trial_folder(trial.number).last()
                    trial.history = trial.history[: last.epoch if last else 0]
                trials.append(trial)
        return sorted(trials, key=lambda trial: trial.number)

    def earlier(self, is_finished: IsFinished) -> list[Trial]:
        """Return the trials started so far, by number; mark those at their last epoch as finished."""
        trials = self.trials()
        for trial in trials:
            if not trial.ended and is_finished(trial):
                trial.status, trial.reason = "finished", ""
                self.write_trial(trial)
        return trials
