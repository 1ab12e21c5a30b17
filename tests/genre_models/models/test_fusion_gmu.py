"""The joint model: each branch alone where the other is absent, hidden films in training, saved and loaded."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, load_model
from genre_models.layers.modality_dropout import MissingModality
from genre_models.layers.pooling import BagOfWordsLogits
from genre_models.models import fusion_gmu
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import TrainState
from genre_models.training.trainer import fit

pytestmark = pytest.mark.slow

TINY = FusionGMU(
    height=8,
    width=6,
    stem_filters=2,
    block_filters=(6,),
    poster_units=4,
    vocabulary_size=20,
    embedding_units=5,
    lstm_units=3,
    overview_pooling="mean_max",
    fusion_units=4,
)
DRAW = np.random.default_rng(0)
FILMS = {
    "poster": DRAW.integers(1, 256, (6, 8, 6, 3)).astype(np.uint8),
    "tokens": DRAW.integers(2, 20, (6, 7)).astype(np.int32),
}
OTHERS = {
    "poster": DRAW.integers(1, 256, (6, 8, 6, 3)).astype(np.uint8),
    "tokens": DRAW.integers(2, 20, (6, 7)).astype(np.int32),
}


def made(**changes: Any) -> Any:
    keras.utils.set_random_seed(3)
    model = fusion_gmu.build(replace(TINY, **changes), genres=3)
    noise = np.random.default_rng(1)
    for weight in model.trainable_variables:  # none is 0, as biases are at first
        weight.assign(weight + noise.normal(0, 0.1, weight.shape))
    return model


def scores(model: Any, *, poster: Any = FILMS["poster"], tokens: Any = FILMS["tokens"]) -> np.ndarray:
    return np.asarray(model({"poster": poster, "tokens": np.asarray(tokens, np.int32)}))


def test_probabilities_of_both() -> None:
    model = made()
    told = scores(model)
    assert told.shape == (6, 3)
    assert told.dtype == np.float32
    assert ((told > 0) & (told < 1)).all()
    assert np.abs(told - scores(model, poster=OTHERS["poster"])).max() > 1e-3
    assert np.abs(told - scores(model, tokens=OTHERS["tokens"])).max() > 1e-3
    assert told == pytest.approx(scores(model, poster=FILMS["poster"].astype(np.float32)), abs=1e-6)


def test_the_gate_is_arevalos() -> None:
    """h = z tanh(W_v v) + (1 - z) tanh(W_t t), z = sigmoid(W_z [v, t] + b), then the output: written in numpy."""
    model = made()
    at = {name: [np.asarray(w) for w in model.get_layer(name).weights] for name in ("seen", "read", "gate", "genres")}
    branches = keras.Model(model.inputs, model.get_layer("absent_modalities").output)
    v, t, is_read = (np.asarray(part) for part in branches([FILMS["poster"], FILMS["tokens"]]))
    z = 1 / (1 + np.exp(-(np.concatenate([v, t], axis=1) @ at["gate"][0] + at["gate"][1])))
    h = z * np.tanh(v @ at["seen"][0]) + (1 - z) * np.tanh(t @ at["read"][0])
    wanted = 1 / (1 + np.exp(-(h @ at["genres"][0] + at["genres"][1])))
    assert is_read.tolist() == [[1]] * 6
    assert scores(model) == pytest.approx(wanted, abs=1e-5)


# -- films that lack one of the two -----------------------------------------------------------------------------------


def without(model: Any, kinds: tuple[type, ...]) -> Any:
    """The same model, with other weights in layers of these kinds."""
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    for layer in other.layers:
        if isinstance(layer, kinds):
            layer.set_weights([weight + 1 for weight in layer.get_weights()])
    return other


def test_without_a_poster_the_overview_alone_counts() -> None:
    model = made()
    blind = without(model, (keras.layers.Conv2D,))
    black = np.zeros_like(FILMS["poster"])
    assert np.abs(scores(model) - scores(blind)).max() > 1e-3  # where there is a poster, its branch counts
    assert scores(model, poster=black).tolist() == scores(blind, poster=black).tolist()
    assert np.abs(scores(model, poster=black) - scores(model, poster=black, tokens=OTHERS["tokens"])).max() > 1e-3
    # The bare picture's branch would not give the learned vector: a poster all but black is a poster.
    almost = black.copy()
    almost[:, 0, 0, 0] = 1
    assert np.abs(scores(model, poster=black) - scores(model, poster=almost)).max() > 1e-3


ABSENT = {
    "padding": np.zeros((6, 7)),
    "one unknown word": np.tile([1, 0, 0, 0, 0, 0, 0], (6, 1)),
    "unknown words": np.tile([1, 1, 1, 1, 0, 0, 0], (6, 1)),
    "the shortest": np.ones((6, 1)),
}


@pytest.mark.parametrize("bow_logits", [False, True])
def test_without_an_overview_the_poster_alone_counts(bow_logits: bool) -> None:
    model = made(bow_logits=bow_logits)
    deaf = without(model, (keras.layers.Embedding, keras.layers.Bidirectional, BagOfWordsLogits))
    wanted = scores(model, tokens=ABSENT["one unknown word"])
    assert np.isfinite(wanted).all()
    for tokens in ABSENT.values():
        assert scores(model, tokens=tokens).tolist() == wanted.tolist()
        assert scores(deaf, tokens=tokens).tolist() == wanted.tolist()
    assert np.abs(scores(model) - scores(deaf)).max() > 1e-3
    assert np.abs(wanted - scores(model, poster=OTHERS["poster"], tokens=ABSENT["padding"])).max() > 1e-3
    one_known = ABSENT["unknown words"].copy()
    one_known[:, 1] = 2
    assert np.abs(scores(model, tokens=one_known) - wanted).max(axis=1).min() > 1e-4


def test_films_without_one_of_the_two_do_not_touch_their_neighbours() -> None:
    model = made()
    some = {name: part.copy() for name, part in FILMS.items()}
    some["poster"][1], some["tokens"][2] = 0, 0
    told = scores(model, **some)
    whole = scores(model)
    for film in (0, 3, 4, 5):
        assert told[film] == pytest.approx(whole[film], abs=1e-6)
    for film in (1, 2):
        assert np.abs(told[film] - whole[film]).max() > 1e-4


def hidden_of(layer: MissingModality, see: np.ndarray, read: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of features that are all 1: which posters and which overviews are gone in training."""
    posters = np.broadcast_to(see[:, None, None, None], (len(see), 2, 2, 3)).astype(np.uint8)
    tokens = np.where(read[:, None], 2, 1).repeat(3, axis=1)
    ones = np.ones((len(see), 4), np.float32)
    of_posters, of_overviews, is_read = (np.asarray(p) for p in layer(ones, ones, posters, tokens, training=True))
    no_overview = (of_overviews != 1).all(axis=1)
    assert is_read[:, 0].tolist() == (~no_overview).tolist()
    return (of_posters != 1).all(axis=1), no_overview


def test_training_hides_as_many_of_each_and_never_both() -> None:
    layer = MissingModality(0.2, seed=1)
    all_there = np.ones(5_000, bool)
    first = hidden_of(layer, all_there, all_there)
    for gone in first:
        assert gone.mean() == pytest.approx(0.2, abs=0.02)  # 3.5 standard deviations
    assert not (first[0] & first[1]).any()
    assert hidden_of(layer, all_there, all_there)[0].tolist() != first[0].tolist()  # drawn anew in each step


def test_a_film_that_lacks_one_keeps_the_other() -> None:
    see, read = np.arange(900) % 3 > 0, np.arange(900) % 3 > 1
    no_poster, no_overview = hidden_of(MissingModality(0.5, seed=1), see, read)
    assert no_poster[~see].all()
    assert no_overview[~read].all()
    assert not no_poster[see & ~read].any()
    both = see & read
    assert (no_poster[both] ^ no_overview[both]).all()  # a half each


def test_nothing_is_hidden_outside_training_or_without_the_option() -> None:
    model = made(modality_dropout=0.5)
    assert scores(model).tolist() == scores(model).tolist()
    still = np.ones(50, bool)
    for gone in hidden_of(MissingModality(0.0), still, still):
        assert not gone.any()


def test_the_vectors_for_what_is_absent_are_learned() -> None:
    import tensorflow as tf

    model = made(modality_dropout=0.5)
    layer = model.get_layer("absent_modalities")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(FILMS, training=True))
    for gradient in tape.gradient(loss, layer.trainable_variables):
        assert np.abs(gradient).max() > 0


def test_padding_does_not_change_the_scores() -> None:
    model = made()
    tokens = FILMS["tokens"].copy()
    tokens[1, 3:] = 0
    wanted = scores(model, tokens=tokens)
    assert scores(model, tokens=np.pad(tokens, ((0, 0), (0, 9)))) == pytest.approx(wanted, abs=1e-6)
    assert np.abs(scores(model, tokens=np.pad(tokens, ((0, 0), (0, 1)), constant_values=5)) - wanted).max() > 1e-4


# -- kept -------------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_in_safe_mode(tmp_path: Path) -> None:
    model = made(augmentation=0.5, modality_dropout=0.3, bow_logits=True, overview_pooling="all", residual=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    for films in (FILMS, {**FILMS, "tokens": ABSENT["padding"]}, {**FILMS, "poster": np.zeros_like(FILMS["poster"])}):
        assert scores(loaded, **films).tolist() == scores(model, **films).tolist()
    assert loaded.get_layer("absent_modalities").hidden == 0.3


def test_a_run_gone_on_with_hides_what_the_unbroken_one_hides(strategy: Any, tmp_path: Path) -> None:
    """Which films are hidden is kept in the checkpoint; otherwise the second epoch's loss would be another."""
    config, recipe = replace(TINY, augmentation=0.0), Recipe(epochs=2, batch_size=6, learning_rate=0.01)

    def save(state: TrainState) -> None:
        if len(state.history) == 1:
            metadata = Checkpoint(
                "fusion", ("a", "b", "c"), config, recipe, {}, vocabulary=("word",), epoch=1,
                history=tuple(state.history),
            )  # fmt: skip
            checkpoints.save(tmp_path, metadata, state.model, state.optimizer)

    def trained(**options: Any) -> list[float]:
        batch = {"inputs": FILMS, "labels": np.eye(3, dtype=np.float32)[[0, 1, 2] * 2], "weights": np.ones(6, "f4")}
        state = fit(
            lambda: fusion_gmu.build(config, genres=3), recipe, strategy=strategy,
            training=lambda _: iter([batch] * 3), validation=lambda: iter([batch]), **options,
        )  # fmt: skip
        return [loss for epoch in state.history for loss in (epoch.loss, epoch.validation_loss)]

    unbroken = trained(on_epoch=save)
    assert trained(resume=partial(checkpoints.restore, tmp_path)) == pytest.approx(unbroken, abs=1e-6)


def test_where_the_hiding_stands_is_a_variable() -> None:
    """So that a checkpoint keeps it, and training goes on as if it had never stopped."""
    model = made(modality_dropout=0.5)
    state = model.get_layer("absent_modalities").seed_generator.state
    assert [variable for variable in model.variables if variable is state]
    absent = keras.Model(model.inputs, model.get_layer("absent_modalities").output)
    inputs = [np.repeat(part, 20, axis=0) for part in FILMS.values()]
    before = state.numpy()
    first = [np.asarray(part) for part in absent(inputs, training=True)]
    state.assign(before)
    again = [np.asarray(part) for part in absent(inputs, training=True)]
    # Dropout before it draws on; which films are hidden is drawn by this layer alone.
    for place, weight in enumerate(absent.get_layer("absent_modalities").weights):
        gone = [(part[place] == np.asarray(weight)).all(axis=1).tolist() for part in (first, again)]
        assert 0 < sum(gone[0]) < len(gone[0])
        assert gone[0] == gone[1]


@pytest.mark.parametrize("value", [-0.1, 0.6, float("nan")])
def test_more_than_all_cannot_be_hidden(value: float) -> None:
    with pytest.raises(ValueError, match=r"modality_dropout must be 0 to 0\.5"):
        FusionGMU(modality_dropout=value)
    with pytest.raises(ValueError, match=r"hidden must be 0 to 0\.5"):
        MissingModality(value)


def test_shares_that_are_none() -> None:
    with pytest.raises(ValueError, match="branch_dropout must be 0 to 1"):
        FusionGMU(branch_dropout=1.5)
    for name in ("augmentation", "conv_dropout", "word_dropout", "recurrent_dropout"):
        with pytest.raises(ValueError, match=f"{name} must be 0 to 1"):
            FusionGMU(**{name: -0.5})


def test_branches_are_the_two_models_own() -> None:
    """Every option of theirs is either given on or replaced by one of the joint model's."""
    posters = {
        "height": 8, "width": 6, "augmentation": 0.1, "horizontal_flip": False, "colour_jitter": 0.2,
        "random_erasing": 0.3,
        "stem_filters": 2, "block_filters": (8,), "residual": True, "normalization": "group", "conv_dropout": 0.4,
    }  # fmt: skip
    overviews = {
        "tokenizer": "stems", "vocabulary_size": 20, "min_count": 3, "max_tokens": 9, "embedding_units": 5,
        "embedding_init": "svd", "word_dropout": 0.1, "embedding_dropout": 0.2, "lstm_dropout": 0.6,
        "recurrent_dropout": 0.7, "bow_embedding": True,
    }  # fmt: skip
    config = FusionGMU(
        **posters, **overviews, poster_pooling="mean", poster_units=4, overview_pooling="all", lstm_units=3,
        branch_dropout=0.8,
    )  # fmt: skip
    assert config.poster_branch == PosterCNN(
        **posters, pooling="mean", dense_units=4, dense_layers=1, dense_dropout=0.8
    )
    assert replace(config, poster_units=0).poster_branch.dense_layers == 0
    ends = {"first_lstm_units": 3, "second_lstm_units": 0, "pooling": "all", "dense_units": 0, "dense_dropout": 0.8}
    assert config.overview_branch == OverviewLSTM(**overviews, **ends)
    output_s_own = {"pooling", "dense_units", "dense_layers", "dense_dropout", "init_bias_from_prior", "bow_logits"}
    lstm_s_own = {"first_lstm_units", "second_lstm_units"}
    known = {field.name for branch in (PosterCNN, OverviewLSTM) for field in fields(branch)}
    encoders = {"backbone", "backbone_weights", "trainable_blocks"}  # by other names, and frozen
    assert known - output_s_own - lstm_s_own - encoders == posters.keys() | overviews.keys()
    on_encoders = replace(FROZEN, poster_weights="a", overview_weights="b")
    for branch, name, weights in (
        (on_encoders.poster_branch, "efficientnet-lite0", "a"),
        (on_encoders.overview_branch, "minilm", "b"),
    ):
        assert (branch.backbone, branch.backbone_weights, branch.trainable_blocks) == (name, weights, 0)


# -- on features of pretrained encoders -------------------------------------------------------------------------------

FROZEN = replace(
    TINY,
    augmentation=0.0,
    poster_backbone="efficientnet-lite0",
    overview_backbone="minilm",
    bow_embedding=True,
)
UNITS = {"poster": 5, "tokens": 6}
FEATURES = {
    "poster": DRAW.normal(size=(6, 2, 5)).astype(np.float16),
    "tokens": DRAW.normal(size=(6, 7, 6)).astype(np.float16),
}


def on_features() -> Any:
    keras.utils.set_random_seed(3)
    return fusion_gmu.build(FROZEN, genres=3, units=UNITS)


def told(model: Any, **changes: np.ndarray) -> np.ndarray:
    return np.asarray(model({**FEATURES, **changes}))


def test_features_of_what_is_absent_leave_the_other_alone(tmp_path: Path) -> None:
    """A poster of views that are all 0, an overview of nothing between its first and last token, or of padding."""
    model, draw = on_features(), np.random.default_rng(5)
    no_poster, ends = np.zeros_like(FEATURES["poster"]), np.zeros_like(FEATURES["tokens"])
    ends[:, :2] = draw.normal(size=(6, 2, 6))
    other_ends = ends * 2
    unseen = told(model, poster=no_poster)
    assert np.abs(unseen - told(model)).max() > 1e-3
    assert np.abs(unseen - told(model, poster=no_poster, tokens=FEATURES["tokens"][::-1])).max() > 1e-3
    unread = told(model, tokens=ends)
    for tokens in (other_ends, np.zeros_like(ends), ends[:, :2]):
        np.testing.assert_allclose(told(model, tokens=tokens), unread, atol=1e-6)
    assert np.abs(unread - told(model, tokens=ends, poster=FEATURES["poster"][::-1])).max() > 1e-3
    three = ends.copy()
    three[:, 2] = 1
    assert np.abs(told(model, tokens=three) - unread).max(axis=1).min() > 1e-4
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path)
    np.testing.assert_array_equal(told(again), told(model))
    np.testing.assert_array_equal(told(again, poster=no_poster), unseen)


def test_padding_of_features_does_not_change_the_scores() -> None:
    model, tokens = on_features(), FEATURES["tokens"].copy()
    tokens[1, 3:] = 0
    wanted = told(model, tokens=tokens)
    np.testing.assert_allclose(told(model, tokens=np.pad(tokens, ((0, 0), (0, 5), (0, 0)))), wanted, atol=1e-6)


def test_backbones_go_together() -> None:
    for options in ({"overview_backbone": "none"}, {"poster_backbone": "none"}):
        with pytest.raises(ValueError, match="name both"):
            replace(FROZEN, **options)
    with pytest.raises(ValueError, match="not of a backbone"):
        replace(FROZEN, bow_logits=True)
    frozen = fusion_gmu.inputs(FROZEN).frozen
    assert [(one.name, one.encoder.input) for one in frozen if one.encoder] == [
        ("poster", "8x6"),
        ("tokens", "256-tokens"),
    ]
    assert fusion_gmu.inputs(TINY).pretrained == ()
