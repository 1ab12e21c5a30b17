"""The answer of a comparison for readers who know films: sentences without a term of art."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.metrics.names import BY_KEY, MEAN_AP
from genre_models.report.findings.comparison_query import (
    PairedDifference,
    contenders,
    evaluated_with,
    gap,
    genre_entry,
    genre_gap,
    interval,
    label,
    metric_value,
    side,
)
from genre_models.report.style.formats import listed, number, show

GUESSES = BY_KEY["top3_recall"]
"""The metric of the first screen: of 100 genres, those found with three guesses a film."""


@dataclass(frozen=True)
class Answer:
    """The first lines of the page."""

    title: str
    sure: str
    """Certainty of the title, in a few short sentences."""


def by_guesses(comparison: Mapping[str, Any]) -> list[str]:
    """Return the models with a share of genres found by three guesses, highest first."""
    known = {key: value for key, model in comparison["models"].items() if (value := metric_value(model, GUESSES.key))}
    return sorted(known, key=lambda key: -known[key])


def prior(comparison: Mapping[str, Any]) -> str:
    """Return the key of the baseline that sees nothing, or an empty string."""
    return next((key for key, model in comparison["models"].items() if model.get("sees") == "nothing"), "")


def answer(comparison: Mapping[str, Any]) -> Answer:
    """Return title and certainty of the comparison."""
    order, nothing = by_guesses(comparison), prior(comparison)
    ranked = [key for key in order if key != nothing]
    if not ranked:
        return Answer("No model was evaluated, so there is no answer yet", "")
    best = ranked[0]
    found = f"finds {_hundred(comparison, best)} of 100 genres"
    if nothing not in order:
        title = f"Allowed three guesses a film, the best model, {label(comparison, best)}, {found}"
        return Answer(title, _rivals(comparison, ranked))
    plain = f"naming the three commonest finds {_hundred(comparison, nothing)}"
    own = [key for key in ranked if key in contenders(comparison)]
    if own and all(side(gap(comparison, key, nothing, GUESSES.key)) < 1 for key in own):
        found = f"{label(comparison, own[0])} finds {_hundred(comparison, own[0])} of 100 genres in three guesses"
        title = f"No trained model is surely better than naming the three commonest genres: {found}, {plain}"
        return Answer(title, f"{_ordered(comparison, own, nothing)}{_lead(comparison, own[0], nothing)}")
    title = f"Allowed three guesses a film, the best model, {label(comparison, best)}, {found}; {plain}"
    return Answer(title, f"{_lead(comparison, best, nothing)} {_rivals(comparison, ranked)}".strip())


def _hundred(comparison: Mapping[str, Any], key: str) -> str:
    return show(100 * (metric_value(comparison["models"][key], GUESSES.key) or 0.0), 0)


def _lead(comparison: Mapping[str, Any], key: str, other: str) -> str:
    """Return the certainty of a lead, in genres of 100."""
    paired = gap(comparison, key, other, GUESSES.key)
    if paired is None or paired.interval is None:
        return "How sure that is was not measured."
    low, high = (show(100 * end, 0) for end in paired.interval)
    # Of the rounded numbers in the title, so that they add up.
    ahead = float(_hundred(comparison, key)) - float(_hundred(comparison, other))
    lead = show(ahead, 0)
    if side(paired) > 0:
        return f"The lead of {lead} is sure: with other films like these it would be {low} to {high}, 19 times in 20."
    what = f"A lead of {lead} is not sure" if ahead > 0 else "That is no lead"
    return f"{what}: with other films like these it could be anything from {low} to {high}, 19 times in 20."


def _rivals(comparison: Mapping[str, Any], ranked: list[str]) -> str:
    """Return which models are as good as the best, as far as can be seen."""
    best, others = ranked[0], ranked[1:]
    if not others:
        return ""
    level = [key for key in others if side(gap(comparison, best, key, GUESSES.key)) < 1]
    name = label(comparison, best)
    if not level:
        return f"{name} is surely ahead of every other model."
    return f"{listed([label(comparison, key) for key in level])} may be as good as {name}."


def _ordered(comparison: Mapping[str, Any], own: list[str], nothing: str) -> str:
    """Return a sentence on models that order the films of a genre better than chance."""
    better = [key for key in own if side(gap(comparison, key, nothing, MEAN_AP.key)) > 0]
    if not better:
        return ""
    names = listed([label(comparison, key) for key in better])
    return f"Asked which films have a genre, {names} {'does' if len(better) == 1 else 'do'} better than chance. "


@dataclass(frozen=True)
class Winner:
    """The best model of a genre."""

    genre: str
    films: int
    few: bool
    """Whether there are too few films to say."""
    model: str
    precision: float
    rival: str
    """The second best, or an empty string."""
    lead: PairedDifference | None
    sure: str
    """Certainty of the lead, in words."""


def winner(comparison: Mapping[str, Any], genre: str, *, fewest: int) -> Winner | None:
    """Return the best model of a genre by average precision; None where unknown."""
    models = comparison["models"]
    entries = {key: number(genre_entry(model, genre).get("average_precision")) for key, model in models.items()}
    known = {key: value for key, value in entries.items() if value is not None}
    order = sorted(known, key=lambda key: -known[key])
    if not order:
        return None
    films = evaluated_with(comparison, genre)
    second = order[1] if len(order) > 1 else ""
    lead = genre_gap(comparison, order[0], second, genre) if second else None
    few = films < fewest
    return Winner(genre, films, few, order[0], known[order[0]], second, lead, _certainty(comparison, lead, second, few))


def _certainty(comparison: Mapping[str, Any], lead: PairedDifference | None, second: str, few: bool) -> str:
    if few:
        return "too few films"
    if lead is None or lead.interval is None:
        return "–"
    return (
        f"surely ahead of {label(comparison, second)}" if lead.clear else f"{label(comparison, second)} may be as good"
    )


def found_of_100(comparison: Mapping[str, Any], key: str) -> tuple[float, tuple[float, float] | None]:
    """Return the genres of 100 that a model finds with three guesses, and their interval."""
    model = comparison["models"][key]
    both = interval(model, GUESSES.key)
    value = 100 * (metric_value(model, GUESSES.key) or 0.0)
    return value, None if both is None else (100 * both[0], 100 * both[1])
