"""The sweep's folder: a folder for each trial, kept as a run's is, and what a sweep goes on from.

RUNS/NAME/run.json            the options the sweep was started with
RUNS/NAME/trial-007/          trial.json (settings, how it ended), and a run's history.csv, epoch-012/, tensorboard/
RUNS/NAME/sweep.html          the page to read, with sweep.json, trials.csv, trials.md and the pictures
RUNS/NAME/best_config.yaml    the best trial's settings, for train_*.py --config
RUNS/NAME/tune/               Ray Tune's own files; nothing here reads them
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
from genre_models.models.renamed_options import with_new_names
from genre_models.training.history import EpochMetrics, best_epoch, sort_key
from ray_jobs.runs.run_folder import RunFolder

_TRIAL = "trial-"
ENDED = ("finished", "stopped", "failed")

START = 1
"""Number of the trial that has the starting point's settings."""


@dataclass
class Trial:
    """One trial: its settings and how far it came."""

    number: int
    """From 1; trial 1 is the starting point."""
    settings: dict[str, Any]
    status: str = "waiting"
    """waiting, running, finished, stopped (early, by the scheduler) or failed."""
    reason: str = ""
    """Why it failed, was stopped or waits, in a line."""
    history: list[EpochMetrics] = field(default_factory=list)
    start_seconds: dict[str, float] = field(default_factory=dict)
    """What passed between its start and its first training step: importing, films, building the model, first step."""
    cpu_seconds: float = 0.0
    """CPU time of the trial's process in its last launch; 0 where workers of Ray Train trained it."""

    @property
    def ended(self) -> bool:
        """Return whether nothing of it remains to be run."""
        return self.status in ENDED

    def best_epoch(self, metric: str) -> EpochMetrics | None:
        """Return its best epoch; None where it has none with a figure."""
        best = best_epoch(self.history, metric) if self.history else None
        return best if best is not None and math.isfinite(getattr(best, metric)) else None

    def best(self, metric: str) -> float | None:
        """Return the figure of its best epoch; None where it has none."""
        best = self.best_epoch(metric)
        return None if best is None else float(getattr(best, metric))

    def best_so_far(self, metric: str) -> list[float]:
        """Return after each epoch the best figure until then."""
        found: list[float] = []
        for epoch in self.history:
            value = float(getattr(epoch, metric))
            found.append(min([value, *found[-1:]], key=lambda value: sort_key(value, metric)))
        return found


IsOver = Callable[[Trial], bool]
"""Tells whether a trial came to the end of its training."""


class SweepFolder(RunFolder):
    """Writes and reads what a sweep keeps of its trials."""

    def trial_folder(self, number: int) -> RunFolder:
        """Return a trial's folder."""
        return RunFolder(self.path, f"{_TRIAL}{number:03d}")

    def write_trial(self, trial: Trial) -> None:
        """Keep a trial's settings and how it stands."""
        kept = {name: value for name, value in dataclasses.asdict(trial).items() if name != "history"}
        where = files.join(self.trial_folder(trial.number).path, "trial.json")
        atomic.write_text(where, json.dumps(kept, indent=2, ensure_ascii=False))

    def keep_best(self, trial: Trial, metric: str) -> None:
        """Remove what an ended trial needs no longer: all checkpoints but its best, and a failed one's whole.

        The best is the best of those there are: workers of a trial that was stopped came further than Tune was told,
        and Ray Train kept its own choice of their epochs. Where none is as good as the trial's best epoch, its history
        ends with the one that is kept: a figure without its model is no result.
        """
        if not trial.ended:
            return
        own = self.trial_folder(trial.number)
        kept = None if trial.status == "failed" else own.best(metric)
        own.prune_checkpoints({kept.epoch} if kept else ())
        if kept:
            trial.history = max(trial.history, own.history(), key=len)
            best = trial.best_epoch(metric)
            ended = trial.history[: kept.epoch]
            if best is not None and getattr(ended[-1], metric) != getattr(best, metric):
                trial.history = ended

    def trials(self) -> list[Trial]:
        """Return the trials started so far, by number."""
        found = []
        for name in files.folders(self.path):
            where = files.join(self.path, name, "trial.json")
            if name.startswith(_TRIAL) and files.exists(where):
                kept = json.loads(files.read_text(where))
                kept["settings"] = with_tuples(with_new_names(kept["settings"]))
                trial = Trial(**kept, history=RunFolder(self.path, name).history())
                if not trial.ended:
                    # Cut off between an epoch's figures and its checkpoint, it goes on from the checkpoint.
                    stands = max(self.trial_folder(trial.number).checkpoints(), default=0)
                    trial.history = trial.history[:stands]
                found.append(trial)
        return sorted(found, key=lambda trial: trial.number)

    def earlier(self, is_finished: IsOver) -> list[Trial]:
        """Return the trials started so far, by number; one that came to its last epoch unseen has ended."""
        trials = self.trials()
        for trial in trials:
            if not trial.ended and is_finished(trial):
                trial.status, trial.reason = "finished", ""
                self.write_trial(trial)
        return trials
