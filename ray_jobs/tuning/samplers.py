"""Samplers of trial settings: random search and Optuna."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from genre_models.models.search_space import Choice, Range, SearchSpace, Setting
from genre_models.training.history import METRICS
from ray_jobs.cli.errors import TrainError


class Sampler(Protocol):
    """Samples the settings of trials."""

    def ask(self, number: int) -> dict[str, Any]:
        """Return the settings of trial `number`."""

    def tell(self, number: int, settings: dict[str, Any], value: float | None) -> None:
        """Record a trial's best value of the sweep's metric; None if it failed."""


class RandomSampler:
    """Random search: each trial's settings depend only on the seed and the trial's number."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space, self._seed = space, seed

    def ask(self, number: int) -> dict[str, Any]:
        """Return the settings of trial `number`."""
        rng = np.random.default_rng([self._seed, number])
        return {name: setting.sample(rng) for name, setting in self._space.items()}

    def tell(self, number: int, settings: dict[str, Any], value: float | None) -> None:
        """Ignore the result: random search does not use it."""


class OptunaSampler:
    """Optuna's tree-structured Parzen estimator (Bergstra 2011)."""

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
        self._pending: dict[int, Any] = {}

    def ask(self, number: int) -> dict[str, Any]:
        """Return the settings of trial `number`, given the trials recorded so far."""
        requested = self._study.ask(self._distributions)
        self._pending[number] = requested
        return {name: _from_optuna(self._space[name], requested.params[name]) for name in self._space}

    def tell(self, number: int, settings: dict[str, Any], value: float | None) -> None:
        """Record a trial's result, of this or of an earlier launch."""
        state = self._optuna.trial.TrialState
        if number in self._pending:
            requested = self._pending.pop(number)
            self._study.tell(requested, value, state=state.COMPLETE if value is not None else state.FAIL)
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
    # Three digits are readable and keep the number identical in every file.
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _to_optuna(setting: Choice | Range, value: Any) -> Any:
    return setting.values.index(value) if isinstance(setting, Choice) else value
