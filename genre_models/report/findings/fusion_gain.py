"""The gain of joint models over the best single-input model, and the ensemble's description."""

from collections.abc import Mapping
from typing import Any

from genre_models.report.findings.comparison_query import (
    best_of_one_input,
    figure,
    gap,
    joint,
    label,
    level,
    ranked,
    side,
    single,
)
from genre_models.report.findings.per_genre import by_chance, by_lead, compared_genres
from genre_models.report.style.formats import count, listed, show, signed, span

MEAN_AP = "mean_average_precision"
MOST = 6  # genres listed with their intervals; the plot has them all


def together(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a title and a text for each joint model, the best first.

    Each is compared with the best trained and the best overall single-input model, with the latter also by genre.
    The best joint model is also compared with the next best.
    """
    rivals, keys = ranked(comparison, single(comparison)), ranked(comparison, joint(comparison))
    paragraphs = []
    for key in [key for key in keys if rivals and key not in rivals]:
        best = best_of_one_input(comparison)
        roles = {rivals[0]: "the best trained model of one input" if len(rivals) > 1 or best != rivals[0] else ""}
        if best != rivals[0]:
            roles[best] = "the best model of one input at all"
        parts = [_whole(comparison, key, rival, role) for rival, role in roles.items()]
        parts.append(_genres(comparison, key, best))
        if key == keys[0] and len(keys) > 1:
            parts.append(_whole(comparison, key, keys[1], "the next best model of both inputs"))
        paragraphs.append((f"What {label(comparison, key)} adds", " ".join(part for part in parts if part)))
    return paragraphs


def _whole(comparison: Mapping[str, Any], key: str, rival: str, role: str) -> str:
    paired = gap(comparison, key, rival, MEAN_AP)
    if paired is None:
        return ""
    verb = {1: "improves on", -1: "falls behind", 0: "cannot be told apart from"}[side(paired)]
    between = f"{level(comparison)} interval {span(paired.interval)}" if paired.interval else "no interval was computed"
    return (
        f"{label(comparison, key)} {verb} {label(comparison, rival)}{f', {role}' if role else ''}: mean average "
        f"precision {show(figure(comparison['models'][key], MEAN_AP))}, difference {signed(paired.difference)} "
        f"({between})."
    )


def _genres(comparison: Mapping[str, Any], key: str, rival: str) -> str:
    compared = compared_genres(comparison, key, rival)
    if not compared:
        return ""
    better, worse = (
        [
            f"{genre} ({signed(paired.difference, 2)}, {span(paired.interval, 2)})"
            for genre in by_lead(compared)
            if side(paired := compared[genre]) == sign
        ]
        for sign in (1, -1)
    )
    clear = sum(1 for paired in compared.values() if paired.clear)
    ahead, behind = listed(better, MOST) or "no genre", listed(worse, MOST) or "none"
    chance = by_chance(comparison, clear, len(compared))
    return f"It is clearly better than {label(comparison, rival)} at {ahead}, and clearly worse at {behind}. {chance}"


def ensemble(comparison: Mapping[str, Any]) -> str:
    """Describe each ensemble's method, the alternatives tried and the films it was fitted on."""
    sentences = [
        _one(comparison, key, model["fused"]) for key, model in comparison["models"].items() if model.get("fused")
    ]
    return " ".join(sentences)


def _one(comparison: Mapping[str, Any], key: str, fused: Mapping[str, Any]) -> str:
    tried, weights = list(fused["tried"]), fused["weights"]
    stack = fused["method"] == "stack"
    verb = "stacks" if stack else "averages"
    voices = listed([f"{_name(comparison, voice)} ({show(weight, 2)})" for voice, weight in weights.items()])
    text = (
        f"{label(comparison, key)} {verb} the logits of {voices}: "
        + (
            "a logistic regression for each genre, pulled toward the weighted average (its weights in parentheses), so "
            "that a genre with few films stays near it."
            if stack
            else "one weight for each model, the same for every genre."
        )
        + f" {count(fused['folds'])}-fold cross-validation within the {count(fused['films'])} validation films chose "
        f"it: loss {show(tried[0]['loss'], 4)} out of fold"
    )
    others = _others(comparison, fused, tried)
    return (
        f"{text}{f', against {listed(others)}' if others else ''}. The same films had chosen each model's checkpoint, "
        "so a model may weigh a little more than it should; the films evaluated here had no say."
    )


def _others(comparison: Mapping[str, Any], fused: Mapping[str, Any], tried: list[Mapping[str, Any]]) -> list[str]:
    """Describe the best alternatives with the other method or with other optional models."""
    chosen, phrases = tried[0], []
    other = next(
        (t for t in tried if t["method"] != chosen["method"] and t["voices"] == chosen["voices"]),
        None,
    )
    if other is not None:
        words = "the plain weighted average" if other["method"] == "average" else "the stack"
        phrases.append(f"{show(other['loss'], 4)} of {words}")
    optional = listed([_name(comparison, key) for key in fused.get("optional") or []])
    other = next((t for t in tried if t["voices"] != chosen["voices"]), None)
    if optional and other is not None:
        way = "without" if len(other["voices"]) < len(chosen["voices"]) else "with"
        phrases.append(f"{show(other['loss'], 4)} {way} {optional}")
    return phrases


def _name(comparison: Mapping[str, Any], key: str) -> str:
    return label(comparison, key) if key in comparison["models"] else key
