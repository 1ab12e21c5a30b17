"""Which trials of a sweep are stopped early."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from genre_models.training.history import METRICS
from ray_jobs.runs.sweep_folder import START


class Halving(ASHAScheduler):
    """Asynchronous successive halving over epochs (Li et al. 2020) by each trial's best epoch so far.

    Trial 1 is never stopped: what a sweep gained is measured against the whole of it.
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
        """Numbers of the trials it stopped."""
        self._epochs = epochs
        self._earlier: dict[int, list[float]] = {}

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Take a trial in; one that goes on is taken to have reported its epochs of earlier launches."""
        super().on_trial_add(tune_controller, trial)
        for epoch, best in enumerate(self._earlier.get(trial.config["number"], ()), start=1):
            super().on_trial_result(tune_controller, trial, {"epoch": epoch, "best": best})

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide whether a trial goes on, and remember which were stopped."""
        action = super().on_trial_result(tune_controller, trial, result)
        number = trial.config["number"]
        # At the last epoch a trial ends by itself, in its own time.
        if action == TrialScheduler.CONTINUE or number == START or result["epoch"] >= self._epochs:
            return TrialScheduler.CONTINUE
        self.stopped.add(number)
        return action

    def replay(self, number: int, best_so_far: Sequence[float], *, ended: bool) -> None:
        """Take the epochs of a trial of an earlier launch into account."""
        self._earlier[number] = list(best_so_far)
        if ended:
            self.on_trial_add(None, SimpleNamespace(trial_id=f"earlier-{number}", config={"number": number}))


class NoHalving(FIFOScheduler):
    """Lets every trial run to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: set[int] = set()
