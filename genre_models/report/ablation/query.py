"""Accessors for an ablation from `genre_models.studies.ablation_effects.analysed`."""

from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import MEAN_AP, SUMMARY
from genre_models.report.style.formats import number

GROUPS = {
    "without": "Components in the preset",
    "with": "Components that the preset leaves off",
    "coursework with": "Components alone on the coursework",
}
"""Groups of variants with one component taken away or added, each with its title."""
LOWER_IS_BETTER = {metric.short_key for metric in SUMMARY if metric.lower_is_better}


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
    return any(group(ablation, name) for name in GROUPS)


def entry(variant: Mapping[str, Any], split: str, metric: str = MEAN_AP.key) -> Mapping[str, Any]:
    """Return a component's effect on a metric: difference, interval, by_seed and clear; empty where unknown."""
    return ((variant.get("effect") or {}).get(split) or {}).get(metric) or {}


def difference(variant: Mapping[str, Any], split: str, metric: str = MEAN_AP.key) -> float | None:
    """Return a component's effect on a metric, or None where it is unknown."""
    return number(entry(variant, split, metric).get("difference"))


def side(variant: Mapping[str, Any], split: str = "test", metric: str = MEAN_AP.key) -> int:
    """Return the direction of an effect: 1 clearly better, -1 clearly worse, 0 not clear."""
    effect = entry(variant, split, metric)
    if not effect.get("clear"):
        return 0
    return 1 if (effect["difference"] < 0) == (metric in LOWER_IS_BETTER) else -1


def seeds_of(variant: Mapping[str, Any]) -> int:
    """Return the number of trainings of a variant that have metrics."""
    return sum(1 for run in variant["runs"] if run["figures"])
