"""The baselines: frequencies as they are, and a linear model that learns what a word tells."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from genre_models.metrics import baselines
from genre_models.metrics.baselines import TfidfBaseline, prior_scores

# Genres: a space word, a love word, no film, every film.
OVERVIEWS = ["a spaceship far away", "a wedding in spring", "the spaceship returns home", "one wedding too many"] * 5
LABELS = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1]] * 5, np.float32)


def test_prior_is_the_training_frequencies() -> None:
    labels = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]], np.float32)
    scores = prior_scores(labels, 2)
    assert scores.dtype == np.float64
    assert scores.tolist() == [[1.0, 0.0, 0.25], [1.0, 0.0, 0.25]]


def test_learns_what_a_word_tells() -> None:
    scores = TfidfBaseline(OVERVIEWS, LABELS).scores(["another spaceship", "another wedding"])
    assert scores.shape == (2, 4)
    assert scores[0, 0] > 0.8 > 0.2 > scores[1, 0]
    assert scores[1, 1] > 0.8 > 0.2 > scores[0, 1]


def test_genre_of_no_film_and_of_all_get_their_frequency() -> None:
    scores = TfidfBaseline(OVERVIEWS, LABELS).scores(["a spaceship", "nothing known", ""])
    assert scores[:, 2].tolist() == [0.0] * 3
    assert scores[:, 3].tolist() == [1.0] * 3
    assert ((scores > 0) & (scores < 1))[:, :2].all()


def test_counts_its_weights() -> None:
    """Two genres to learn; each has a weight for every word and pair of words, and an intercept."""
    words = TfidfVectorizer(ngram_range=(1, 2)).fit(OVERVIEWS)
    assert TfidfBaseline(OVERVIEWS, LABELS).parameters == 2 * (len(words.vocabulary_) + 1)


def test_words_of_a_single_film_count_only_where_films_are_few() -> None:
    """The last film has two words and a pair of its own: learned from 499 films, left out from 500."""
    overviews, labels = [*OVERVIEWS * 25, "unique words"], np.concatenate([np.tile(LABELS, (25, 1)), LABELS[:1]])
    common = len(TfidfVectorizer(ngram_range=(1, 2)).fit(OVERVIEWS).vocabulary_)
    assert TfidfBaseline(overviews[-500:], labels[-500:]).parameters == 2 * (common + 1)
    assert TfidfBaseline(overviews[-499:], labels[-499:]).parameters == 2 * (common + 3 + 1)


def test_samples_of_very_many_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """The films kept keep their own labels: what is learned is still right."""
    monkeypatch.setattr(baselines, "_MOST_FILMS", 12)
    baseline = TfidfBaseline(OVERVIEWS, LABELS, seed=1)
    assert baseline.films == 12
    scores = baseline.scores(["another spaceship", "another wedding"])
    assert scores[0, 0] > 0.6 > 0.4 > scores[1, 0]


def test_agrees_with_scikit_learn_put_together_by_hand() -> None:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    features = vectorizer.fit_transform(OVERVIEWS)
    model = LogisticRegression(C=8.0, solver="liblinear", random_state=0).fit(features, LABELS[:, 0])
    asked = ["a wedding on a spaceship", "Spring, far away"]
    wanted = model.predict_proba(vectorizer.transform(asked))[:, 1]
    assert TfidfBaseline(OVERVIEWS, LABELS).scores(asked)[:, 0] == pytest.approx(wanted, abs=1e-4)


def test_contributions_by_hand() -> None:
    """Of "Wedding, wedding - far": wedding twice, the pairs wedding wedding (unknown) and wedding far (unknown)."""
    weights = baselines.TfidfWeights(
        terms=("far", "far away", "wedding"),
        idf=np.array([2.0, 3.0, 1.0]),
        learned=np.array([1]),
        coefficients=np.array([[0.5, -4.0, 2.0]]),
        intercepts=np.array([0.25]),
        frequencies=np.array([0.3, 0.5]),
    )
    model = TfidfBaseline.from_weights(weights)
    # Values before the norm: far 1 * 2, wedding (1 + ln 2) * 1.
    wedding = 1 + np.log(2)
    norm = np.hypot(2, wedding)
    found = model.contributions(["Wedding,", "wedding", "-", "fár"])
    assert found[0].tolist() == [0] * 4
    assert found[1] == pytest.approx([wedding / norm, wedding / norm, 0, 1 / norm], abs=1e-6)
    # A pair counts half for each of its words: far 2, far away 3.
    norm = np.hypot(2, 3)
    assert model.contributions(["far", "away"])[1] == pytest.approx([(1 - 6) / norm, -6 / norm], abs=1e-6)


def test_contributions_and_intercept_are_the_logit() -> None:
    model, overview = TfidfBaseline(OVERVIEWS, LABELS), "A wedding, a WEDDING on a spaceship far away; nothing known"
    scores = model.scores([overview])[0, :2]
    sums = model.contributions(overview.split()).sum(axis=1)
    assert sums[:2] + model.weights.intercepts == pytest.approx(np.log(scores / (1 - scores)), abs=1e-5)
    assert sums[2:].tolist() == [0, 0] and np.abs(sums[:2]).min() > 0.1
