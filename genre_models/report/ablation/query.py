"""Accessors for an ablation from `genre_models.studies.ablation_effects.analysed`."""

from collections.abc import Mapping
from typing import Any

from genre_models.report.style.formats import number

MEAN_AP = "mean_average_precision"
# Reported metrics, with their names in words.
FIGURES = {MEAN_AP: "mean AP", "micro_f1": "micro-F1", "macro_f1": "macro-F1", "loss": "loss"}
LOWER_IS_BETTER = ("loss",)
CURED = ("without", "with", "coursework with")


def require_analysis(ablation: Mapping[str, Any]) -> None:
    """Raise ValueError for an ablation without the metrics that the report needs."""
    if any("effect" not in variant for variant in ablation["variants"]):
        raise ValueError(
            "this ablation has no figures: hand it through genre_models.studies.ablation_effects.analysed first"
        )


def group(ablation: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the variants of a group that have effects, largest on the test films first."""
    variants = [variant for variant in ablation["variants"] if variant["group"] == name and variant["effect"]]
    return sorted(variants, key=lambda variant: -(difference(variant, "test") or 0.0))


def presets(ablation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the presets that have metrics, in order."""
    return [variant for variant in ablation["variants"] if variant["group"] == "preset" and variant["figures"]]


def has_findings(ablation: Mapping[str, Any]) -> bool:
    """Return whether any component has a known effect."""
    return any(group(ablation, name) for name in CURED)


def entry(variant: Mapping[str, Any], split: str, figure: str = MEAN_AP) -> Mapping[str, Any]:
    """Return a component's effect on a metric: difference, interval, by_seed and clear; empty where unknown."""
    return ((variant.get("effect") or {}).get(split) or {}).get(figure) or {}


def difference(variant: Mapping[str, Any], split: str, figure: str = MEAN_AP) -> float | None:
    """Return a component's effect on a metric, or None where it is unknown."""
    return number(entry(variant, split, figure).get("difference"))


def side(variant: Mapping[str, Any], split: str = "test", figure: str = MEAN_AP) -> int:
    """Return the direction of an effect: 1 clearly better, -1 clearly worse, 0 not clear."""
    effect = entry(variant, split, figure)
    if not effect.get("clear"):
        return 0
    better = (effect["difference"] < 0) == (figure in LOWER_IS_BETTER)
    return 1 if better else -1


def seeds_of(variant: Mapping[str, Any]) -> int:
    """Return the number of trainings of a variant that have metrics."""
    return sum(1 for run in variant["runs"] if run["figures"])
