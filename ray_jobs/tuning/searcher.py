"""Ray Tune search algorithm that suggests the trials of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune.search import Searcher

from genre_models.training.history import METRICS
from ray_jobs.runs.sweep_folder import START, Trial
from ray_jobs.tuning.samplers import Sampler


class TrialSearcher(Searcher):
    """Suggests the trials to resume first, then the starting point, then sampled ones."""

    def __init__(
        self,
        sampler: Sampler,
        *,
        start: dict[str, Any],
        unfinished: Sequence[Trial],
        ended: Sequence[Trial],
        metric: str,
    ) -> None:
        super().__init__(metric="best", mode=METRICS[metric])
        self._sampler, self._start = sampler, start
        self._unfinished = [(trial.number, trial.settings) for trial in unfinished]
        self._next = max([trial.number for trial in (*unfinished, *ended)], default=0) + 1
        self._running: dict[str, tuple[int, dict[str, Any]]] = {}
        for trial in ended:
            self._sampler.tell(trial.number, trial.settings, trial.best(metric))

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Return the next trial's number and settings."""
        if self._unfinished:
            number, settings = self._unfinished.pop(0)
        else:
            number, self._next = self._next, self._next + 1
            settings = dict(self._start) if number == START else self._sampler.ask(number)
        self._running[trial_id] = number, settings
        return {"number": number, "settings": settings}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Report the trial's best value to the sampler."""
        if trial_id not in self._running:
            return
        number, settings = self._running.pop(trial_id)
        last = result or {}
        best = float(last.get("best", math.nan))
        failed = error or last.get("failed") or not np.isfinite(best)
        self._sampler.tell(number, settings, None if failed else best)

    def save(self, checkpoint_path: str) -> None:
        """Save an empty file: sweeps resume from their folder (`sweep_folder`), without pickles."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Raise an error: see `save`."""
        raise NotImplementedError
