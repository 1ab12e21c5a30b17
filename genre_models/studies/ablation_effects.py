"""Results of an ablation: each variant's metrics over seeds, and the effect of each component, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genre_models.metrics import bootstrap, classification, names
from genre_models.metrics.thresholds import tune_thresholds

SPLITS = ("validation", "test")
METRIC_KEYS = {metric.short_key: metric.key for metric in names.SUMMARY}
"""Metrics of every run, their flat keys by the keys used here; F1 at thresholds tuned on the validation films."""


@dataclass(frozen=True)
class RunScores:
    """One training run's metrics on the validation and the test films."""

    metrics: dict[str, dict[str, float]]
    """By split and name in METRIC_KEYS."""
    drawn: dict[str, dict[str, np.ndarray]]
    """The same on every resample of the split's films, float64 [resamples]; all runs are resampled alike."""


def evaluate_run(
    labels: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray], *, resamples: int, seed: int = 0
) -> RunScores:
    """Evaluate one run, by the thresholds that its scores of the validation films give.

    Args:
        labels: by split, 0/1 [films, genres].
        scores: by split, probabilities [films, genres].
        resamples: bootstrap resamples wanted; fewer are drawn of very many films.
        seed: seeds them.
    """
    thresholds = tune_thresholds(labels["validation"], scores["validation"])
    metrics, drawn = {}, {}
    for split in SPLITS:
        metrics[split] = names.summary(classification.metrics(labels[split], scores[split], thresholds))
        draws = bootstrap.resample(
            labels[split],
            scores[split],
            thresholds,
            resamples=bootstrap.resamples_for(len(labels[split]), resamples),
            seed=seed,
            one_ranking=False,
        )
        drawn[split] = {name: draws.metrics[key] for name, key in METRIC_KEYS.items()}
    return RunScores(metrics, drawn)


def over_seeds(runs: Sequence[RunScores]) -> dict[str, Any] | None:
    """Return each metric's spread over the runs, by split: mean, lowest, highest, standard deviation.

    The deviation is that of a sample, None for a single run. The result is None where there is no run.
    """
    if not runs:
        return None
    return {
        split: {name: _spread([run.metrics[split][name] for run in runs]) for name in METRIC_KEYS} for split in SPLITS
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    return {
        "mean": float(np.mean(values)),
        "low": float(min(values)),
        "high": float(max(values)),
        "deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
    }


def effect(runs: Mapping[int, RunScores], without: Mapping[int, RunScores]) -> dict[str, Any] | None:
    """Return a component's effect by split and metric, or None without a common seed.

    It is computed from runs with and without the component, by seed.

    Each metric has the `difference`, with less without, as the mean over the seeds that both have; its 95 %
    `interval`, in which films are resampled and the seeds are those there are; `by_seed`, each seed's own difference;
    and `clear`: whether the interval leaves out 0 and every seed is on the same side. That second condition is for what
    the interval cannot know: how far chance alone moves a run.
    """
    seeds = sorted(runs.keys() & without.keys())
    if not seeds:
        return None
    return {
        split: {name: _effect([(runs[s], without[s]) for s in seeds], split, name) for name in METRIC_KEYS}
        for split in SPLITS
    }


def _effect(pairs: Sequence[tuple[RunScores, RunScores]], split: str, name: str) -> dict[str, Any]:
    by_seed = [ours.metrics[split][name] - theirs.metrics[split][name] for ours, theirs in pairs]
    difference = float(np.mean(by_seed))
    draws = np.mean([ours.drawn[split][name] - theirs.drawn[split][name] for ours, theirs in pairs], axis=0)
    interval = bootstrap.interval(draws, difference)
    agree = all(one > 0 for one in by_seed) or all(one < 0 for one in by_seed)
    return {
        "difference": difference,
        "interval": interval,
        "by_seed": by_seed,
        "clear": bool(agree and interval is not None and (interval[0] > 0 or interval[1] < 0)),
    }


def analysed(ablation: Mapping[str, Any], evaluated: Mapping[str, Mapping[int, RunScores]]) -> dict[str, Any]:
    """Return the ablation with each variant's `figures` and `effect`, None while undetermined.

    The `effect` of a variant without a component is the preset less the variant. Of a variant with a component it is
    the variant less what it is compared with, and of the coursework the preset less the coursework.

    Args:
        ablation: its `variants` have `name`, `group` and `against`.
        evaluated: each variant's runs by seed.
    """
    variants = []
    for variant in ablation["variants"]:
        own, other = evaluated.get(variant["name"], {}), evaluated.get(variant["against"], {})
        pair = (own, other) if variant["group"] in ("with", "coursework with") else (other, own)
        variants.append(
            {**variant, "figures": over_seeds([own[seed] for seed in sorted(own)]), "effect": effect(*pair)}
        )
    return {**ablation, "variants": variants}
