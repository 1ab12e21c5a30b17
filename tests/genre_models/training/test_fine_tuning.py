"""Encoders as part of a model: what of them trains on and how fast, begun from a head on the frozen encoder."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from genre_models import checkpoint
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.encoders import efficientnet_lite, keras_applications, minilm
from genre_models.encoders.encoder import Backbone
from genre_models.encoders.fine_tuning import find_encoder, trainable_encoder
from genre_models.encoders.registry import image_encoder
from genre_models.models import overview_lstm, poster_cnn
from genre_models.models.input_spec import ONLY, InputSpec, backbone_of
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training import optimizer
from genre_models.training.recipe import Recipe
from genre_models.training.trainer import fit
from tests.genre_models.encoders.test_minilm import CONFIG

pytestmark = pytest.mark.slow

DRAW = np.random.default_rng(0)
GENRES, UNITS = 3, 6
FROZEN = OverviewLSTM(
    backbone="minilm", max_tokens=12, first_lstm_units=4, second_lstm_units=0, recurrent_dropout=0.0, pooling="all",
    bow_embedding=True, dense_units=0, dense_dropout=0.2,
)  # fmt: skip
TUNED = replace(FROZEN, trainable_blocks=1)
POSTERS = PosterCNN(
    backbone="MobileNet", height=32, width=32, dense_layers=0, horizontal_flip=False, conv_dropout=0.0,
    dense_dropout=0.0,
)  # fmt: skip
IDS = np.array([[3, 5, 7, 2, 19], [4, 9, 3, 0, 0], [9, 1, 6, 11, 0]], np.int32)
LABELS = np.eye(GENRES, dtype=np.float32)


@pytest.fixture(autouse=True)
def toy_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BERT of two layers and a MobileNet, both with weights of a seed, in the place of the real ones."""

    def bert(_: Path) -> Any:
        keras.utils.set_random_seed(7)
        return minilm._network(CONFIG)

    def mobilenet(backbone: Backbone) -> Any:
        keras.utils.set_random_seed(7)
        shape = (backbone.height, backbone.width, 3)
        network = keras.applications.MobileNet(
            alpha=0.25, include_top=False, weights=None, input_shape=shape, pooling="avg"
        )
        draw = np.random.default_rng(7)
        for weight in network.weights:
            if len(weight.shape) == 4:  # He et al. 2015: so that what is seen is not lost on the way
                units = weight.shape[-2] if weight.shape[-1] > 1 else 1
                weight.assign(draw.normal(0, (2 / (weight.shape[0] * weight.shape[1] * units)) ** 0.5, weight.shape))
        return network

    monkeypatch.setattr(minilm, "build", bert)
    monkeypatch.setattr(minilm, "minilm_folder", lambda _: Path())
    monkeypatch.setattr(efficientnet_lite, "efficientnet_file", lambda *_: None)
    monkeypatch.setattr(keras_applications, "load", mobilenet)


def trained(model: Any) -> set[str]:
    """The layers of which a weight trains."""
    known = {id(weight) for weight in model.trainable_variables}
    layers = [inner for layer in model.layers for inner in getattr(layer, "layers", [layer])]
    return {layer.name for layer in layers if any(id(weight) in known for weight in layer.weights)}


def test_the_last_layers_train_and_no_batch_normalisation() -> None:
    read = {"attention", "attended", "wide", "narrow"}
    assert trained(trainable_encoder(Backbone("minilm", ""), last=1)) == {"layer_1", *(f"layer_1_{n}" for n in read)}
    assert len(trained(trainable_encoder(Backbone("minilm", ""), last=2))) == 10  # and never words or positions
    seen = trainable_encoder(Backbone("efficientnet-lite0", "", 32, 32), last=2)
    convolutions = {f"blocks_{i}_{what}_conv" for i in (14, 15) for what in ("expand", "depthwise", "project")}
    assert trained(seen) == {*convolutions, "conv_head"}
    assert trained(trainable_encoder(Backbone("MobileNet", "", 32, 32), last=2)) == {"conv_dw_13", "conv_pw_13"}
    assert len(efficientnet_lite.stages(seen)) == 16
    with pytest.raises(ValueError, match="--trainable-blocks 3: minilm has 2 layers"):
        trainable_encoder(Backbone("minilm", ""), last=3)


def test_options_that_do_not_go_together_are_refused() -> None:
    for config in (OverviewLSTM, PosterCNN):
        with pytest.raises(ValueError, match="name one as backbone"):
            config(trainable_blocks=1)
    with pytest.raises(ValueError, match="0 or more"):
        replace(FROZEN, trainable_blocks=-1)
    with pytest.raises(ValueError, match="a frozen backbone sees each poster once"):
        replace(POSTERS, augmentation=0.5)
    replace(POSTERS, augmentation=0.5, trainable_blocks=1)
    with pytest.raises(ValueError, match="--max-tokens 13: minilm reads at most 12"):
        overview_lstm.build(replace(TUNED, max_tokens=13), genres=GENRES)
    with pytest.raises(ValueError, match="encoder_lr_scale"):
        Recipe(encoder_lr_scale=-1)


def feed(inputs: np.ndarray) -> Any:
    batch = {"inputs": inputs, "labels": LABELS, "weights": np.ones(len(LABELS), np.float32)}
    return {"training": lambda _: iter([batch]), "validation": lambda: iter([batch])}


POSTER_BATCH = DRAW.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
BUILDS = {
    "overviews": (lambda: overview_lstm.build(TUNED, genres=GENRES), IDS),
    "posters": (lambda: poster_cnn.build(replace(POSTERS, trainable_blocks=2), genres=GENRES), POSTER_BATCH),
}


@pytest.mark.parametrize("what", ["overviews", "posters"])
def test_the_encoder_steps_at_its_share_of_the_rate(what: str, strategy: Any) -> None:
    """Adam's first step is the learning rate, whatever the gradient, where that is not about 0."""
    build, inputs = BUILDS[what]
    recipe = Recipe(epochs=1, batch_size=3, learning_rate=0.01, encoder_lr_scale=0.1, seed=3)
    keras.utils.set_random_seed(recipe.seed)
    before = [weight.numpy() for weight in build().weights]
    model = fit(build, recipe, strategy=strategy, **feed(inputs)).model
    encoder = find_encoder(model)
    assert encoder is not None
    within = {id(weight) for weight in encoder.weights}
    steps: dict[str, list[float]] = {"head": [], "encoder": []}
    for weight, was in zip(model.weights, before, strict=True):
        step = np.abs(weight.numpy() - was).max()
        if weight.trainable:
            steps["encoder" if id(weight) in within else "head"].append(step)
        elif id(weight) in within:  # statistics of batch normalisation too
            assert step == 0, weight.path
    # A key's bias adds the same to all of a token's scores: it has no gradient.
    assert len(steps["encoder"]) >= 2 and sorted(steps["encoder"])[1:] == pytest.approx(
        [0.001] * (len(steps["encoder"]) - 1), rel=0.05
    )
    assert np.median(steps["head"]) == pytest.approx(0.01, rel=0.05)


def test_the_encoder_does_not_decay() -> None:
    weights = [keras.Variable(np.ones((2, 2), np.float32)) for _ in range(2)]
    moved = optimizer.build(Recipe(learning_rate=0.1, weight_decay=0.5), weights, pretrained=weights[1:])
    moved.apply([np.zeros((2, 2), np.float32)] * 2, weights)
    assert weights[0].numpy() == pytest.approx(np.full((2, 2), 0.95)) and (weights[1].numpy() == 1).all()


def about(config: Any, kind: str = "lstm", **told: Any) -> Checkpoint:
    return Checkpoint(kind=kind, genres=("A", "B", "C"), config=config, recipe=Recipe(), store={}, **told)


def on_features(told: dict[str, Any]) -> InputSpec:
    return overview_lstm.inputs(FROZEN).with_old_facts({ONLY: told}, "")


def fine_tuned(digest: str) -> InputSpec:
    return overview_lstm.inputs(TUNED).with_old_facts({}, digest)


def test_begun_from_a_frozen_run_it_answers_as_that_did(tmp_path: Path) -> None:
    """On states that the toy encoder made beforehand, in float32; and it is saved with all that it needs to go on."""
    frozen = overview_lstm.build(FROZEN, genres=GENRES, units=UNITS)
    told = {"encoder": "minilm", "weights": "a", "input": "256-tokens", "units": UNITS}
    checkpoint.save(tmp_path / "frozen", about(FROZEN, inputs=on_features(told)), frozen)
    states = minilm.build(Path()).predict_on_batch(IDS) * (IDS != 0)[:, :, None]
    wanted = frozen.predict_on_batch(states)
    keras.utils.set_random_seed(5)
    tuned = overview_lstm.build(TUNED, genres=GENRES)
    assert np.abs(tuned.predict_on_batch(IDS) - wanted).max() > 1e-3
    checkpoint.load_initial_weights(tmp_path / "frozen", tuned, where="frozen")
    np.testing.assert_allclose(tuned.predict_on_batch(IDS), wanted, atol=1e-5)
    np.testing.assert_allclose(tuned.predict_on_batch(np.pad(IDS, ((0, 0), (0, 4)))), wanted, atol=1e-5)

    find_encoder(tuned).trainable_variables[0].assign_add(find_encoder(tuned).trainable_variables[0])
    checkpoint.save(tmp_path / "tuned", about(TUNED, inputs=fine_tuned("a"), tokenizer='{"of": "minilm"}'), tuned)
    again = checkpoint.load_model(tmp_path / "tuned")
    np.testing.assert_array_equal(again.predict_on_batch(IDS), tuned.predict_on_batch(IDS))
    back = checkpoint.read(tmp_path / "tuned")
    assert (back.tokenizer, back.inputs.digests, back.inputs.units) == ('{"of": "minilm"}', ("a",), {})
    # And from a run that was fine-tuned itself, encoder and all.
    other = overview_lstm.build(TUNED, genres=GENRES)
    checkpoint.load_initial_weights(tmp_path / "tuned", other, where="tuned")
    np.testing.assert_array_equal(other.predict_on_batch(IDS), tuned.predict_on_batch(IDS))
    with pytest.raises(CheckpointError, match="RUNS/x holds another model"):
        wider = overview_lstm.build(replace(TUNED, first_lstm_units=5), genres=GENRES)
        checkpoint.load_initial_weights(tmp_path / "frozen", wider, where="RUNS/x")


def test_posters_begun_from_a_frozen_run(tmp_path: Path) -> None:
    """The network scales pixels as it did when it was frozen, though they come as uint8."""
    backbone = backbone_of(POSTERS)
    views = np.stack([image_encoder(backbone).load(backbone)(POSTER_BATCH)] * 2, axis=1)
    frozen = poster_cnn.build(POSTERS, genres=GENRES, units=views.shape[-1])
    checkpoint.save(tmp_path, about(POSTERS, "cnn"), frozen)
    tuned = poster_cnn.build(replace(POSTERS, trainable_blocks=2), genres=GENRES)
    checkpoint.load_initial_weights(tmp_path, tuned, where="frozen")
    np.testing.assert_allclose(tuned.predict_on_batch(POSTER_BATCH), frozen.predict_on_batch(views), atol=1e-5)


def test_posters_are_mirrored_in_training_alone() -> None:
    model = poster_cnn.build(replace(POSTERS, horizontal_flip=True, trainable_blocks=1), genres=GENRES)
    assert [layer.name for layer in model.layers if isinstance(layer, keras.layers.RandomFlip)]
    np.testing.assert_array_equal(model(POSTER_BATCH), model(POSTER_BATCH))
    assert (np.asarray(model(POSTER_BATCH)) != np.asarray(model(POSTER_BATCH[:, :, ::-1]))).any()


def test_a_checkpoint_of_one_encoder_s_features_is_read_as_before(tmp_path: Path) -> None:
    told = {"encoder": "minilm", "weights": "a", "input": "256-tokens", "units": UNITS}
    model = overview_lstm.build(FROZEN, genres=GENRES, units=UNITS)
    checkpoint.save(tmp_path, about(FROZEN, inputs=on_features(told)), model)
    path = tmp_path / "checkpoint.json"
    now = json.loads(path.read_text())
    del now["inputs"]
    for before in ({"features": told}, {"features": {"inputs": told}, "encoder": ""}):
        path.write_text(json.dumps({**now, **before}))
        read = checkpoint.read(tmp_path)
        assert read.inputs.features == {"inputs": told} and read.inputs.units == {"units": UNITS}
    tuned = {"config": asdict(TUNED), "features": {}, "encoder": "a"}
    path.write_text(json.dumps({**now, **tuned}))
    assert checkpoint.read(tmp_path).inputs == fine_tuned("a")
