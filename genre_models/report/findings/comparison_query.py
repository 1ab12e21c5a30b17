"""Reading the comparison dict: which models are trained, what a figure is, and how two models differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from genre_models.report.style.formats import ends, number

# Below this many evaluated films the resampled interval of a genre's average precision is too narrow to trust:
# every resample draws from the same few films.
FEWEST_FILMS = 10


@dataclass(frozen=True)
class PairedDifference:
    """Lead of model `a` over model `b` in one metric; for the loss, below zero is better."""

    difference: float
    interval: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """True where the interval of the paired difference leaves out zero."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)

    def reversed_difference(self) -> PairedDifference:
        """The same difference seen from the other model."""
        swapped = None if self.interval is None else (-self.interval[1], -self.interval[0])
        return PairedDifference(-self.difference, swapped)


def side(found: PairedDifference | None) -> int:
    """1 or -1 where the gap is clear, 0 where it is not or there is none."""
    if found is None or not found.clear:
        return 0
    return 1 if found.difference > 0 else -1


def trained(comparison: Mapping[str, Any]) -> list[str]:
    """Keys of the models that were trained here, in order: those with a history."""
    return [key for key, model in comparison["models"].items() if model.get("history")]


def untrained(comparison: Mapping[str, Any]) -> list[str]:
    """Keys of the models without a training history: baselines, and averages of trained models."""
    return [key for key, model in comparison["models"].items() if not model.get("history")]


def baselines(comparison: Mapping[str, Any]) -> list[str]:
    """Untrained models to measure the trained ones against; an average of both inputs is not one."""
    return [key for key in untrained(comparison) if comparison["models"][key].get("sees") != "both"]


def joint(comparison: Mapping[str, Any]) -> list[str]:
    """Keys of the models that use poster and overview together, trained so or out of trained ones, in order."""
    return [key for key, model in comparison["models"].items() if model.get("sees") == "both"]


def single(comparison: Mapping[str, Any]) -> list[str]:
    """Keys of the trained models of one input, or of all trained models where none is of one input, in order."""
    keys = trained(comparison)
    return [key for key in keys if comparison["models"][key].get("sees") != "both"] or keys


def best_of_one_input(comparison: Mapping[str, Any]) -> str:
    """Key of the best model of poster or overview alone, trained or linear baseline; empty where there is none."""
    models = comparison["models"]
    rivals = [key for key in baselines(comparison) if models[key].get("sees") != "nothing"]
    return next(iter(ranked(comparison, [*single(comparison), *rivals])), "")


def contenders(comparison: Mapping[str, Any]) -> list[str]:
    """Keys of all models that are no baselines, in order."""
    return [key for key in comparison["models"] if key not in baselines(comparison)]


def label(comparison: Mapping[str, Any], key: str) -> str:
    """The model's name for people."""
    return str(comparison["models"][key].get("label") or key)


def figure(model: Mapping[str, Any], name: str) -> float | None:
    """One figure of a model by its flat name, such as `loss` or `at_tuned_micro_f1`."""
    metrics: Mapping[str, Any] = model.get("metrics") or {}
    for group in ("at_half", "at_tuned"):
        if name.startswith(f"{group}_"):
            return number((metrics.get(group) or {}).get(name.removeprefix(f"{group}_")))
    return number(metrics.get(name))


def interval(model: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """The bootstrap interval of a figure by its flat name, where one was computed."""
    return ends((model.get("intervals") or {}).get(name))


def gap(comparison: Mapping[str, Any], a: str, b: str, name: str) -> PairedDifference | None:
    """The paired difference a - b of one figure, whichever way round the pair is stored."""
    for pair in comparison.get("differences") or []:
        if {pair["a"], pair["b"]} == {a, b} and a != b:
            found = _difference((pair.get("metrics") or {}).get(name))
            if found is not None:
                return found if pair["a"] == a else found.reversed_difference()
    first, second = (figure(comparison["models"][key], name) for key in (a, b))
    return None if first is None or second is None else PairedDifference(first - second, None)


def genre_gap(comparison: Mapping[str, Any], a: str, b: str, genre: str) -> PairedDifference | None:
    """The paired difference a - b of the average precision of one genre."""
    for pair in comparison.get("differences") or []:
        if {pair["a"], pair["b"]} == {a, b} and a != b:
            found = _difference((pair.get("per_genre") or {}).get(genre))
            return found if found is None or pair["a"] == a else found.reversed_difference()
    return None


def _difference(entry: Mapping[str, Any] | None) -> PairedDifference | None:
    difference = number((entry or {}).get("difference"))
    return None if entry is None or difference is None else PairedDifference(difference, ends(entry.get("interval")))


def genre_entry(model: Mapping[str, Any], genre: str) -> Mapping[str, Any]:
    """Metrics of one model at one genre; empty where nothing is recorded."""
    return (model.get("per_genre") or {}).get(genre) or {}


def evaluated_with(comparison: Mapping[str, Any], genre: str) -> int:
    """Number of evaluated films with the genre."""
    return int(((comparison.get("genre_counts") or {}).get("evaluated") or {}).get(genre) or 0)


def genres_by_films(comparison: Mapping[str, Any]) -> list[str]:
    """Genres with at least one evaluated film, most films first."""
    present = [genre for genre in comparison["genres"] if evaluated_with(comparison, genre)]
    return sorted(present, key=lambda genre: -evaluated_with(comparison, genre))


def ranked(comparison: Mapping[str, Any], keys: list[str]) -> list[str]:
    """The keys, best mean average precision first; those without one last."""
    return sorted(keys, key=lambda key: -(figure(comparison["models"][key], "mean_average_precision") or -1.0))


def pairs_to_show(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs worth a genre-by-genre plot: the trained models of one input with each other, and each joint model with the
    best model of one input; the only model with the best baseline."""
    keys, best = single(comparison), best_of_one_input(comparison)
    pairs = [*combinations(keys, 2), *((key, best) for key in joint(comparison) if key not in keys)]
    if pairs:
        return pairs
    rivals = ranked(comparison, baselines(comparison))
    return [(key, rivals[0]) for key in keys if rivals]


def level(comparison: Mapping[str, Any]) -> str:
    """The level of every interval, as `95 %`."""
    found = number((comparison.get("bootstrap") or {}).get("level"))
    return f"{100 * (0.95 if found is None else found):g} %"
