"""Attributions of networks: Grad-CAM by hand, and integrated gradients that sum to the difference of the logits."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from genre_models.explain.network import NetworkAttributions
from genre_models.models.overview_lstm import OverviewLSTM
from tests.genre_models.predictors.tiny_models import SIZE, posters, save

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

# Known words, unknown ones (1) and padding (0).
IDS = np.array([[2, 5, 1, 4, 3], [6, 1, 7, 0, 0], [1, 0, 0, 0, 0], [2, 2, 2, 1, 0]], np.int32)
GENRES = np.array([0, 2, 1, 1])
ROWS = np.arange(4)


def logits(model: keras.Model, inputs: object) -> np.ndarray:
    scores = np.asarray(model(inputs), np.float64)
    return np.log(scores / (1 - scores))[ROWS, GENRES]


def test_grad_cam_by_hand() -> None:
    """After mean pooling and one dense layer a map's gradient is its weight, divided by the number of its cells."""
    draw = np.random.default_rng(0)
    poster = keras.Input((4, 3, 3), name="poster")
    features = keras.layers.Conv2D(2, 1, activation="relu")(poster)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D(1)(features))
    model = keras.Model(poster, keras.layers.Dense(3, activation="sigmoid", name="genres")(pooled))
    kernel, bias, head, offset = (draw.normal(size=weight.shape) for weight in model.weights)
    model.set_weights([kernel, bias, head, offset])
    pixels = draw.normal(size=(2, 4, 3, 3)).astype(np.float32)
    found = NetworkAttributions(model).heat([pixels], np.array([2, 0]))
    maps = np.maximum(pixels @ kernel[0, 0] + bias, 0)
    wanted = np.stack([np.maximum(maps[0] @ head[:, 2], 0), np.maximum(maps[1] @ head[:, 0], 0)]) / 12
    assert found.shape == (2, 4, 3) and found.dtype == np.float32
    assert found == pytest.approx(wanted, abs=1e-6) and wanted.max() > 0.001


@pytest.mark.slow
def test_words_sum_to_the_difference_from_unknown_words(tmp_path: Path) -> None:
    model = save("lstm", tmp_path)
    found = NetworkAttributions(model).tokens([IDS], GENRES)
    difference = logits(model, IDS) - logits(model, np.where(IDS > 0, 1, 0))
    assert found.sum(axis=1) == pytest.approx(difference, abs=0.02 * np.abs(difference).max())
    assert (found[IDS < 2] == 0).all() and np.abs(found[IDS > 1]).min() > 0


@pytest.mark.slow
def test_words_of_a_linear_model_are_exact(tmp_path: Path) -> None:
    """With LSTMs that say nothing the logit is the words' own logits, divided by the root of their number."""
    config = OverviewLSTM(
        tokenizer="words", vocabulary_size=12, max_tokens=9, embedding_units=3, first_lstm_units=2,
        second_lstm_units=0, dense_units=0, bow_logits=True, pooling="mean_max",
    )  # fmt: skip
    model = save("lstm", tmp_path, config=config)
    dense, votes = model.get_layer("genres"), model.get_layer("bow_logits").votes.get_weights()[0]
    dense.set_weights([np.zeros_like(weight) for weight in dense.get_weights()])
    found = NetworkAttributions(model).tokens([IDS], GENRES)
    wanted = (votes[IDS] - votes[1])[ROWS[:, None], np.arange(5), GENRES[:, None]]
    wanted /= np.sqrt((IDS > 0).sum(axis=1, keepdims=True))
    assert found == pytest.approx(np.where(IDS > 0, wanted, 0), abs=1e-6)


@pytest.mark.slow
def test_a_joint_network_has_both(tmp_path: Path) -> None:
    """A film's words sum to the difference of the logits where something is left to read in the baseline.

    Its last word is known there too, so that the overview does not count as missing.
    """
    model, pixels = save("fusion", tmp_path), posters(4).astype(np.float32)
    ids = IDS.copy()
    ids[2, 0] = 4
    attributions = NetworkAttributions(model)
    assert attributions.heat([pixels, ids], GENRES).shape == (4, SIZE[0] // 2, SIZE[1] // 2)
    found = attributions.tokens([pixels, ids], GENRES)
    given = {"poster": pixels, "tokens": ids}
    # As another embedding of known words would be: those of unknown ones.
    embedding = model.get_layer("embedding")
    table = embedding.get_weights()[0]
    full = logits(model, given)
    embedding.set_weights([np.where(np.arange(len(table))[:, None] > 1, table[1], table)])
    difference = full - logits(model, given)
    assert found.sum(axis=1) == pytest.approx(difference, abs=0.02 * np.abs(difference).max())
    assert np.abs(difference).min() > 1e-3


def test_a_head_on_features_has_no_layers_of_its_own() -> None:
    vectors = keras.Input((2, 3))
    model = keras.Model(vectors, keras.layers.Dense(2, activation="sigmoid")(vectors))
    attributions = NetworkAttributions(model)
    assert not (attributions.has_heat or attributions.has_words or attributions.has_gate)
