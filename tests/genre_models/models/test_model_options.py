"""What the two models can be beside the coursework's: every option builds, is kept when saved, and does its part."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest

from datasets.text import vocabulary
from genre_models.checkpoint import load_model
from genre_models.layers import pooling
from genre_models.models import overview_lstm
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.overview_lstm import build as build_lstm
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.poster_cnn import build as build_cnn
from genre_models.models.registry import REGISTRY
from genre_models.presets import lookup as presets
from genre_models.training.recipe import Recipe

pytestmark = pytest.mark.slow

SMALL_LSTM = {"vocabulary_size": 50, "embedding_units": 6, "first_lstm_units": 5, "second_lstm_units": 0}
SMALL_CNN = {"height": 32, "width": 24, "block_filters": (8, 16), "stem_filters": 8, "dense_layers": 0}
POSTERS = np.random.default_rng(0).integers(0, 256, (6, 32, 24, 3)).astype(np.uint8)
TOKENS = np.array([[5, 6, 7, 0, 0], [8, 0, 0, 0, 0], [1, 2, 3, 4, 5]], np.int32)


def reloaded(model: keras.Model, folder: Path) -> keras.Model:
    model.save(folder / "model.keras")
    return load_model(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "mean_max", "dense_units": 0},
        {"pooling": "attention", "second_lstm_units": 4},
        {"pooling": "all", "word_dropout": 0.4, "embedding_dropout": 0.3, "bow_logits": True},
        {"pooling": "last", "second_lstm_units": 0, "dense_units": 0},
        {"bow_embedding": True, "pooling": "all"},
    ],
)
def test_overview_model(options: dict, tmp_path: Path) -> None:
    model = build_lstm(OverviewLSTM(**{**SMALL_LSTM, **options}), genres=3)
    scores = model.predict_on_batch(TOKENS)
    assert scores.shape == (3, 3) and ((scores > 0) & (scores < 1)).all()
    # Padding says nothing, whatever is pooled.
    np.testing.assert_allclose(model.predict_on_batch(np.pad(TOKENS, ((0, 0), (0, 4)))), scores, atol=1e-6)
    np.testing.assert_array_equal(reloaded(model, tmp_path).predict_on_batch(TOKENS), scores)


@pytest.mark.parametrize(
    "options",
    [
        {"residual": True, "normalization": "batch", "pooling": "mean"},
        {"residual": True, "normalization": "group", "pooling": "mean_max", "dense_layers": 1, "dense_units": 4},
        {"residual": True, "conv_dropout": 0.0},
        {
            "normalization": "batch",
            "augmentation": 1.0,
            "horizontal_flip": False,
            "colour_jitter": 0.4,
            "random_erasing": 0.5,
        },
    ],
)
def test_poster_model(options: dict, tmp_path: Path) -> None:
    model = build_cnn(PosterCNN(**{**SMALL_CNN, **options}), genres=3)
    scores = model.predict_on_batch(POSTERS)
    assert scores.shape == (6, 3) and ((scores > 0) & (scores < 1)).all()
    # Nothing is varied or dropped outside training.
    np.testing.assert_allclose(np.asarray(model(POSTERS)), scores, atol=1e-5)
    np.testing.assert_array_equal(reloaded(model, tmp_path).predict_on_batch(POSTERS), scores)


@pytest.mark.parametrize("option", ["augmentation", "colour_jitter", "random_erasing"])
def test_training_posters_are_varied(option: str) -> None:
    model = build_cnn(PosterCNN(**{**SMALL_CNN, "conv_dropout": 0.0, "dense_dropout": 0.0, option: 1.0}), genres=3)
    plain, varied = np.asarray(model(POSTERS)), np.asarray(model(POSTERS, training=True))
    assert np.abs(plain - varied).max() > 1e-4


def varied(option: str, share: float, posters: np.ndarray) -> np.ndarray:
    """Posters as the layer of one option leaves them in training."""
    model = build_cnn(PosterCNN(**{**SMALL_CNN, "height": 16, "width": 16, option: share}), genres=3)
    layer = next(layer for layer in model.layers if type(layer).__name__.startswith("Random"))
    return np.asarray(layer(posters.astype(np.float32), training=True))


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_cutout_wipes_out_its_share_of_the_posters(share: float) -> None:
    posters = np.random.default_rng(0).integers(1, 100, (800, 16, 16, 3))
    wiped = (varied("random_erasing", share, posters) != posters).any(axis=(1, 2, 3)).mean()
    assert wiped == pytest.approx(share, abs=0.06)


def test_saturation_is_varied_within_the_range_of_pixels() -> None:
    posters = np.random.default_rng(0).integers(0, 256, (100, 16, 16, 3))
    pixels = varied("colour_jitter", 1.0, posters)
    assert np.abs(pixels - posters).max() > 50
    assert pixels.min() >= -0.01 and pixels.max() <= 255.01


def test_residual_blocks_halve_the_picture_and_keep_what_they_were_given() -> None:
    model = build_cnn(PosterCNN(**{**SMALL_CNN, "residual": True, "pooling": "mean"}), genres=3)
    added = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert added == [(16, 12, 8), (8, 6, 16)]


def test_groups_must_divide_the_filters() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        PosterCNN(normalization="group", block_filters=(12,))


@pytest.mark.parametrize("values", [{"pooling": "first"}, {"tokenizer": "spaces"}, {"word_dropout": 1.5}])
def test_impossible_overview_models_are_refused(values: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        OverviewLSTM(**values)


def test_mean_and_max_of_words_that_count() -> None:
    values = np.array([[[1.0, -5.0], [3.0, -1.0], [9.0, 9.0]], [[7.0, 7.0]] * 3], np.float32)
    mask = np.array([[True, True, False], [False] * 3])
    np.testing.assert_allclose(pooling.MeanMaxPooling()(values, mask=mask), [[2, -3, 3, -1], [0, 0, 0, 0]])


def test_attention_is_a_mean_of_words_that_count() -> None:
    values = np.array([[[1.0, 2.0], [3.0, 6.0], [900.0, 900.0]]], np.float32)
    pooled = np.asarray(pooling.AttentionPooling(4)(values, mask=np.array([[True, True, False]])))[0]
    assert 1 <= pooled[0] <= 3
    assert pooled[1] == pytest.approx(2 * pooled[0], rel=1e-5)


def test_votes_start_at_nothing_and_are_summed_over_the_root_of_their_number() -> None:
    layer = pooling.BagOfWordsLogits(10, 2)
    assert not np.asarray(layer(TOKENS)).any()
    layer.votes.embeddings.assign(np.arange(20, dtype=np.float32).reshape(10, 2))
    np.testing.assert_allclose(
        np.asarray(layer(TOKENS))[:2], [[(10 + 12 + 14) / 3**0.5, (11 + 13 + 15) / 3**0.5], [16, 17]], rtol=1e-6
    )


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in REGISTRY for name in presets.names(kind)])
def test_presets(kind: str, name: str) -> None:
    recipe, model = presets.preset(kind, name)
    assert isinstance(recipe, Recipe) and isinstance(model, REGISTRY[kind].config_class)
    told = " ".join(
        str(inspect.getdoc(importlib.import_module(f"genre_models.presets.{kind}.{name.replace('-', '_')}"))).split()
    )
    assert presets.name_of(kind, replace(recipe, seed=7), model) == name
    assert presets.name_of(kind, replace(recipe, epochs=99), model) == f"{name} with another recipe"
    assert presets.name_of(kind, recipe, replace(model, init_bias_from_prior=not model.init_bias_from_prior)) == ""
    assert f"--preset {name}" in told and "mean average precision" in told and " min" in told


def test_the_coursework_is_every_default() -> None:
    assert presets.preset("cnn", "coursework") == (Recipe(epochs=40), PosterCNN())
    assert presets.preset("lstm", "coursework") == (Recipe(epochs=20), OverviewLSTM())


def test_a_preset_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"there are .*coursework"):
        presets.preset("cnn", "bets")


def test_every_way_of_cutting_overviews_is_one_that_the_films_can_be_cut_in() -> None:
    """Models and films know nothing of each other, so both say which ways there are."""
    assert get_args(overview_lstm.Tokenizer) == get_args(vocabulary.Tokenizer)
