"""Analysis of a hyperparameter sweep: its best trial, what early stopping saved, which settings mattered."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genre_models.metrics.names import other_selecting

STATUSES = ("finished", "stopped", "failed", "running", "waiting")
# Fewer trials than this cannot tell two settings apart.
FEWEST_TRIALS = 8
_TREES, _SHUFFLES = 200, 10


def analysed(sweep: Mapping[str, Any], *, seed: int = 0) -> dict[str, Any]:
    """Return the sweep with its `analysis`, all that the report computes from the trials.

    `analysis` holds `best` (the number of the best trial, or None), `counts`, `saved`, `importance`, and `rows`:
    for each trial in order its `number`, `epochs`, `best_epoch`, `value` (the metric at that epoch), `other` (the
    other of the two metrics at that epoch) and `seconds`. An analysis that is there already is made anew.
    """
    best = best_trial(sweep)
    analysis = {
        "best": None if best is None else best["number"],
        "counts": counts(sweep),
        "saved": saved(sweep),
        "importance": importance(sweep, seed),
        "rows": [_row(trial, str(sweep["metric"]), str(sweep["mode"])) for trial in sweep["trials"]],
    }
    return {**sweep, "analysis": analysis}


def best_trial(sweep: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the trial with the best epoch, the first if equal, or None.

    A failed trial never wins: whoever trains on with its settings must expect them to fail again.
    """
    ranked = [
        (epoch[1] if sweep["mode"] == "min" else -epoch[1], place)
        for place, trial in enumerate(sweep["trials"])
        if trial["status"] != "failed" and (epoch := best_epoch_of(trial, sweep["metric"], sweep["mode"]))
    ]
    return sweep["trials"][min(ranked)[1]] if ranked else None


def best_epoch_of(trial: Mapping[str, Any], metric: str, mode: str) -> tuple[int, float] | None:
    """Return the best epoch of a trial and the metric there, the first of equals; None and NaN never win."""
    if mode not in ("min", "max"):
        raise ValueError(f"mode must be min or max, not {mode!r}")
    ranked = [
        (value if mode == "min" else -value, place)
        for place, epoch in enumerate(trial["history"])
        if (value := _finite(epoch.get(metric))) is not None
    ]
    if not ranked:
        return None
    value, place = min(ranked)
    return _epoch_at(trial, place), value if mode == "min" else -value


def counts(sweep: Mapping[str, Any]) -> dict[str, int]:
    """Count the trials of each status."""
    statuses = [trial["status"] for trial in sweep["trials"]]
    return {status: statuses.count(status) for status in STATUSES}


def saved(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """Return the savings of early stopping: epochs and seconds that were run, and those of running in full.

    In full, a trial would have taken `epochs` epochs at its own mean seconds an epoch. Failed and running trials
    count what they ran on both sides, because no scheduler saved the rest; trials without an epoch count nothing.
    `share_run` is the share of epochs that were run, None before the first one.
    """
    epochs_run = epochs_in_full = 0
    seconds_run = seconds_in_full = 0.0
    for trial in sweep["trials"]:
        run = len(trial["history"])
        timed = _seconds(trial)
        full = max(run, int(sweep["epochs"])) if run and trial["status"] in ("finished", "stopped") else run
        epochs_run += run
        epochs_in_full += full
        if timed:
            # An epoch without a time is taken to be as long as the others.
            mean = sum(timed) / len(timed)
            seconds_run += mean * run
            seconds_in_full += mean * full
    return {
        "epochs_run": epochs_run,
        "epochs_in_full": epochs_in_full,
        "share_run": epochs_run / epochs_in_full if epochs_in_full else None,
        "seconds_run": seconds_run,
        "seconds_in_full": seconds_in_full,
    }


def importance(sweep: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """Return the importance of each setting: a random forest's permutation importance.

    The forest learns each trial's best metric from its settings (Breiman 2001, "Random Forests"). Metrics enter as
    ranks, so that one diverged trial does not decide everything; settings on their own scale, as the logarithm
    where the space is logarithmic, and choices by their place. A trial that was stopped early takes part with the
    best metric until then, which flatters the settings that learn fast.

    Returns:
        `settings`: most important first, `setting`, `importance` (share of the whole, they sum to 1) and `spread`
            (standard deviation over shuffles, same scale); None where nothing can be said, for the `reason`.
        `fit`: how much of the ranks the forest explains of trials left out of its trees (out-of-bag R²), or None.
        `trials`: how many trials had a metric.
        `reason`: one sentence, empty where there are `settings`.
    """
    rows = [
        (trial["settings"], epoch[1])
        for trial in sweep["trials"]
        if (epoch := best_epoch_of(trial, sweep["metric"], sweep["mode"])) is not None
    ]
    answer: dict[str, Any] = {"settings": None, "fit": None, "trials": len(rows), "reason": ""}
    if len(rows) < FEWEST_TRIALS:
        few = f"Only {len(rows)} {'trial has' if len(rows) == 1 else 'trials have'} a figure"
        return answer | {"reason": f"{few}; at least {FEWEST_TRIALS} are needed to tell settings apart."}
    names = list(sweep["space"])
    features = np.array([[*column] for column in zip(*(_codes(sweep, name, rows) for name in names), strict=True)])
    ranks = _ranks(np.array([value for _, value in rows]))
    if not names or not np.ptp(features, axis=0).any() or np.ptp(ranks) == 0:
        return answer | {"reason": "The trials differ in no setting, or not in the metric."}
    fit, means, spreads = _forest(features, ranks, seed)
    answer["fit"] = fit
    shares = np.maximum(means, 0)
    if fit <= 0 or shares.sum() == 0:
        return answer | {"reason": "The settings explain nothing of the differences between these trials."}
    order = np.argsort(-shares, kind="stable")
    answer["settings"] = [
        {
            "setting": names[place],
            "importance": float(shares[place] / shares.sum()),
            "spread": float(spreads[place] / shares.sum()),
        }
        for place in order.tolist()
    ]
    return answer


def _row(trial: Mapping[str, Any], metric: str, mode: str) -> dict[str, Any]:
    best = best_epoch_of(trial, metric, mode)
    at_best: Mapping[str, Any] = next(
        (e for i, e in enumerate(trial["history"]) if best and _epoch_at(trial, i) == best[0]), {}
    )
    timed = _seconds(trial)
    return {
        "number": trial["number"],
        "epochs": len(trial["history"]),
        "best_epoch": best[0] if best else None,
        "value": best[1] if best else None,
        "other": _finite(at_best.get(other_selecting(metric))),
        "seconds": sum(timed) if timed else None,
    }


def _seconds(trial: Mapping[str, Any]) -> list[float]:
    return [seconds for epoch in trial["history"] if (seconds := _finite(epoch.get("seconds"))) is not None]


def _epoch_at(trial: Mapping[str, Any], place: int) -> int:
    return int(trial["history"][place].get("epoch") or place + 1)


def _forest(features: np.ndarray, target: np.ndarray, seed: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the out-of-bag R² and the mean and deviation of each feature's permutation importance.

    features: float64 [trials, settings]; target: float64 [trials].
    """
    # Imported here and not above, so that naming the best trial costs no second of scikit-learn.
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    # Two trials a leaf at least: a tree that learns every trial by heart finds meaning in noise.
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, oob_score=True, random_state=seed)
    forest.fit(features, target)
    result = permutation_importance(forest, features, target, n_repeats=_SHUFFLES, random_state=seed)
    return float(forest.oob_score_), result.importances_mean, result.importances_std


def _codes(sweep: Mapping[str, Any], name: str, rows: Sequence[tuple[Mapping[str, Any], float]]) -> list[float]:
    """Return one number a trial for a setting: its logarithm, its value, or its place among the choices."""
    space = sweep["space"][name]
    values = [settings.get(name) for settings, _ in rows]
    if "values" not in space:
        numbers = [_finite(value) for value in values]
        if space.get("log"):
            numbers = [math.log10(value) if value is not None and value > 0 else None for value in numbers]
        known = [value for value in numbers if value is not None]
        middle = float(np.median(known)) if known else 0.0
        return [middle if value is None else value for value in numbers]
    # The starting point may lie outside of the choices.
    choices = [*space["values"], *(value for value in values if value is not None)]
    if all(_finite(choice) is not None for choice in choices):
        choices.sort()
    places: dict[str, float] = {}
    for choice in choices:
        places.setdefault(_key(choice), float(len(places)))
    return [places.get(_key(value), -1.0) for value in values]


def _key(choice: object) -> str:
    """Return a choice as a dict's key: lists cannot be one, and 64 and 64.0 are one choice."""
    numeric = _finite(choice)
    return json.dumps(choice, sort_keys=True) if numeric is None else repr(numeric)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks of values from 0 to 1, equals at their mean."""
    _, inverse, number_of = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(number_of)
    return (ends - (number_of + 1) / 2)[inverse] / max(1, len(values) - 1)


def _finite(value: object) -> float | None:
    """Return the value as a finite float, or None; booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    return float(value) if math.isfinite(value) else None
