"""Texts on genres with clear leads, never predicted genres and genres predicted too often."""

from collections.abc import Mapping
from typing import Any

from genre_models.report.findings.comparison_query import (
    FEWEST_FILMS,
    PairedDifference,
    evaluated_with,
    genre_entry,
    genre_gap,
    genres_by_films,
    label,
    ranked,
    side,
    single,
    trained,
)
from genre_models.report.style.formats import listed, number, percent, show, signed

# Predictions are called "nearly always the same" when three genres make up this share of them...
NEARLY_ALWAYS = 0.75
# ...and their share exceeds that of the true labels by this much.
TOO_MUCH = 0.15


def genre_by_genre(comparison: Mapping[str, Any]) -> str:
    """Describe the clear leads by genre and the number expected by chance."""
    order = ranked(comparison, single(comparison))
    if len(order) < 2:
        return ""
    if not _enough(comparison):
        return f"No genre has the {FEWEST_FILMS} evaluated films that a comparison genre by genre would need."
    compared = compared_genres(comparison, order[0], order[1])
    if not compared:
        return ""
    sentences = [
        f"{label(comparison, key)} is clearly better at {listed(clear_genres(compared, sign), 8) or 'no genre'}."
        for key, sign in ((order[0], 1), (order[1], -1))
    ]
    clear = sum(1 for paired in compared.values() if paired.clear)
    return " ".join([*sentences, by_chance(comparison, clear, len(compared))])


def compared_genres(comparison: Mapping[str, Any], a: str, b: str) -> dict[str, PairedDifference]:
    """Return the lead of `a` over `b` for each genre with enough films."""
    return {
        genre: paired
        for genre in _enough(comparison)
        if (paired := genre_gap(comparison, a, b, genre)) is not None and paired.interval
    }


def clear_genres(compared: Mapping[str, PairedDifference], sign: int) -> list[str]:
    """Return the genres where one model, first (1) or second (-1), leads clearly."""
    return [f"{g} ({signed(abs(compared[g].difference), 2)})" for g in by_lead(compared) if side(compared[g]) == sign]


def by_lead(compared: Mapping[str, PairedDifference]) -> list[str]:
    """Sort genres by absolute difference, the largest first."""
    return sorted(compared, key=lambda genre: -abs(compared[genre].difference))


def _enough(comparison: Mapping[str, Any]) -> list[str]:
    return [genre for genre in genres_by_films(comparison) if evaluated_with(comparison, genre) >= FEWEST_FILMS]


def by_chance(comparison: Mapping[str, Any], clear: int, compared: int) -> str:
    """Describe the number of clear genres and the number expected by chance."""
    share = number((comparison.get("bootstrap") or {}).get("level"))
    chance = compared * (1 - (0.95 if share is None else share))
    text = (
        f"That is {clear} of the {compared} genres with at least {FEWEST_FILMS} evaluated films; about "
        f"{show(chance, 1)} would look clear by chance alone, were the two equally good everywhere"
    )
    return f"{text}, so nothing should be made of it." if clear <= chance + 1 else f"{text}."


def blind_spots(comparison: Mapping[str, Any]) -> str:
    """Describe the genres of evaluated films that no trained model predicts at 0.5."""
    order, present = trained(comparison), genres_by_films(comparison)
    never = {
        key: [g for g in present if _answers(comparison, key, g, "at_half") == 0]
        for key in order
        if any(_answers(comparison, key, g, "at_half") is not None for g in present)
    }
    if not never:
        return ""
    shared = [genre for genre in present if all(genre in missed for missed in never.values())]
    each = listed([f"{label(comparison, key)} never names {len(missed)}" for key, missed in never.items()])
    start = f"At the plain threshold of 0.5, {each} of the {len(present)} genres that these films have"
    who = {1: "It", 2: "Both"}.get(len(never), "All")
    if not shared:
        return f"{start}; there is no genre that {'it misses' if len(never) == 1 else 'all of them miss'}."
    share = _share_of_labels(comparison, shared)
    return (
        f"{start}. {who} {'misses' if len(never) == 1 else 'miss'} {listed(shared)} altogether, "
        f"{percent(share, 1)} of all true labels."
    )


def _answers(comparison: Mapping[str, Any], key: str, genre: str, at: str) -> float | None:
    return number((genre_entry(comparison["models"][key], genre).get(at) or {}).get("predicted"))


def _share_of_labels(comparison: Mapping[str, Any], genres: list[str]) -> float:
    total = sum(evaluated_with(comparison, genre) for genre in comparison["genres"])
    return sum(evaluated_with(comparison, genre) for genre in genres) / total if total else 0.0


def same_answers(comparison: Mapping[str, Any]) -> str:
    sentences = []
    for key in trained(comparison):
        clauses = [
            part
            for at, words in (("at_half", "at 0.5"), ("at_tuned", "at its tuned thresholds"))
            if (part := _top_three(comparison, key, at, words))
        ]
        sentences.append(f"{label(comparison, key)}: {'; '.join(clauses)}." if clauses else "")
    return " ".join(part for part in sentences if part)


def _top_three(comparison: Mapping[str, Any], key: str, at: str, words: str) -> str:
    """Describe the share of the three most frequent genres in a model's predictions."""
    answers = {genre: _answers(comparison, key, genre, at) or 0.0 for genre in comparison["genres"]}
    total = sum(answers.values())
    if not any(_answers(comparison, key, genre, at) is not None for genre in comparison["genres"]):
        return ""
    if not total:
        return f"{words} it names no genre at all"
    top = [genre for genre in sorted(answers, key=lambda genre: -answers[genre])[:3] if answers[genre]]
    share, true = sum(answers[genre] for genre in top) / total, _share_of_labels(comparison, top)
    judgement = "about as the films have them"
    if share - true >= TOO_MUCH:
        judgement = "nearly always the same few answers" if share >= NEARLY_ALWAYS else "a lean on the frequent genres"
    elif share - true > 0.05:
        judgement = "a little more often than the films have them"
    elif share - true < -0.05:
        judgement = "less often than the films have them"
    return (
        f"{words}, {percent(share)} of its answers are {listed(top)} ({percent(true)} of the true labels), {judgement}"
    )
