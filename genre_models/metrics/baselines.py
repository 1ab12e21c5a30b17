"""The two baselines every comparison holds the models against: training frequencies, and TF-IDF with a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Regularisation strength of the logistic regressions, chosen on the validation split of the development films.
_INVERSE_REGULARISATION = 8.0
_MOST_FILMS = 200_000  # bounds the memory of the one process that fits the linear model


def prior_scores(training_labels: np.ndarray, films: int) -> np.ndarray:
    """Return each genre's share of the training films as every film's score: float64 [films, genres]."""
    return np.tile(training_labels.mean(axis=0, dtype=np.float64), (films, 1))


class TfidfBaseline:
    """TF-IDF of words and word pairs, and one logistic regression a genre (scikit-learn)."""

    def __init__(self, overviews: Sequence[str], labels: np.ndarray, *, seed: int = 0) -> None:
        """Fit on the training overviews and their labels 0/1 [films, genres].

        Beyond 200,000 films a seeded sample of that many is used, so that one process can hold it.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        if len(overviews) > _MOST_FILMS:
            chosen = np.random.default_rng(seed).choice(len(overviews), _MOST_FILMS, replace=False)
            overviews, labels = [overviews[i] for i in chosen], labels[chosen]
        self.films = len(overviews)
        # A word of a single film teaches nothing, unless there are hardly any films.
        fewest = 2 if self.films >= 500 else 1
        self._vectorizer = TfidfVectorizer(
            ngram_range=(1, 2), min_df=fewest, sublinear_tf=True, strip_accents="unicode", dtype=np.float32
        )
        self._frequencies = labels.mean(axis=0, dtype=np.float64)
        self._models: dict[int, LogisticRegression] = {}
        try:
            features = self._vectorizer.fit_transform(overviews)
        except ValueError:  # no word at all in the overviews: nothing to learn but the frequencies
            return
        # A genre that all or none of the films have cannot be learned: its frequency is the answer.
        self._models = {
            g: LogisticRegression(C=_INVERSE_REGULARISATION, solver="liblinear", random_state=seed).fit(
                features, labels[:, g]
            )
            for g in np.flatnonzero((self._frequencies > 0) & (self._frequencies < 1)).tolist()
        }

    @property
    def parameters(self) -> int:
        """Number of fitted weights, intercepts included."""
        return sum(model.coef_.size + 1 for model in self._models.values())

    def scores(self, overviews: Sequence[str]) -> np.ndarray:
        """Return probabilities float64 [films, genres]."""
        result = np.tile(self._frequencies, (len(overviews), 1))
        if not self._models:
            return result
        features = self._vectorizer.transform(overviews)
        for g, model in self._models.items():
            result[:, g] = model.predict_proba(features)[:, 1]
        return result
