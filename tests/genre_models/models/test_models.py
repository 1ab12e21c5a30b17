"""The two models are the coursework's, layer for layer, and cost nothing to name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from genre_models.models import fusion_gmu, overview_lstm, poster_cnn
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.registry import REGISTRY

ROOT = Path(__file__).parents[3]


def outline(model: Any) -> list[tuple[Any, ...]]:
    """Each layer's kind and what sets its size."""
    told: list[tuple[Any, ...]] = []
    for layer in model.layers:
        match layer:
            case keras.layers.Rescaling():
                told.append(("rescale", layer.scale))
            case keras.layers.Conv2D():
                told.append(("conv", layer.filters, layer.kernel_size, layer.strides, layer.activation.__name__))
            case keras.layers.Dropout():
                told.append(("dropout", layer.rate))
            case keras.layers.MaxPooling2D():
                told.append(("max pooling", layer.pool_size))
            case keras.layers.Dense():
                told.append(("dense", layer.units, layer.activation.__name__))
            case keras.layers.Embedding():
                told.append(("embedding", layer.input_dim, layer.output_dim, layer.mask_zero))
            case keras.layers.Bidirectional():
                lstm = layer.forward_layer
                assert isinstance(lstm, keras.layers.LSTM)
                assert isinstance(layer.backward_layer, keras.layers.LSTM)
                assert layer.merge_mode == "concat"
                told.append(("bilstm", lstm.units, lstm.return_sequences, lstm.dropout, lstm.recurrent_dropout))
            case keras.layers.InputLayer():
                told.append(("input", layer.batch_shape[1:]))
            case _:
                told.append((type(layer).__name__,))
    return told


def test_poster_cnn_is_the_courseworks() -> None:
    def conv(filters: int, stride: int = 1) -> tuple[Any, ...]:
        return ("conv", filters, (3, 3), (stride, stride), "relu")

    model = poster_cnn.build(PosterCNN(), genres=25)
    pairs = [[conv(n), conv(n), ("dropout", 0.2), ("max pooling", (2, 2))] for n in (32, 64, 128)]
    assert outline(model) == [
        ("input", (64, 64, 3)),
        ("rescale", 1 / 255),
        conv(16, stride=2),
        ("dropout", 0.2),
        *pairs[0],
        *pairs[1],
        *pairs[2],
        ("Flatten",),
        *[("dense", 1024, "relu"), ("dropout", 0.5)] * 2,
        ("dense", 25, "sigmoid"),
    ]
    assert model.count_params() == 3_464_601


def test_overview_lstm_is_the_courseworks() -> None:
    model = overview_lstm.build(OverviewLSTM(), genres=25)
    layers = [layer for layer in outline(model) if layer != ("NotEqual",)]  # the mask, which Keras shows as a layer
    assert layers == [
        ("input", (None,)),
        ("embedding", 10_000, 256, True),
        ("bilstm", 256, True, 0.5, 0.2),
        ("bilstm", 128, False, 0.5, 0.2),
        ("dense", 128, "relu"),
        ("dropout", 0.8),
        ("dense", 25, "sigmoid"),
    ]
    assert model.count_params() == 4_303_129


def test_poster_cnn_of_another_size() -> None:
    """Stem 3*3*3*2+2 = 56; pair 3*3*2*4+4 = 76 and 3*3*4*4+4 = 148; 16 x 8 halved twice is 4 x 2, of 4 filters 32;
    dense 32*5+5 = 165; genres 5*3+3 = 18."""
    config = PosterCNN(height=16, width=8, stem_filters=2, block_filters=(4,), dense_units=5, dense_layers=1)
    model = poster_cnn.build(config, genres=3)
    assert model.count_params() == 56 + 76 + 148 + 165 + 18
    posters = np.random.default_rng(0).integers(0, 256, (4, 16, 8, 3)).astype(np.uint8)
    scores = np.asarray(model(posters))
    assert scores.shape == (4, 3)
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 1)).all()
    assert scores == pytest.approx(np.asarray(model(posters.astype(np.float32))), abs=1e-6)


VARYING = PosterCNN(height=8, width=8, stem_filters=2, block_filters=(), dense_units=4, augmentation=1.0)
TINY_LSTM = OverviewLSTM(vocabulary_size=20, embedding_units=4, first_lstm_units=3, second_lstm_units=2, dense_units=4)
POSTERS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)


def varied(model: Any, posters: np.ndarray) -> np.ndarray:
    """What the convolutions see of posters in training, 0 to 1."""
    seen = keras.Model(model.input, model.get_layer("scale_to_unit").output)
    return np.asarray(seen(posters, training=True))


def test_augmentation_varies_training_posters_alone() -> None:
    model, plain = poster_cnn.build(VARYING, genres=3), poster_cnn.build(replace(VARYING, augmentation=0.0), genres=3)
    plain.set_weights(model.get_weights())
    assert np.asarray(model(POSTERS)).tolist() == np.asarray(plain(POSTERS)).tolist()
    assert varied(plain, POSTERS) == pytest.approx(POSTERS / 255, abs=1e-6)
    first, second = varied(model, POSTERS), varied(model, POSTERS)
    assert first.shape == (6, 8, 8, 3)
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.abs(first - second).mean(axis=(1, 2, 3)).min() > 0.01  # every poster anew, every time
    same = varied(model, np.repeat(POSTERS[:1], 6, axis=0))
    assert np.abs(same - same[0]).mean(axis=(1, 2, 3))[1:].min() > 0.01  # and each in its own way


def test_little_augmentation_changes_little() -> None:
    """Of a poster of two halves, mirrored or not, a hundredth of the full strength leaves what it was."""
    halves = np.zeros((32, 8, 8, 3), np.uint8)
    halves[:, :, 4:] = 200
    seen = varied(poster_cnn.build(replace(VARYING, augmentation=0.01), genres=3), halves)
    distances = [np.abs(seen - wanted / 255).max(axis=(1, 2, 3)) for wanted in (halves, halves[:, :, ::-1])]
    assert np.minimum(*distances).max() < 0.05
    assert 0 < (distances[1] < 0.05).sum() < 32


def test_augmentation_is_saved_and_loads_in_safe_mode(tmp_path: Path) -> None:
    model = poster_cnn.build(VARYING, genres=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert np.asarray(loaded(POSTERS)).tolist() == np.asarray(model(POSTERS)).tolist()
    assert [type(layer).__name__ for layer in loaded.layers if type(layer).__name__.startswith("Random")] == [
        "RandomFlip", "RandomTranslation", "RandomZoom", "RandomBrightness", "RandomContrast",
    ]  # fmt: skip
    assert np.abs(varied(loaded, POSTERS) - POSTERS / 255).max() > 0.1


def test_where_the_augmentation_stands_is_a_variable() -> None:
    """So that a checkpoint keeps it: set back, it varies the same posters in the same way."""
    model = poster_cnn.build(VARYING, genres=3)
    states = [variable for variable in model.variables if "seed_generator" in variable.path]
    assert len(states) == 5 + 3  # and those of the three dropouts
    before = [state.numpy() for state in states]
    first = varied(model, POSTERS)
    for state, value in zip(states, before, strict=True):
        state.assign(value)
    assert varied(model, POSTERS).tolist() == first.tolist()


def test_no_augmentation_leaves_no_trace() -> None:
    """Nothing is drawn before the first layer's weights: a seed gives those that it gives a layer alone."""
    keras.utils.set_random_seed(7)
    model = poster_cnn.build(replace(VARYING, augmentation=0.0), genres=3)
    keras.utils.set_random_seed(7)
    alone = keras.layers.Conv2D(2, 3)
    alone.build((None, 8, 8, 3))
    assert model.get_weights()[0].tolist() == alone.get_weights()[0].tolist()


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_that_are_none(value: float) -> None:
    with pytest.raises(ValueError, match=r"augmentation must be 0 to 1"):
        PosterCNN(augmentation=value)
    with pytest.raises(ValueError, match=r"embedding_dropout must be 0 to 1"):
        OverviewLSTM(embedding_dropout=value)


def test_embedding_dropout_drops_channels_of_a_whole_overview() -> None:
    model = overview_lstm.build(replace(TINY_LSTM, embedding_units=40, embedding_dropout=0.5), genres=3)
    dropout = next(layer for layer in model.layers if isinstance(layer, keras.layers.SpatialDropout1D))
    words = np.ones((8, 7), np.int32)
    vectors = np.asarray(keras.Model(model.input, dropout.output)(words, training=True))
    dropped = vectors == 0
    assert (dropped == dropped[:, :1]).all()  # the same channels for all its words
    assert len({row.tobytes() for row in dropped[:, 0]}) == 8  # and others for each overview
    assert 0.3 < dropped.mean() < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("embedding_dropout", [0.0, 0.5])
def test_padding_does_not_change_what_the_lstm_answers(embedding_dropout: float) -> None:
    """Nor does a dropout that stands between the embedding, which makes the mask, and the LSTM, which needs it."""
    keras.utils.set_random_seed(0)
    model = overview_lstm.build(replace(TINY_LSTM, embedding_dropout=embedding_dropout), genres=3)
    words = np.random.default_rng(0).integers(1, 20, (5, 7)).astype(np.int32)
    words[1, 3:] = 0  # overviews of different lengths in one batch
    words[2, 1:] = 0
    answer = np.asarray(model(words))
    assert ((answer > 0) & (answer < 1)).all()
    for more in (1, 9):
        assert np.asarray(model(np.pad(words, ((0, 0), (0, more))))) == pytest.approx(answer, abs=1e-6)
    alone = np.asarray(model(words[2:3, :1]))
    assert alone[0] == pytest.approx(answer[2], abs=1e-6)
    # A word more, known or not, does change it: the test above can fail.
    assert np.abs(np.asarray(model(np.pad(words, ((0, 0), (0, 1)), constant_values=1))) - answer).max() > 1e-4


def test_catalog_builds_each_kind() -> None:
    assert list(REGISTRY) == ["cnn", "lstm", "fusion"]
    assert [kind.modality for kind in REGISTRY.values()] == ["poster", "overview", "both"]
    configs = {
        "cnn": PosterCNN(height=8, width=8, stem_filters=2, block_filters=(2,), dense_units=2),
        "lstm": OverviewLSTM(vocabulary_size=5, embedding_units=2, first_lstm_units=2, second_lstm_units=2),
        "fusion": FusionGMU(height=8, width=8, block_filters=(2,), vocabulary_size=5, lstm_units=2, fusion_units=2),
    }
    for key, kind in REGISTRY.items():
        assert kind.key == key
        assert isinstance(configs[key], kind.config_class)
        assert kind.build(configs[key], genres=6).output_shape == (None, 6)
    assert REGISTRY["cnn"].search_space is poster_cnn.SEARCH_SPACE
    assert REGISTRY["lstm"].search_space is overview_lstm.SEARCH_SPACE
    assert REGISTRY["fusion"].search_space is fusion_gmu.SEARCH_SPACE


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "models.poster_cnn",
        "models.overview_lstm",
        "models.fusion_gmu",
        "models.registry",
        "models.input_spec",
        "encoders.registry",
        "models.search_space",
        "checkpoint",
        "metrics.classification",
        "training.recipe",
    ],
)
def test_import_costs_no_tensorflow(module: str) -> None:
    code = f"import sys, genre_models.{module}; print(*sorted({{'tensorflow', 'keras', 'sklearn'}} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
