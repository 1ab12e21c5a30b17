"""Reading an ablation that `genre_models.studies.ablation_effects.analysed` made ready: its variants, sorted by what
they bought."""

from collections.abc import Mapping
from typing import Any

from genre_models.report.style.formats import number

MEAN_AP = "mean_average_precision"
# What is told of a variant, in words, and whether less is better.
FIGURES = {MEAN_AP: "mean AP", "micro_f1": "micro-F1", "macro_f1": "macro-F1", "loss": "loss"}
LOWER_IS_BETTER = ("loss",)
CURED = ("without", "with", "coursework with")


def require_analysis(ablation: Mapping[str, Any]) -> None:
    """Raises ValueError for an ablation without the figures that the report is made from."""
    if any("bought" not in variant for variant in ablation["variants"]):
        raise ValueError(
            "this ablation has no figures: hand it through genre_models.studies.ablation_effects.analysed first"
        )


def group(ablation: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The variants of a group with a finding, those whose cure bought most on the test films first."""
    found = [one for one in ablation["variants"] if one["group"] == name and one["bought"]]
    return sorted(found, key=lambda one: -(difference(one, "test") or 0.0))


def presets(ablation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The presets that have figures, in order."""
    return [one for one in ablation["variants"] if one["group"] == "preset" and one["figures"]]


def has_findings(ablation: Mapping[str, Any]) -> bool:
    """True where at least one cure can be told something of."""
    return any(group(ablation, name) for name in CURED)


def entry(variant: Mapping[str, Any], split: str, figure: str = MEAN_AP) -> Mapping[str, Any]:
    """What a variant's cure bought in a figure: difference, interval, by_seed and clear; empty where unknown."""
    return ((variant.get("bought") or {}).get(split) or {}).get(figure) or {}


def difference(variant: Mapping[str, Any], split: str, figure: str = MEAN_AP) -> float | None:
    """What a variant's cure bought in a figure, where known."""
    return number(entry(variant, split, figure).get("difference"))


def side(variant: Mapping[str, Any], split: str = "test", figure: str = MEAN_AP) -> int:
    """1 where the cure clearly made the figure better, -1 where clearly worse, 0 where that cannot be told."""
    found = entry(variant, split, figure)
    if not found.get("clear"):
        return 0
    better = (found["difference"] < 0) == (figure in LOWER_IS_BETTER)
    return 1 if better else -1


def seeds_of(variant: Mapping[str, Any]) -> int:
    """How many trainings of a variant its figures are the mean of."""
    return sum(1 for run in variant["runs"] if run["figures"])
