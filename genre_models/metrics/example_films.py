"""Chooses the films that show where models are right and wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genre_models.metrics import classification

_RIGHT = 1.0  # all true genres among the top three
_WRONG = 1 / 3  # at most one in three


@dataclass(frozen=True)
class Example:
    """A film to show, and why."""

    film: int
    """Row of the evaluated films."""
    kind: str
    """Such as "cnn right, lstm wrong" or "both wrong"."""


def choose(labels: np.ndarray, scores: dict[str, np.ndarray], *, films: int = 12) -> list[Example]:
    """Choose films evenly over the kinds: one model right and the other wrong, both right, both wrong.

    A model is right about a film if its top three hold all its genres (or three of them), and wrong if they hold
    at most one in three. Within a kind, films are taken whose genres were shown least so far, so that the dozen
    spans the genres.

    Args:
        labels: 0/1 [films, genres].
        scores: probabilities of the (one or two) models to show, by key.
        films: how many to choose, if there are as many that fit.
    """
    recalls = {key: classification.top3_recalls(labels, value) for key, value in scores.items()}
    right = {key: value >= _RIGHT - 1e-9 for key, value in recalls.items()}
    wrong = {key: value <= _WRONG + 1e-9 for key, value in recalls.items()}
    kinds = _kinds(list(scores), right, wrong)
    shown: Counter[int] = Counter()
    chosen: dict[str, list[int]] = {kind: [] for kind in kinds}
    # In turns, so that a kind with few films leaves its places to the others.
    while sum(map(len, chosen.values())) < films:
        before = sum(map(len, chosen.values()))
        for kind, fits in kinds.items():
            left = [film for film in np.flatnonzero(fits) if film not in chosen[kind]]
            if left and sum(map(len, chosen.values())) < films:
                best = min(left, key=lambda film: (_repetition(labels[film], shown), -labels[film].sum(), film))
                chosen[kind].append(int(best))
                shown.update(np.flatnonzero(labels[best]).tolist())
        if sum(map(len, chosen.values())) == before:
            break
    return [Example(film, kind) for kind, members in chosen.items() for film in members]


def showing(labels: np.ndarray, best: np.ndarray, rival: np.ndarray | None, genre: int) -> int | None:
    """Choose the film that shows best why a model leads at a genre; None if no film has the genre.

    Films come first of whose three most probable genres it is one to the model and not to the rival, then those with
    the largest lead in probability.

    Args:
        labels: 0/1 [films, genres].
        best: probabilities of the model, [films, genres].
        rival: of the next best model; None without one.
        genre: index of the genre.
    """
    having = np.flatnonzero(labels[:, genre])
    if not len(having):
        return None
    against = np.zeros_like(best) if rival is None else rival
    found, missed = (_among_three(scores, having, genre) for scores in (best, against))
    lead = best[having, genre] - against[having, genre]
    return int(having[np.lexsort((lead, ~missed, found))[-1]])


def _among_three(scores: np.ndarray, films: np.ndarray, genre: int) -> np.ndarray:
    """Return whether a genre is among the three most probable ones of each film: bool [films]."""
    return (scores[films] > scores[films, genre][:, None]).sum(axis=1) < 3


def _kinds(keys: Sequence[str], right: dict[str, np.ndarray], wrong: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return which films are of which kind: bool [films]."""
    if len(keys) == 1:
        return {f"{keys[0]} right": right[keys[0]], f"{keys[0]} wrong": wrong[keys[0]]}
    a, b = keys[:2]
    return {
        f"{a} right, {b} wrong": right[a] & wrong[b],
        f"{b} right, {a} wrong": right[b] & wrong[a],
        "both right": right[a] & right[b],
        "both wrong": wrong[a] & wrong[b],
    }


def _repetition(labels: np.ndarray, shown: Counter[int]) -> float:
    """Return the mean number of times that a film's genres were shown already."""
    genres = np.flatnonzero(labels)
    return sum(shown[g] for g in genres.tolist()) / max(len(genres), 1)
