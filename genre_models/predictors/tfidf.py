"""A fitted TF-IDF model as a predictor, and its arrays in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genre_models.metrics.baselines import TfidfBaseline, TfidfWeights
from genre_models.metrics.calibration import PlattScaling
from genre_models.predictors.films import Films
from genre_models.predictors.predictor import ModelInfo, info_of, score_where_possible

_TERMS, _ARRAYS = "terms.txt", "weights.npz"
OF_TFIDF = (_TERMS, _ARRAYS)
"""Files of a TF-IDF model."""
_NAMES = ("idf", "learned", "coefficients", "intercepts", "frequencies")


class TfidfPredictor:
    """TF-IDF with a logistic regression a genre, and an optional Platt scaling."""

    def __init__(self, model: TfidfBaseline, info: ModelInfo, *, scaling: PlattScaling | None = None) -> None:
        self.model, self.info, self.scaling = model, info, scaling

    def scores(self, films: Films) -> np.ndarray:
        """Return probabilities float32 [films, genres]; NaN without an overview."""
        return score_where_possible(self.info, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        scores = self.model.scores(films.overviews)
        return self.scaling(scores) if self.scaling else scores


def tfidf_info(label: str, genres: Sequence[str], thresholds: np.ndarray) -> ModelInfo:
    """Describe a TF-IDF model."""
    return info_of(label, genres, thresholds, poster_size=None, uses_overview=True)


def write_weights(folder: Path, weights: TfidfWeights) -> None:
    """Write the arrays of a TF-IDF model into a folder: terms.txt, one a line by column, and weights.npz."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _TERMS).write_text("".join(f"{term}\n" for term in weights.terms), encoding="utf-8")
    np.savez(folder / _ARRAYS, **{name: getattr(weights, name) for name in _NAMES})


def read_weights(folder: Path) -> TfidfWeights:
    """Read the arrays of a TF-IDF model; nothing is unpickled.

    Raises:
        OSError, KeyError, ValueError: the files are missing, or do not fit each other.
    """
    # Terms are runs of letters and digits, and pairs of them: none holds a line break.
    terms = tuple((folder / _TERMS).read_text(encoding="utf-8").split("\n")[:-1])
    with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
        weights = TfidfWeights(terms, **{name: arrays[name] for name in _NAMES})
    learned = len(weights.learned)
    shapes = weights.idf.shape, weights.coefficients.shape, weights.intercepts.shape
    if shapes != ((len(terms),), (learned, len(terms)), (learned,)):
        raise ValueError(f"{folder / _ARRAYS} has arrays of {shapes} for {len(terms)} terms and {learned} genres")
    return weights
