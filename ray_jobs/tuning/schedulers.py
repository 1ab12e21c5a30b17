"""Ray Tune schedulers of a sweep, which stop trials early."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from genre_models.training.history import METRICS
from ray_jobs.runs.sweep_folder import START


class ResumableASHA(ASHAScheduler):
    """Asynchronous successive halving over epochs (Li et al. 2020) by each trial's best epoch so far.

    Trial 1, the starting point, is never stopped: the gain of a sweep is measured against its full run.
    """

    def __init__(self, *, epochs: int, grace_epochs: int, reduction_factor: int, metric: str) -> None:
        super().__init__(
            time_attr="epoch",
            metric="best",
            mode=METRICS[metric],
            max_t=epochs,
            grace_period=min(epochs, grace_epochs),
            reduction_factor=reduction_factor,
        )
        self.stopped: set[int] = set()
        """Numbers of the stopped trials."""
        self._epochs = epochs
        self._earlier: dict[int, list[float]] = {}

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Add a trial; a resumed one also reports its epochs of earlier launches."""
        super().on_trial_add(tune_controller, trial)
        for epoch, best in enumerate(self._earlier.get(trial.config["number"], ()), start=1):
            super().on_trial_result(tune_controller, trial, {"epoch": epoch, "best": best})

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Return whether a trial continues, and record it if it is stopped."""
        action = super().on_trial_result(tune_controller, trial, result)
        number = trial.config["number"]
        # At the last epoch a trial ends by itself.
        if action == TrialScheduler.CONTINUE or number == START or result["epoch"] >= self._epochs:
            return TrialScheduler.CONTINUE
        self.stopped.add(number)
        return action

    def replay(self, number: int, best_so_far: Sequence[float], *, ended: bool) -> None:
        """Register the epochs of a trial of an earlier launch."""
        self._earlier[number] = list(best_so_far)
        if ended:
            self.on_trial_add(None, SimpleNamespace(trial_id=f"earlier-{number}", config={"number": number}))


class RunAll(FIFOScheduler):
    """Scheduler that stops no trial early."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: set[int] = set()
