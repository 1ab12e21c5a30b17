"""Ray Tune callback of an ablation: records trials as a sweep does, shows them by variant."""

from __future__ import annotations

from typing import Any

from ray_jobs.cli.console import counted, metric_name
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.tuning.progress_callback import SweepCallback

_SHOWN = 6


class AblationCallback(SweepCallback):
    """Ray Tune callback of an ablation."""

    noun = "trainings"

    def __init__(
        self, folder: SweepFolder, trials: list[Trial], *, names: dict[int, str], epochs_of: dict[int, int], **rest: Any
    ) -> None:
        self.folder = folder
        self._names, self._epochs_of = names, epochs_of
        self._printed = {trial.number for trial in trials if trial.ended}
        super().__init__(folder, trials, **rest)

    def show(self) -> None:
        """Show the status block, and a line for each training that has newly ended."""
        for trial in self.trials.values():
            if trial.ended and trial.number not in self._printed:
                self._printed.add(trial.number)
                best = trial.best(self._metric)
                if trial.status == "finished" and best is not None:
                    self._console.line(
                        f"{self._names[trial.number]}: {metric_name(self._metric)} {best:.4f} "
                        f"({counted(len(trial.history), 'epoch')}, trial {trial.number})"
                    )
        self._console.block(self.status_lines())

    def status_lines(self) -> list[str]:
        """Return the status block: counts of trainings, those running, and the time left."""
        lines = [self._counts()]
        running = [trial for trial in self.trials.values() if trial.status == "running"]
        for trial in running[:_SHOWN]:
            lines.append(
                f"now:  {self._names[trial.number]}, epoch {len(trial.history)}/{self._epochs_of[trial.number]}"
            )
        if len(running) > _SHOWN:
            lines.append(f"      and {len(running) - _SHOWN} more")
        return lines
