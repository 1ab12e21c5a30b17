"""Ray Tune callback that records every trial's metrics and shows the progress of a sweep."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from ray.tune import Callback

from genre_models.training.history import EpochMetrics, sort_key
from ray_jobs.cli.console import Console, counted, duration, metric_name, settings_line
from ray_jobs.runs.sweep_folder import IsFinished, SweepFolder, Trial

_EPOCH_FIELDS = tuple(EpochMetrics.__dataclass_fields__)
_LABELS = {"finished": "finished", "stopped": "stopped early", "failed": "failed", "running": "running"}
CUT_SHORT = "cut short: goes on with --resume"


class SweepCallback(Callback):
    """Records the trials of a sweep and shows its progress."""

    noun = "trials"

    def __init__(
        self,
        folder: SweepFolder,
        trials: list[Trial],
        *,
        requested: int,
        epochs: int,
        is_finished: IsFinished,
        metric: str,
        scheduler: Any,
        console: Console,
        workers_of_train: bool = False,
    ) -> None:
        """Start with the known trials; set `workers_of_train` if Ray Train's workers train them."""
        self.trials = {trial.number: trial for trial in trials}
        self._folder, self._requested, self._epochs, self._metric = folder, requested, epochs, metric
        self._is_finished = is_finished
        self._scheduler, self._console = scheduler, console
        self._workers_of_train = workers_of_train
        self._started = time.monotonic()
        self._ended_before = sum(trial.ended for trial in trials)
        self._best: Trial | None = best_of(self.trials.values(), metric)

    # -- callbacks of Ray Tune ----------------------------------------------------------------------------------------

    def on_trial_start(self, *, trial: Any, **_: Any) -> None:
        """Record that a trial is running."""
        number = trial.config["number"]
        record = self.trials.setdefault(number, Trial(number, trial.config["settings"]))
        record.status, record.reason = "running", ""
        self._folder.write_trial(record)
        self.show()

    def on_trial_result(self, *, trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Record an epoch's metrics, or the reason of a failure."""
        record = self.trials[trial.config["number"]]
        if result.get("failed"):
            record.reason = result["failed"]
            record.status = "waiting" if result.get("try_again") else "failed"
            return
        if "epoch" not in result:
            return
        epoch = EpochMetrics(**{name: result[name] for name in _EPOCH_FIELDS})
        # A trial restarted after a crash may repeat epochs.
        record.history = [*record.history[: epoch.epoch - 1], epoch]
        record.cpu_seconds = result.get("cpu_seconds", 0.0)
        record.start_seconds = record.start_seconds or result.get("start_seconds", {})
        self.show()

    def on_trial_complete(self, *, trial: Any, **_: Any) -> None:
        """Record the end of a trial: finished, stopped early, failed or interrupted."""
        record = self.trials[trial.config["number"]]
        if record.reason:
            self._end(record, record.status)
        elif self._is_finished(record):
            self._end(record, "finished")
        elif record.number in self._scheduler.stopped:
            self._end(record, "stopped", f"not among the best after epoch {len(record.history)}")
        else:
            self._end(record, "waiting", CUT_SHORT)

    def on_trial_recover(self, *, trial: Any, **_: Any) -> None:
        """Print that a trial's process died and is restarted."""
        record = self.trials[trial.config["number"]]
        self._console.line(
            f"The process of trial {record.number} died after {counted(len(record.history), 'epoch')}: "
            "starting it again"
        )

    def on_trial_error(self, *, trial: Any, **_: Any) -> None:
        """Record a trial as failed: its process died more often than Ray Tune restarts it."""
        record = self.trials[trial.config["number"]]
        self._end(record, "failed", record.reason or _error_of(trial))

    def mark_interrupted(self) -> None:
        """Record running trials as interrupted, by the time budget or by the user."""
        for record in self.trials.values():
            if record.status == "running":
                self._end(record, "waiting", CUT_SHORT)

    # -- display ------------------------------------------------------------------------------------------------------

    def _end(self, trial: Trial, status: str, reason: str = "") -> None:
        trial.status, trial.reason = status, trial.reason or reason
        self._folder.write_trial(trial)
        if not (self._workers_of_train and status == "stopped"):
            # Ray Train deletes checkpoints until its last process ends: deleting at the same time could leave none.
            self._folder.keep_best(trial, self._metric)
        if status == "failed" or (status == "waiting" and not reason):
            outcome = "failed" if status == "failed" else "had to stop"
            self._console.line(
                f"Trial {trial.number} {outcome} after {counted(len(trial.history), 'epoch')}: {trial.reason}"
            )
        self.show()

    def show(self) -> None:
        """Show the progress of the sweep."""
        best = best_of(self.trials.values(), self._metric)
        if best is not None and best is not self._best:
            self._best = best
            self._console.line(f"Best so far: {self._summary(best)}")
        self._console.block(self.status_lines())

    def status_lines(self) -> list[str]:
        """Return the status as lines: trial counts, best trial, running trials, remaining time."""
        lines = [self._counts()]
        if self._best is not None:
            lines.append(f"best: {self._summary(self._best)}")
            lines.append(f"      {settings_line(self._best.settings)}")
        running = [trial for trial in self.trials.values() if trial.status == "running"]
        if running:
            shown = ", ".join(f"trial {t.number} at epoch {len(t.history)}/{self._epochs}" for t in running[:6])
            lines.append(f"now:  {shown}{f' and {len(running) - 6} more' if len(running) > 6 else ''}")
        return lines

    def _counts(self) -> str:
        """Return the number of trials by status, and the remaining time, as a line."""
        counts = Counter(trial.status for trial in self.trials.values())
        ended = sum(trial.ended for trial in self.trials.values())
        parts = [f"{counts[status]} {label}" for status, label in _LABELS.items() if counts[status]]
        details = f" ({', '.join(parts)})" if parts else ""
        return f"{ended} of {self._requested} {self.noun} ended{details}{self._left(ended)}"

    def _left(self, ended: int) -> str:
        """Return an estimate of the remaining time from the trials of this launch."""
        done = ended - self._ended_before
        elapsed = time.monotonic() - self._started
        if done < 1 or ended >= self._requested:
            return ""
        return f", about {duration(elapsed * (self._requested - ended) / done)} left"

    def _summary(self, trial: Trial) -> str:
        value = trial.best(self._metric)
        text = f"trial {trial.number}, {metric_name(self._metric)} {value:.4f}"
        start = self.trials.get(1)
        if start is not None and start is not trial and (before := start.best(self._metric)) is not None:
            text += f" (trial 1, the starting point: {before:.4f} after {counted(len(start.history), 'epoch')})"
        return text


def best_of(trials: Any, metric: str) -> Trial | None:
    """Return the trial with the best epoch, the first of equals, without failed trials."""
    ranked = [
        (sort_key(best, metric), trial.number, trial)
        for trial in trials
        if trial.status != "failed" and (best := trial.best(metric)) is not None
    ]
    return min(ranked, key=lambda entry: entry[:2])[2] if ranked else None


def _error_of(trial: Any) -> str:
    """Return the error of a dead trial in one line."""
    from ray_jobs.cli.errors import reason

    error = trial.get_pickled_error() or trial.get_error()
    if error is None:
        return "its process died"
    message = reason(error)
    return "its process died (out of memory, or its machine is gone)" if "ActorDied" in message else message
