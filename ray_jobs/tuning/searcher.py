"""Which settings a sweep tries next, and which trials it stops: Ray Tune asks, this answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from genre_models.models.search_space import Choice, Range, SearchSpace, Setting
from genre_models.training.history import METRICS
from ray_jobs.cli.errors import TrainError
from ray_jobs.runs.sweep_folder import START, Trial

# -- settings ---------------------------------------------------------------------------------------------------------


class Sampler(Protocol):
    """Draws the settings of a trial."""

    def ask(self, number: int) -> dict[str, Any]:
        """Return the settings of trial `number`."""

    def tell(self, number: int, settings: dict[str, Any], value: float | None) -> None:
        """Learn what a trial came to by the sweep's metric; None if it failed."""


class RandomSampler:
    """Draws every trial's settings independently, from the seed and the trial's number alone."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space, self._seed = space, seed

    def ask(self, number: int) -> dict[str, Any]:
        """Return the settings of trial `number`."""
        rng = np.random.default_rng([self._seed, number])
        return {name: setting.sample(rng) for name, setting in self._space.items()}

    def tell(self, number: int, settings: dict[str, Any], value: float | None) -> None:
        """Learn nothing: that is what makes it random."""


class OptunaSampler:
    """Draws settings where earlier trials did well: its tree-structured Parzen estimator (Bergstra 2011)."""

    def __init__(self, space: SearchSpace, seed: int, metric: str) -> None:
        try:
            import optuna
        except ImportError as error:
            raise TrainError(
                "--search optuna needs the package optuna: `pip install film-genres[optuna]`, or use --search random"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._space = optuna, space
        self._distributions = {name: self._distribution(setting) for name, setting in space.items()}
        self._study = optuna.create_study(
            direction="minimize" if METRICS[metric] == "min" else "maximize",
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
        self._asked: dict[int, Any] = {}

    def ask(self, number: int) -> dict[str, Any]:
        """Return the settings of trial `number`, knowing all trials told so far."""
        asked = self._study.ask(self._distributions)
        self._asked[number] = asked
        return {name: _from_optuna(self._space[name], asked.params[name]) for name in self._space}

    def tell(self, number: int, settings: dict[str, Any], value: float | None) -> None:
        """Learn what a trial came to, whether it was drawn here or by an earlier launch."""
        state = self._optuna.trial.TrialState
        if number in self._asked:
            asked = self._asked.pop(number)
            self._study.tell(asked, value, state=state.COMPLETE if value is not None else state.FAIL)
        elif value is not None and all(self._space[name].contains(settings[name]) for name in self._space):
            params = {name: _to_optuna(self._space[name], settings[name]) for name in self._space}
            self._study.add_trial(
                self._optuna.trial.create_trial(params=params, distributions=self._distributions, value=value)
            )

    def _distribution(self, setting: Setting) -> Any:
        kinds = self._optuna.distributions
        if isinstance(setting, Choice):
            return kinds.CategoricalDistribution(tuple(range(len(setting.values))))
        if isinstance(setting.low, int) and isinstance(setting.high, int):
            return kinds.IntDistribution(setting.low, setting.high, log=setting.log, step=int(setting.step or 1))
        return kinds.FloatDistribution(setting.low, setting.high, log=setting.log, step=setting.step)


def _from_optuna(setting: Setting, value: Any) -> Any:
    if isinstance(setting, Choice):
        return setting.values[value]
    # Short enough to read, to type, and to be the same number in every file.
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _to_optuna(setting: Choice | Range, value: Any) -> Any:
    return setting.values.index(value) if isinstance(setting, Choice) else value


class Plan(Searcher):
    """Gives Tune the trials to run: those to go on with first, then the starting point, then what the sampler draws."""

    def __init__(
        self,
        sampler: Sampler,
        *,
        start: dict[str, Any],
        going_on: Sequence[Trial],
        ended: Sequence[Trial],
        metric: str,
    ) -> None:
        super().__init__(metric="best", mode=METRICS[metric])
        self._sampler, self._start = sampler, start
        self._going_on = [(trial.number, trial.settings) for trial in going_on]
        self._next = max([trial.number for trial in (*going_on, *ended)], default=0) + 1
        self._running: dict[str, tuple[int, dict[str, Any]]] = {}
        for trial in ended:
            self._sampler.tell(trial.number, trial.settings, trial.best(metric))

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Return the next trial's number and settings."""
        if self._going_on:
            number, settings = self._going_on.pop(0)
        else:
            number, self._next = self._next, self._next + 1
            settings = dict(self._start) if number == START else self._sampler.ask(number)
        self._running[trial_id] = number, settings
        return {"number": number, "settings": settings}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the sampler what the trial came to."""
        if trial_id not in self._running:
            return
        number, settings = self._running.pop(trial_id)
        last = result or {}
        best = float(last.get("best", math.nan))
        failed = error or last.get("failed") or not np.isfinite(best)
        self._sampler.tell(number, settings, None if failed else best)

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: the sweep's folder is what a sweep goes on from (`sweep_folder`), without pickles."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Refuse: see `save`."""
        raise NotImplementedError


# -- early stopping ---------------------------------------------------------------------------------------------------


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
