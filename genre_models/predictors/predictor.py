"""The protocol of all predictors: a network, TF-IDF, an ensemble, the mean of several runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from genre_models.predictors.films import Films, Size

NO_POSTER = "no poster"
NO_OVERVIEW = "no overview"
NEITHER = "neither poster nor overview"


class Predictor(Protocol):
    """A trained model on films that may lack a poster or an overview."""

    @property
    def label(self) -> str:
        """Return a short description for people."""

    @property
    def genres(self) -> tuple[str, ...]:
        """Return the names of the scores' columns."""

    @property
    def thresholds(self) -> np.ndarray:
        """Return the tuned decision threshold of each genre, float64 [genres]."""

    @property
    def poster_sizes(self) -> frozenset[Size]:
        """Return the sizes in which posters are taken; empty for a model that uses none."""

    @property
    def uses_overview(self) -> bool:
        """Return whether overviews are used."""

    def can_score(self, has_poster: bool, has_overview: bool) -> bool:
        """Return whether a film with these inputs can be scored."""

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN for a film that cannot be scored."""


def scorable(predictor: Predictor, films: Films) -> np.ndarray:
    """Return which films a predictor can score: bool [films]."""
    able = np.array([[predictor.can_score(poster, overview) for overview in (False, True)] for poster in (False, True)])
    return np.asarray(able[films.has_poster.astype(int), films.has_overview.astype(int)], bool)


def why_not(predictor: Predictor, has_poster: bool, has_overview: bool) -> str:
    """Return why a film with these inputs cannot be scored; empty if it can."""
    if predictor.can_score(has_poster, has_overview):
        return ""
    if not has_poster and not has_overview and predictor.poster_sizes and predictor.uses_overview:
        return NEITHER
    return NO_POSTER if predictor.can_score(True, has_overview) else NO_OVERVIEW


def score_where_possible(predictor: Predictor, films: Films, score: Callable[[Films], Any]) -> np.ndarray:
    """Score the films that a predictor can score, and give the others NaN: float32 [films, genres]."""
    able = scorable(predictor, films)
    if able.all() and len(films):
        return np.asarray(score(films), np.float32)
    result = np.full((len(films), len(predictor.genres)), np.nan, np.float32)
    if able.any():
        result[able] = score(films.take(np.flatnonzero(able)))
    return result
