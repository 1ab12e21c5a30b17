"""The protocol of all predictors: a network, TF-IDF, an ensemble, the mean of several models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from genre_models.predictors.films import Films, Size

NO_POSTER = "no poster"
NO_OVERVIEW = "no overview"
NEITHER = "neither poster nor overview"
_ANY = [(poster, overview) for poster in (False, True) for overview in (False, True)]


@dataclass(frozen=True)
class ModelInfo:
    """The description of a predictor, read without its weights."""

    label: str
    """A short description for people."""
    genres: tuple[str, ...]
    """Names of the scores' columns."""
    thresholds: np.ndarray
    """Tuned decision threshold of each genre, float64 [genres]."""
    poster_sizes: frozenset[Size]
    """Sizes in which posters are taken; empty for a model that uses none."""
    uses_overview: bool
    scorable: frozenset[tuple[bool, bool]]
    """The inputs (a poster, an overview) with which a film can be scored."""

    def why_not(self, has_poster: bool, has_overview: bool) -> str:
        """Return why a film with these inputs cannot be scored; empty if it can."""
        if (has_poster, has_overview) in self.scorable:
            return ""
        if not has_poster and not has_overview and self.poster_sizes and self.uses_overview:
            return NEITHER
        return NO_POSTER if (True, has_overview) in self.scorable else NO_OVERVIEW


def info_of(
    label: str,
    genres: Sequence[str],
    thresholds: Sequence[float] | np.ndarray,
    *,
    poster_size: Size | None,
    uses_overview: bool,
    needs_all: bool = True,
) -> ModelInfo:
    """Describe a single model; with `needs_all` a film must have all that it uses, else one of them will do."""
    scorable = set()
    for poster, overview in _ANY:
        used = [poster] * (poster_size is not None) + [overview] * uses_overview
        if all(used) if needs_all else any(used):
            scorable.add((poster, overview))
    sizes: frozenset[Size] = frozenset({poster_size} if poster_size else ())
    return ModelInfo(label, tuple(genres), np.array(thresholds, np.float64), sizes, uses_overview, frozenset(scorable))


def combined_info(label: str, thresholds: np.ndarray, members: Sequence[ModelInfo]) -> ModelInfo:
    """Describe several models as one: a film can be scored if one of them can score it.

    Raises:
        ValueError: they have different genres.
    """
    first = members[0]
    if other := next((member for member in members if member.genres != first.genres), None):
        raise ValueError(f"{other.label} and {first.label} have different genres: they cannot be combined")
    return ModelInfo(
        label,
        first.genres,
        thresholds,
        frozenset().union(*(member.poster_sizes for member in members)),
        any(member.uses_overview for member in members),
        frozenset().union(*(member.scorable for member in members)),
    )


class Predictor(Protocol):
    """A trained model on films that may lack a poster or an overview."""

    @property
    def info(self) -> ModelInfo:
        """Return the model's description."""

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN for a film that cannot be scored."""


def score_where_possible(info: ModelInfo, films: Films, score: Callable[[Films], Any]) -> np.ndarray:
    """Score the films that a model can score, and give the others NaN: float32 [films, genres]."""
    has = zip(films.has_poster.tolist(), films.has_overview.tolist(), strict=True)
    able = np.array([inputs in info.scorable for inputs in has], bool)
    if len(films) and able.all():
        return np.asarray(score(films), np.float32)
    result = np.full((len(films), len(info.genres)), np.nan, np.float32)
    if able.any():
        result[able] = score(films.take(np.flatnonzero(able)))
    return result
