"""The two baselines every comparison holds the models against: training frequencies, and TF-IDF with a linear model."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

# Regularisation strength of the logistic regressions, chosen on the validation split of the development films.
_INVERSE_REGULARISATION = 8.0
_MOST_FILMS = 200_000  # bounds the memory of the one process that fits the linear model
_VECTORS: dict[str, Any] = {
    "ngram_range": (1, 2),
    "sublinear_tf": True,
    "strip_accents": "unicode",
    "dtype": np.float32,
}


def prior_scores(training_labels: np.ndarray, films: int) -> np.ndarray:
    """Return each genre's share of the training films as every film's score: float64 [films, genres]."""
    return np.tile(training_labels.mean(axis=0, dtype=np.float64), (films, 1))


@dataclass(frozen=True)
class TfidfWeights:
    """The arrays of a fitted TF-IDF model, from which it is made again without fitting."""

    terms: tuple[str, ...]
    """Words and word pairs, by column."""
    idf: np.ndarray
    """Inverse document frequency of each term, float [terms]."""
    learned: np.ndarray
    """Indices of the genres with a logistic regression, int [learned]; the others have their frequency as score."""
    coefficients: np.ndarray
    """float64 [learned, terms]."""
    intercepts: np.ndarray
    """float64 [learned]."""
    frequencies: np.ndarray
    """Each genre's share of the training films, float64 [genres]."""


class TfidfBaseline:
    """TF-IDF of words and word pairs, and one logistic regression a genre (scikit-learn)."""

    def __init__(self, overviews: Sequence[str], labels: np.ndarray, *, seed: int = 0) -> None:
        """Fit on the training overviews and their labels 0/1 [films, genres].

        Beyond 200,000 films a seeded sample of that many is used, so that one process can hold it.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        if len(overviews) > _MOST_FILMS:
            chosen = np.random.default_rng(seed).choice(len(overviews), _MOST_FILMS, replace=False)
            overviews, labels = [overviews[i] for i in chosen], labels[chosen]
        self.films = len(overviews)
        # A word of a single film teaches nothing, unless there are hardly any films.
        fewest = 2 if self.films >= 500 else 1
        self._vectorizer = TfidfVectorizer(min_df=fewest, **_VECTORS)
        self._frequencies = labels.mean(axis=0, dtype=np.float64)
        self._models: dict[int, LogisticRegression] = {}
        try:
            features = self._vectorizer.fit_transform(overviews)
        except ValueError:  # no word at all in the overviews: nothing to learn but the frequencies
            return
        # A genre that all or none of the films have cannot be learned: its frequency is the answer.
        self._models = {
            g: _regression(seed).fit(features, labels[:, g])
            for g in np.flatnonzero((self._frequencies > 0) & (self._frequencies < 1)).tolist()
        }

    @classmethod
    def from_weights(cls, weights: TfidfWeights) -> TfidfBaseline:
        """Make a fitted model from its arrays; its scores are those of the model they come from."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        model = cls.__new__(cls)
        model.films = 0
        model._vectorizer = TfidfVectorizer(vocabulary={term: i for i, term in enumerate(weights.terms)}, **_VECTORS)
        model._frequencies = weights.frequencies
        model._models = {}
        if not len(weights.learned):
            return model
        model._vectorizer.idf_ = weights.idf
        for g, coefficients, intercept in zip(
            weights.learned.tolist(), weights.coefficients, weights.intercepts, strict=True
        ):
            fitted = _regression(0)
            fitted.classes_ = np.array([0.0, 1.0], np.float32)
            fitted.coef_, fitted.intercept_ = coefficients[None], np.array([intercept])
            fitted.n_features_in_ = len(weights.terms)
            model._models[g] = fitted
        return model

    @property
    def weights(self) -> TfidfWeights:
        """The model's arrays."""
        models = list(self._models.values())
        terms = tuple(self._vectorizer.get_feature_names_out()) if models else ()
        return TfidfWeights(
            terms=terms,
            idf=self._vectorizer.idf_ if models else np.zeros(0, np.float32),
            learned=np.array(list(self._models), np.int64),
            coefficients=np.array([model.coef_[0] for model in models], np.float64).reshape(len(models), len(terms)),
            intercepts=np.array([model.intercept_[0] for model in models], np.float64),
            frequencies=self._frequencies,
        )

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

    def contributions(self, words: Sequence[str]) -> np.ndarray:
        """Compute each word's exact contribution to the logits of an overview: float64 [genres, words].

        It is coefficient times TF-IDF value. A pair of words counts half for each, and a term that occurs several times
        is divided equally among its occurrences. With the intercept a genre's contributions sum to its logit.

        Args:
            words: the overview as written, split at white space.
        """
        result = np.zeros((len(self._frequencies), len(words)))
        if not self._models:
            return result
        prepare, split = self._vectorizer.build_preprocessor(), self._vectorizer.build_tokenizer()
        tokens = [(token, place) for place, word in enumerate(words) for token in split(prepare(word))]
        terms = [(token, [place]) for token, place in tokens]
        terms += [(f"{a} {b}", [i, j]) for (a, i), (b, j) in itertools.pairwise(tokens)]
        column_of, features = self._vectorizer.vocabulary_, self._vectorizer.transform([" ".join(words)])
        values = dict(zip(features.indices.tolist(), features.data.astype(np.float64).tolist(), strict=True))
        occurrences = [(column_of.get(term), where) for term, where in terms]
        uses = Counter(column for column, _ in occurrences)
        for column, where in occurrences:
            if column is None:
                continue
            for g, model in self._models.items():
                share = model.coef_[0, column] * values[column] / (uses[column] * len(where))
                for place in where:
                    result[g, place] += share
        return result


def _regression(seed: int) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_INVERSE_REGULARISATION, solver="liblinear", random_state=seed)
