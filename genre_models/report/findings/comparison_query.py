"""Queries on the comparison dict, such as trained models, metrics and paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from genre_models.metrics import names
from genre_models.report.style.formats import ends, number

# Below this many evaluated films the resampled interval of a genre's average precision is too narrow to trust:
# every resample draws from the same few films.
FEWEST_FILMS = 10


@dataclass(frozen=True)
class PairedDifference:
    """The lead of model `a` over model `b` in one metric; for the loss, negative is better."""

    difference: float
    interval: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """Return whether the interval of the paired difference excludes zero."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)

    def reversed_difference(self) -> PairedDifference:
        """Return the difference with the two models swapped."""
        swapped = None if self.interval is None else (-self.interval[1], -self.interval[0])
        return PairedDifference(-self.difference, swapped)


def side(paired: PairedDifference | None) -> int:
    """Return the sign of a clear difference, or 0 if it is unclear or missing."""
    if paired is None or not paired.clear:
        return 0
    return 1 if paired.difference > 0 else -1


def trained(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the models with a training history, in order."""
    return [key for key, model in comparison["models"].items() if model.get("history")]


def untrained(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the models without a training history (baselines and ensembles)."""
    return [key for key, model in comparison["models"].items() if not model.get("history")]


def baselines(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the untrained models, except those that use both inputs."""
    return [key for key in untrained(comparison) if comparison["models"][key].get("sees") != "both"]


def joint(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the models that use both inputs, ensembles included, in order."""
    return [key for key, model in comparison["models"].items() if model.get("sees") == "both"]


def single(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of the trained single-input models, if none of all trained models."""
    keys = trained(comparison)
    return [key for key in keys if comparison["models"][key].get("sees") != "both"] or keys


def best_of_one_input(comparison: Mapping[str, Any]) -> str:
    """Return the key of the best single-input model, trained or baseline, or an empty string."""
    models = comparison["models"]
    rivals = [key for key in baselines(comparison) if models[key].get("sees") != "nothing"]
    return next(iter(ranked(comparison, [*single(comparison), *rivals])), "")


def contenders(comparison: Mapping[str, Any]) -> list[str]:
    """Return the keys of all models except baselines, in order."""
    return [key for key in comparison["models"] if key not in baselines(comparison)]


def label(comparison: Mapping[str, Any], key: str) -> str:
    """Return the display name of a model."""
    return str(comparison["models"][key].get("label") or key)


def metric_value(model: Mapping[str, Any], name: str) -> float | None:
    """Return a metric of a model by its flat name, such as `loss` or `at_tuned_micro_f1`."""
    return number(names.value(model.get("metrics") or {}, name))


def interval(model: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Return the bootstrap interval of a metric by its flat name, or None."""
    return ends((model.get("intervals") or {}).get(name))


def gap(comparison: Mapping[str, Any], a: str, b: str, name: str) -> PairedDifference | None:
    """Return the paired difference a - b of one metric, stored either way."""
    for pair in comparison.get("differences") or []:
        if {pair["a"], pair["b"]} == {a, b} and a != b:
            paired = _difference((pair.get("metrics") or {}).get(name))
            if paired is not None:
                return paired if pair["a"] == a else paired.reversed_difference()
    first, second = (metric_value(comparison["models"][key], name) for key in (a, b))
    return None if first is None or second is None else PairedDifference(first - second, None)


def genre_gap(comparison: Mapping[str, Any], a: str, b: str, genre: str) -> PairedDifference | None:
    """Return the paired difference a - b of the average precision of one genre."""
    for pair in comparison.get("differences") or []:
        if {pair["a"], pair["b"]} == {a, b} and a != b:
            paired = _difference((pair.get("per_genre") or {}).get(genre))
            return paired if paired is None or pair["a"] == a else paired.reversed_difference()
    return None


def _difference(entry: Mapping[str, Any] | None) -> PairedDifference | None:
    difference = number((entry or {}).get("difference"))
    return None if entry is None or difference is None else PairedDifference(difference, ends(entry.get("interval")))


def genre_entry(model: Mapping[str, Any], genre: str) -> Mapping[str, Any]:
    """Return the metrics of one model for one genre, or an empty mapping."""
    return (model.get("per_genre") or {}).get(genre) or {}


def evaluated_with(comparison: Mapping[str, Any], genre: str) -> int:
    """Return the number of evaluated films that have the genre."""
    return int(((comparison.get("genre_counts") or {}).get("evaluated") or {}).get(genre) or 0)


def genres_by_films(comparison: Mapping[str, Any]) -> list[str]:
    """Return the genres with at least one evaluated film, most films first."""
    present = [genre for genre in comparison["genres"] if evaluated_with(comparison, genre)]
    return sorted(present, key=lambda genre: -evaluated_with(comparison, genre))


def ranked(comparison: Mapping[str, Any], keys: list[str]) -> list[str]:
    """Sort keys by mean average precision, the highest first and those without one last."""
    return sorted(keys, key=lambda key: -(metric_value(comparison["models"][key], names.MEAN_AP.key) or -1.0))


def pairs_to_show(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of models to plot genre by genre.

    They are the single-input models with each other, and each joint model with the best single-input model.
    A lone model is paired with the best baseline.
    """
    keys, best = single(comparison), best_of_one_input(comparison)
    pairs = [*combinations(keys, 2), *((key, best) for key in joint(comparison) if key not in keys)]
    if pairs:
        return pairs
    rivals = ranked(comparison, baselines(comparison))
    return [(key, rivals[0]) for key in keys if rivals]


def level(comparison: Mapping[str, Any]) -> str:
    """Return the confidence level of all intervals, as `95 %`."""
    confidence = number((comparison.get("bootstrap") or {}).get("level"))
    return f"{100 * (0.95 if confidence is None else confidence):g} %"
