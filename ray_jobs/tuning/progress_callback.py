"""Watching a sweep from the driver: every trial's figures are recorded as they come, and one calm block is shown."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from ray.tune import Callback

from genre_models.training.history import Epoch, badness
from ray_jobs.cli.console import Screen, counted, duration, metric_name, settings_line
from ray_jobs.runs.sweep_folder import IsOver, SweepFolder, Trial

_EPOCH_FIELDS = tuple(Epoch.__dataclass_fields__)
CUT_SHORT = "cut short: goes on with --resume"


class Watch(Callback):
    """Ray Tune's callback of a sweep."""

    def __init__(
        self,
        folder: SweepFolder,
        trials: list[Trial],
        *,
        asked: int,
        epochs: int,
        is_over: IsOver,
        metric: str,
        scheduler: Any,
        screen: Screen,
        workers_of_train: bool = False,
    ) -> None:
        """Watch a sweep of these trials; `workers_of_train` where Ray Train's workers train them."""
        self.trials = {trial.number: trial for trial in trials}
        self._folder, self._asked, self._epochs, self._metric = folder, asked, epochs, metric
        self._is_over = is_over
        self._scheduler, self._screen = scheduler, screen
        self._workers_of_train = workers_of_train
        self._started = time.monotonic()
        self._ended_before = sum(trial.ended for trial in trials)
        self._best: Trial | None = best_of(self.trials.values(), metric)

    # -- what Tune tells --------------------------------------------------------------------------------------------

    def on_trial_start(self, *, trial: Any, **_: Any) -> None:
        """Record that a trial runs."""
        number = trial.config["number"]
        known = self.trials.setdefault(number, Trial(number, trial.config["settings"]))
        known.status, known.reason = "running", ""
        self._folder.write_trial(known)
        self.show()

    def on_trial_result(self, *, trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Record an epoch's figures, or why the trial could not go on."""
        known = self.trials[trial.config["number"]]
        if result.get("failed"):
            known.reason = result["failed"]
            known.status = "waiting" if result.get("try_again") else "failed"
            return
        if "epoch" not in result:
            return
        epoch = Epoch(**{name: result[name] for name in _EPOCH_FIELDS})
        # A trial that a crash threw back takes some epochs twice.
        known.history = [*known.history[: epoch.epoch - 1], epoch]
        known.cpu_seconds = result.get("cpu_seconds", 0.0)
        known.start_seconds = known.start_seconds or result.get("start_seconds", {})
        self.show()

    def on_trial_complete(self, *, trial: Any, **_: Any) -> None:
        """Record how a trial ended."""
        known = self.trials[trial.config["number"]]
        if known.reason:
            self._end(known, known.status)
        elif self._is_over(known):
            self._end(known, "finished")
        elif known.number in self._scheduler.stopped:
            self._end(known, "stopped", f"not among the best after epoch {len(known.history)}")
        else:
            self._end(known, "waiting", CUT_SHORT)

    def on_trial_recover(self, *, trial: Any, **_: Any) -> None:
        """Say that a trial's process died, and is started again."""
        known = self.trials[trial.config["number"]]
        self._screen.line(
            f"The process of trial {known.number} died after {counted(len(known.history), 'epoch')}: starting it again"
        )

    def on_trial_error(self, *, trial: Any, **_: Any) -> None:
        """Record that a trial's process died, again and again."""
        known = self.trials[trial.config["number"]]
        self._end(known, "failed", known.reason or _last_words(trial))

    def over(self) -> None:
        """Record that trials still under way were cut short: by the time budget, or by who stopped the sweep."""
        for known in self.trials.values():
            if known.status == "running":
                self._end(known, "waiting", CUT_SHORT)

    # -- what a person sees -------------------------------------------------------------------------------------------

    def _end(self, trial: Trial, status: str, why: str = "") -> None:
        trial.status, trial.reason = status, trial.reason or why
        self._folder.write_trial(trial)
        if not (self._workers_of_train and status == "stopped"):
            # Ray Train removes checkpoints until the last of its processes is gone: two who remove might leave none.
            self._folder.keep_best(trial, self._metric)
        if status == "failed" or (status == "waiting" and not why):
            said = "failed" if status == "failed" else "had to stop"
            self._screen.line(
                f"Trial {trial.number} {said} after {counted(len(trial.history), 'epoch')}: {trial.reason}"
            )
        self.show()

    def show(self) -> None:
        """Show how the sweep stands."""
        best = best_of(self.trials.values(), self._metric)
        if best is not None and best is not self._best:
            self._best = best
            self._screen.line(f"Best so far: {self._told(best)}")
        self._screen.block(self.standing())

    def standing(self) -> list[str]:
        """Return the block: how many trials are where, the best one's settings, what runs, how long still."""
        counts = Counter(trial.status for trial in self.trials.values())
        ended = sum(trial.ended for trial in self.trials.values())
        parts = [
            f"{counts[status]} {name}"
            for status, name in (
                ("finished", "finished"),
                ("stopped", "stopped early"),
                ("failed", "failed"),
                ("running", "running"),
            )
            if counts[status]
        ]
        told = f" ({', '.join(parts)})" if parts else ""
        lines = [f"{ended} of {self._asked} trials ended{told}{self._left(ended)}"]
        if self._best is not None:
            lines.append(f"best: {self._told(self._best)}")
            lines.append(f"      {settings_line(self._best.settings)}")
        running = [trial for trial in self.trials.values() if trial.status == "running"]
        if running:
            shown = ", ".join(f"trial {t.number} at epoch {len(t.history)}/{self._epochs}" for t in running[:6])
            lines.append(f"now:  {shown}{f' and {len(running) - 6} more' if len(running) > 6 else ''}")
        return lines

    def _left(self, ended: int) -> str:
        """Return how long the rest takes, if the trials to come take as long as those of this launch took."""
        done = ended - self._ended_before
        elapsed = time.monotonic() - self._started
        if done < 1 or ended >= self._asked:
            return ""
        return f", about {duration(elapsed * (self._asked - ended) / done)} left"

    def _told(self, trial: Trial) -> str:
        value = trial.best(self._metric)
        told = f"trial {trial.number}, {metric_name(self._metric)} {value:.4f}"
        start = self.trials.get(1)
        if start is not None and start is not trial and (before := start.best(self._metric)) is not None:
            told += f" (trial 1, the starting point: {before:.4f} after {counted(len(start.history), 'epoch')})"
        return told


def best_of(trials: Any, metric: str) -> Trial | None:
    """Return the trial with the best epoch of all, the first of equals; failed ones do not count."""
    found = [
        (badness(best, metric), trial.number, trial)
        for trial in trials
        if trial.status != "failed" and (best := trial.best(metric)) is not None
    ]
    return min(found, key=lambda one: one[:2])[2] if found else None


def _last_words(trial: Any) -> str:
    """Return what Tune knows of a trial's end, in a line."""
    from ray_jobs.cli.errors import reason

    error = trial.get_pickled_error() or trial.get_error()
    if error is None:
        return "its process died"
    told = reason(error)
    return "its process died (out of memory, or its machine is gone)" if "ActorDied" in told else told
