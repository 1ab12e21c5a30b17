"""Several predictors as one: an ensemble fitted on validation films, and the mean of several models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genre_models.metrics.calibration import PlattScaling, logits, probabilities
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.films import Films
from genre_models.predictors.predictor import ModelInfo, Predictor, score_where_possible


class EnsemblePredictor:
    """Late fusion of predictors (`genre_models.metrics.stacking`), with an optional Platt scaling.

    A film that some members cannot score gets the average of the others' logits, with the weights of the average
    made to sum to 1: a stack has no coefficients for it.
    """

    def __init__(
        self,
        members: Mapping[str, Predictor],
        model: StackingModel,
        info: ModelInfo,
        *,
        scaling: PlattScaling | None = None,
    ) -> None:
        self.members = {key: members[key] for key in model.members}
        self.model, self.info, self.scaling = model, info, scaling

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN where no member can score the film."""
        return score_where_possible(self.info, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        return self.combine({key: member.scores(films) for key, member in self.members.items()})

    def combine(self, by_member: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return probabilities [films, genres] from those of the members, by key.

        NaN marks films that a member cannot score; each film has one that can.
        """
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


class MeanPredictor:
    """The mean of the probabilities of several models, with an optional Platt scaling.

    A film that some of them cannot score gets the mean of the others.
    """

    def __init__(
        self,
        members: Sequence[Predictor],
        info: ModelInfo,
        *,
        scaling: PlattScaling | None = None,
    ) -> None:
        self.members, self.info, self.scaling = tuple(members), info, scaling

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN where no member can score the film."""
        return score_where_possible(self.info, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        return self.combine([member.scores(films) for member in self.members])

    def combine(self, by_member: Sequence[np.ndarray]) -> np.ndarray:
        """Return probabilities [films, genres] from those of the members, in their order.

        NaN marks films that a member cannot score; each film has one that can.
        """
        scores = np.stack(by_member)
        mean = np.nanmean(scores, axis=0) if np.isnan(scores).any() else scores.mean(axis=0)
        return self.scaling(mean) if self.scaling else mean
