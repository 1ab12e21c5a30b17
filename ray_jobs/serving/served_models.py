"""The models of a service: the one that answers, and those shown beside it, each film scored once by each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.storage import files
from genre_models.checkpoint import CheckpointError
from genre_models.predictors.ensemble import EnsemblePredictor, MeanPredictor
from genre_models.predictors.films import Films
from genre_models.predictors.load import load_predictor, mean_info
from genre_models.predictors.predictor import ModelInfo, Predictor

_SINGLE, _MEAN = "model", "mean"


@dataclass(frozen=True)
class ServedModels:
    """Models that answer side by side."""

    predictors: Mapping[str, Predictor]
    """By key, in the order in which they are shown."""
    main: str
    """Key of the model whose genres are the answer."""

    @classmethod
    def load(cls, paths: Sequence[str], **network: Any) -> ServedModels:
        """Load models; this imports TensorFlow.

        Args:
            paths: of one model, which is shown with its members if it is an ensemble; or of several, which are shown
                with their mean, or with none if one of them is an ensemble, whose answer then counts.
            network: options of `genre_models.predictors.network.NetworkPredictor`.

        Raises:
            CheckpointError: there is no model, it cannot be loaded, or they have different genres.
        """
        return cls.of(paths, [load_predictor(path, **network) for path in paths])

    @classmethod
    def of(cls, paths: Sequence[str], loaded: Sequence[Predictor]) -> ServedModels:
        """Arrange loaded models; see `load`."""
        if len(loaded) == 1:
            only = loaded[0]
            if isinstance(only, EnsemblePredictor):
                return cls({**only.members, "ensemble": only}, "ensemble")
            return cls({_SINGLE: only}, _SINGLE)
        named = dict(zip(unique_names(paths), loaded, strict=True))
        if other := next((one for one in loaded if one.info.genres != loaded[0].info.genres), None):
            raise CheckpointError(
                f"{other.info.label} and {loaded[0].info.label} have different genres: they cannot be served together"
            )
        if ensemble := next((key for key, one in named.items() if isinstance(one, EnsemblePredictor)), None):
            return cls(named, ensemble)
        return cls({**named, _MEAN: MeanPredictor(loaded, mean_info([one.info for one in loaded]))}, _MEAN)

    @property
    def info(self) -> ModelInfo:
        """Return the description of the model whose genres are the answer."""
        return self.predictors[self.main].info

    @property
    def poster_sizes(self) -> frozenset[tuple[int, int]]:
        """Return the sizes in which the models take posters."""
        return frozenset().union(*(one.info.poster_sizes for one in self.predictors.values()))

    def scores(self, films: Films) -> dict[str, np.ndarray]:
        """Return probabilities float32 [films, genres] of each model by its key.

        NaN marks films that a model cannot score. Members of the answering model are not asked twice.

        Args:
            films: films that the answering model can score.
        """
        main = self.predictors[self.main]
        others = {key: one.scores(films) for key, one in self.predictors.items() if key != self.main}
        result = {**others, self.main: self._of_main(main, others, films)}
        return {key: result[key] for key in self.predictors}

    def _of_main(self, main: Predictor, others: Mapping[str, np.ndarray], films: Films) -> np.ndarray:
        if isinstance(main, EnsemblePredictor) and all(self.predictors.get(k) is m for k, m in main.members.items()):
            return np.asarray(main.combine({key: others[key] for key in main.members}), np.float32)
        if isinstance(main, MeanPredictor) and others:
            return np.asarray(main.combine(list(others.values())), np.float32)
        return main.scores(films)


def unique_names(paths: Sequence[str]) -> list[str]:
    """Return the last part of each path, numbered where it occurs again."""
    names: list[str] = []
    for path in paths:
        name = files.name(path) or _SINGLE
        taken = {*names, _MEAN}
        same = (candidate for number in range(1, len(paths) + 3) if (candidate := f"{name}-{number}") not in taken)
        names.append(name if name not in taken else next(same))
    return names
