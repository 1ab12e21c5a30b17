"""Heads on a pretrained encoder's features, and the encoders by name."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest

from genre_models.checkpoint import load_model
from genre_models.encoders.encoder import Backbone
from genre_models.encoders.registry import encoder_of, image_encoder, names, text_encoder
from genre_models.layers.random_view import RandomView
from genre_models.models import overview_lstm, poster_cnn
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN

DRAW = np.random.default_rng(0)
LSTM = OverviewLSTM(backbone="minilm", first_lstm_units=4, second_lstm_units=0, recurrent_dropout=0.0, dense_units=0)
CNN = PosterCNN(backbone="efficientnet-lite0", dense_units=8, dense_layers=1)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"pooling": "all", "bow_embedding": True}, {"pooling": "last"}])
def test_the_head_of_overviews_reads_nothing_in_padding(options: dict, tmp_path: Path) -> None:
    model = overview_lstm.build(dataclasses.replace(LSTM, **options), genres=3, units=6)
    states = DRAW.normal(size=(2, 5, 6)).astype(np.float16)
    states[1, 2:] = 0
    scores = model.predict_on_batch(states)
    padded = np.pad(states, ((0, 0), (0, 3), (0, 0)))
    np.testing.assert_allclose(model.predict_on_batch(padded), scores, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(states[1:, :2]), scores[1:], atol=1e-6)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path).predict_on_batch(states), scores)


def test_the_bag_of_an_overview_is_its_mean_brought_to_one_scale() -> None:
    """With all weights but the bag's at 0 the answers are those of (mean - its mean) / its deviation."""
    model = overview_lstm.build(dataclasses.replace(LSTM, bow_embedding=True), genres=3, units=6)
    kernel, bias = model.get_layer("genres").get_weights()
    kernel[:-6] = 0
    model.get_layer("genres").set_weights([kernel, bias])
    states = np.zeros((1, 4, 6), np.float32)
    states[0, :3] = DRAW.normal(size=(3, 6))
    mean = states[0, :3].mean(axis=0)
    wanted = ((mean - mean.mean()) / np.sqrt(mean.var() + 1e-3)) @ kernel[-6:] + bias
    np.testing.assert_allclose(model.predict_on_batch(states)[0], 1 / (1 + np.exp(-wanted)), atol=1e-5)


@pytest.mark.parametrize("options", [{"normalization": "batch"}, {"horizontal_flip": False}, {"dense_layers": 0}])
def test_the_head_of_posters(options: dict, tmp_path: Path) -> None:
    model = poster_cnn.build(dataclasses.replace(CNN, **options), genres=3, units=6)
    views = DRAW.normal(size=(5, 2, 6)).astype(np.float16)
    scores = model.predict_on_batch(views)
    assert scores.shape == (5, 3) and np.ptp(scores, axis=0).min() > 0
    same = np.allclose(model.predict_on_batch(views[:, ::-1]), scores, atol=1e-6)
    assert same == options.get("horizontal_flip", True)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path).predict_on_batch(views), scores)


def test_in_training_each_poster_shows_one_of_its_views() -> None:
    layer, views = RandomView(), DRAW.normal(size=(400, 2, 3)).astype(np.float32)
    shown = np.asarray(layer(views, training=True))
    of_first, of_second = ((shown == views[:, view]).all(axis=1) for view in (0, 1))
    assert (of_first ^ of_second).all() and 140 < of_first.sum() < 260
    assert (np.asarray(layer(views, training=True)) != shown).any()
    np.testing.assert_allclose(layer(views), views.mean(axis=1), rtol=1e-5)


def test_options_that_a_backbone_has_no_use_for_are_refused() -> None:
    for options in ({"bow_logits": True}, {"embedding_init": "svd"}):
        with pytest.raises(ValueError, match="not for a backbone"):
            dataclasses.replace(LSTM, **options)
    for options in ({"augmentation": 0.5}, {"random_erasing": 0.1}, {"normalization": "group"}):
        with pytest.raises(ValueError, match="backbone"):
            dataclasses.replace(CNN, **options)
    with pytest.raises(ValueError, match="none, minilm"):
        OverviewLSTM(backbone="gpt")


def test_encoders_by_name() -> None:
    assert "minilm" in names("overview") and "efficientnet-lite0" in names("poster")
    assert not set(names("overview")) & set(names("poster"))
    assert text_encoder(Backbone("minilm")).input_size(Backbone("minilm")) == "256-tokens"
    seen = Backbone("efficientnet-lite0", "", 192, 128)
    assert image_encoder(seen).input_size(seen) == "192x128" and not image_encoder(seen).digest_needs_keras
    assert encoder_of("MobileNet").digest_needs_keras and encoder_of("MobileNet").source == "poster"
    with pytest.raises(ValueError, match="minilm encodes overviews, not posters"):
        PosterCNN(backbone="minilm")
    with pytest.raises(ValueError, match=r"none, minilm.*, not 'efficientnet-lite0'"):
        OverviewLSTM(backbone="efficientnet-lite0")


def test_weights_are_known_by_their_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    wanted = hashlib.sha256(b"weights").hexdigest()
    assert encoder_of("minilm").digest(Backbone("minilm", str(tmp_path))) == wanted
    weights = Backbone("efficientnet-lite0", str(tmp_path / "model.safetensors"))
    assert image_encoder(weights).digest(weights) == wanted
    with pytest.raises(FileNotFoundError, match="no folder of a pretrained encoder"):
        encoder_of("minilm").digest(Backbone("minilm", str(tmp_path / "none")))


@pytest.mark.slow
def test_a_network_of_keras_sees_posters(tmp_path: Path) -> None:
    """MobileNetV3Small with weights of a file, as keras.applications takes them; it scales pixels by itself."""
    of = {"include_top": False, "weights": None, "input_shape": (32, 32, 3), "pooling": "avg"}
    network = keras.applications.MobileNetV3Small(**of)
    network.save_weights(tmp_path / "random.weights.h5")
    backbone = Backbone("MobileNetV3Small", str(tmp_path / "random.weights.h5"), 32, 32)
    posters = DRAW.integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    made = image_encoder(backbone).load(backbone)(posters)
    np.testing.assert_allclose(made, network.predict_on_batch(posters.astype(np.float32)), atol=1e-5)
    arrays = b"".join(weight.numpy().tobytes() for weight in network.weights)
    assert image_encoder(backbone).digest(backbone) == hashlib.sha256(arrays).hexdigest()
    with pytest.raises(OSError, match=r"cannot be fetched or do not fit.*--backbone-weights"):
        image_encoder(backbone).load(dataclasses.replace(backbone, weights=str(tmp_path / "none.weights.h5")))
    named = dataclasses.replace(backbone, name="Mobile")
    with pytest.raises(ValueError, match="there is no backbone Mobile"):
        image_encoder(named).load(named)


def test_installed_weights_are_compared_with_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named is used whatever it holds; the package's own must be what was published."""
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"exchanged")
    for encoder in (text_encoder(Backbone("minilm")), image_encoder(Backbone("efficientnet-lite0"))):
        monkeypatch.setattr(type(encoder), "weights_file", lambda *_: weights)
        with pytest.raises(ValueError, match=r"model.safetensors has the SHA-256 .* damaged or has been exchanged"):
            encoder.digest(Backbone(encoder.name))
        known = hashlib.sha256(b"exchanged").hexdigest()
        assert encoder.digest(Backbone(encoder.name, str(tmp_path))) == known
        monkeypatch.setattr(encoder, "known", known)
        assert encoder.digest(Backbone(encoder.name)) == known
