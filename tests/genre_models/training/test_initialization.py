"""A model's start: words' vectors from the overviews, the output from the genres' shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genre_models.models.overview_lstm import OverviewLSTM, build
from genre_models.training.initialization import initialize, svd_word_vectors

SMALL = OverviewLSTM(
    vocabulary_size=12,
    embedding_units=3,
    first_lstm_units=4,
    second_lstm_units=0,
    dense_units=0,
    init_bias_from_prior=True,
    embedding_init="svd",
)


def two_topics() -> np.ndarray:
    """Overviews of words 2 to 5, and others of words 6 to 9; word 10 is never used."""
    random = np.random.default_rng(0)
    ids = np.zeros((60, 6), np.int32)
    ids[:30, :5] = random.integers(2, 6, (30, 5))
    ids[30:, :5] = random.integers(6, 10, (30, 5))
    ids[:, 4] = 1
    return ids


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_words_that_share_overviews_point_the_same_way() -> None:
    vectors = svd_word_vectors(two_topics(), vocabulary_size=12, units=2)
    assert vectors.shape == (12, 2) and vectors.dtype == np.float32
    assert cosine(vectors[2], vectors[5]) > 0.9
    assert abs(cosine(vectors[2], vectors[7])) < 0.3
    assert not vectors[[0, 1, 10, 11]].any()  # padding, unknown, never used


@pytest.mark.parametrize("ids", [np.zeros((4, 3), np.int32), np.full((1, 3), 2, np.int32)])
def test_too_little_to_decompose_gives_zeros(ids: np.ndarray) -> None:
    assert not svd_word_vectors(ids, vocabulary_size=8, units=4).any()


def test_more_units_than_films_leaves_the_rest_zero() -> None:
    vectors = svd_word_vectors(two_topics()[::20], vocabulary_size=12, units=8)
    assert vectors[:, :2].any() and not vectors[:, 2:].any()


def test_a_model_begins_with_the_prior_and_the_vectors() -> None:
    model = build(SMALL, genres=2)
    vectors = np.arange(60, dtype=np.float32).reshape(20, 3)  # of a larger vocabulary, as in a sweep
    initialize(model, SMALL, genre_films=[9, 0], films=19, word_vectors=vectors)
    np.testing.assert_array_equal(model.get_layer("embedding").embeddings.numpy(), vectors[:12])
    bias = model.get_layer("genres").bias.numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), [9.5 / 20, 0.5 / 20], rtol=1e-6)


def test_nothing_changes_unless_asked() -> None:
    model = build(replace(SMALL, init_bias_from_prior=False), genres=2)
    before = [weight.numpy() for weight in model.weights]
    initialize(model, OverviewLSTM(), genre_films=[9, 1], films=19, word_vectors=None)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
