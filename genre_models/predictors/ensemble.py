"""Several predictors as one: an ensemble fitted on validation films, and the mean of several models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genre_models.metrics.calibration import PlattScaling, logits, probabilities
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.films import Films, Size
from genre_models.predictors.predictor import Predictor, score_where_possible


class _Combined:
    """The inputs of several predictors together: a film can be scored if one of them can score it."""

    def __init__(self, members: Sequence[Predictor], thresholds: np.ndarray, label: str) -> None:
        self.genres = members[0].genres
        self.thresholds, self.label = thresholds, label
        self.poster_sizes: frozenset[Size] = frozenset().union(*(member.poster_sizes for member in members))
        self.uses_overview = any(member.uses_overview for member in members)
        self._predictors = tuple(members)
        if other := next((member for member in members if member.genres != self.genres), None):
            raise ValueError(f"{other.label} and {members[0].label} have other genres: they cannot be combined")

    def can_score(self, has_poster: bool, has_overview: bool) -> bool:
        """Return whether a member can score a film with these inputs."""
        return any(member.can_score(has_poster, has_overview) for member in self._predictors)


class EnsemblePredictor(_Combined):
    """Late fusion of predictors (`genre_models.metrics.stacking`), with an optional Platt scaling.

    A film that some members cannot score gets the average of the others' logits, with the weights of the average
    made to sum to 1: a stack has no coefficients for it.
    """

    def __init__(
        self,
        members: Mapping[str, Predictor],
        model: StackingModel,
        thresholds: np.ndarray,
        *,
        scaling: PlattScaling | None = None,
        label: str = "Ensemble",
    ) -> None:
        super().__init__([members[key] for key in model.members], thresholds, label)
        self.members = {key: members[key] for key in model.members}
        self.model, self.scaling = model, scaling

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN where no member can score the film."""
        return score_where_possible(self, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        by_member = {key: member.scores(films) for key, member in self.members.items()}
        scores = self.model(by_member)
        missing = np.isnan(scores).any(axis=1)
        if missing.any():
            scores[missing] = self._average([values[missing] for values in by_member.values()])
        return self.scaling(scores) if self.scaling else scores

    def _average(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Return the average of the logits that are there, by the average's weights: float64 [films, genres]."""
        values = np.stack([logits(each) for each in scores])
        there = ~np.isnan(values)
        weights = there * self.model.weights[:, None, None]
        # Members of weight 0 alone count equally.
        weights = np.where(weights.sum(axis=0) > 0, weights, there)
        return probabilities(np.nansum(weights * values, axis=0) / weights.sum(axis=0))


class MeanPredictor(_Combined):
    """The mean of the probabilities of several models, with an optional Platt scaling.

    A film that some of them cannot score gets the mean of the others.
    """

    def __init__(
        self,
        members: Sequence[Predictor],
        thresholds: np.ndarray,
        *,
        scaling: PlattScaling | None = None,
        label: str = "",
    ) -> None:
        super().__init__(members, thresholds, label or f"mean of {len(members)} models")
        self.members = dict(enumerate(members))
        self.scaling = scaling

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN where no member can score the film."""
        return score_where_possible(self, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        scores = np.stack([member.scores(films) for member in self.members.values()])
        mean = np.nanmean(scores, axis=0) if np.isnan(scores).any() else scores.mean(axis=0)
        return self.scaling(mean) if self.scaling else mean
