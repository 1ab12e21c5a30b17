"""The training loop's options against Keras or by hand: losses, moving average, mixup, clipping, patience, dicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from genre_models.models import overview_lstm
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.history import EpochMetrics
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import Step, TrainState
from genre_models.training.trainer import Batch, fit
from tests.genre_models.training.tiny_training import (
    BATCH,
    GENRES,
    PLAIN,
    RECIPE,
    TRAIN,
    VALIDATION,
    batches,
    dense,
    films,
    in_keras,
    losses,
    train,
)

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


def same_weights(state: TrainState, model: Any) -> None:
    for mine, keras_own in zip(state.model.get_weights(), model.get_weights(), strict=True):
        assert mine == pytest.approx(keras_own, abs=1e-5)


# -- losses -----------------------------------------------------------------------------------------------------------


def test_focal_loss_is_trained_on_but_not_told(strategy: Any) -> None:
    """Keras' focal loss moves the weights alike; its metric, plain cross-entropy, is the loss that is told."""
    state = train(strategy, replace(RECIPE, loss="focal", gamma=2.0), PLAIN)
    model, told = in_keras(*TRAIN, loss=keras.losses.BinaryFocalCrossentropy(gamma=2.0))
    assert [e.loss for e in state.history] == pytest.approx(told["binary_crossentropy"], abs=1e-5)
    assert [e.validation_loss for e in state.history] == pytest.approx(told["val_binary_crossentropy"], abs=1e-5)
    same_weights(state, model)


def test_weighed_genres_are_trained_on(strategy: Any) -> None:
    recipe = replace(RECIPE, genre_weights="inverse_frequency")
    plain = losses(train(strategy, build=dense))
    assert losses(train(strategy, recipe, build=dense, genre_counts=np.array([5, 5, 5]))) == pytest.approx(plain)
    assert losses(train(strategy, recipe, build=dense, genre_counts=np.array([9, 5, 1])))[2:] != pytest.approx(
        plain[2:]
    )
    with pytest.raises(ValueError, match="needs the number of training films of each genre"):
        train(strategy, recipe, build=dense)


# -- the moving average -----------------------------------------------------------------------------------------------


def test_moving_average_is_validated_and_trained_weights_go_on(strategy: Any) -> None:
    """By hand: momentum 1/10, 2/11, 3/12, then 0.3 as told. The steps are those without an average, to the last bit."""

    def run(ema_decay: float) -> tuple[TrainState, list[np.ndarray], list[np.ndarray]]:
        """Return the kernel at the start and after each step, and as it was validated after each epoch."""
        models: list[Any] = []
        stepped: list[np.ndarray] = []
        validated: list[np.ndarray] = []

        def build() -> Any:
            models.append(dense())
            stepped.append(models[0].get_weights()[0])
            return models[0]

        def on_step(step: Step) -> None:
            if step.phase == "training":
                stepped.append(models[0].get_weights()[0])

        def on_epoch(state: TrainState) -> None:
            validated.append(state.model.get_weights()[0])

        recipe = replace(RECIPE, ema_decay=ema_decay)
        return train(strategy, recipe, build=build, on_step=on_step, on_epoch=on_epoch), stepped, validated

    state, steps, validated = run(0.3)
    _, plain, _ = run(0.0)
    assert np.array_equal(steps, plain) and len(steps) == 1 + 2 * 3
    average, averages = steps[0], []
    for step, momentum in zip(steps[1:], (1 / 10, 2 / 11, 3 / 12, 0.3, 0.3, 0.3), strict=True):
        average = momentum * average + (1 - momentum) * step
        averages.append(average)
    assert np.array(validated) == pytest.approx(np.array([averages[2], averages[5]]), abs=1e-6)
    # What is left at the end is the average, and the scores are its own.
    assert np.array_equal(state.model.get_weights()[0], validated[1])
    assert state.validation_scores == pytest.approx(state.model.predict(VALIDATION[0], verbose=0), abs=1e-6)


# -- mixup ------------------------------------------------------------------------------------------------------------


def test_mixup_is_of_the_seed_and_of_films_alone(strategy: Any) -> None:
    """What fills the last batch changes nothing, and the same seed mixes the same."""
    weights = np.array([1.0] * 10 + [0.0] * 2, np.float32)

    def run(recipe: Recipe, filling: int) -> list[float]:
        whole = [np.concatenate([part[:10], fill]) for part, fill in zip(TRAIN, films(2, seed=filling), strict=True)]
        return losses(train(strategy, recipe, build=dense, training=lambda _: batches(*whole, weights)))

    mixing = replace(RECIPE, mixup=0.4)
    assert run(mixing, filling=8) == pytest.approx(first := run(mixing, filling=9), abs=1e-6)
    assert run(replace(mixing, mixup=0.0), filling=8) != pytest.approx(first, abs=1e-3)


def test_mixup_of_halves(strategy: Any) -> None:
    """At so large a parameter every share is a half: of two films with a genre each comes one, twice, with both halves.

    Half of 0 and 200 over 192 values, weighed by 1e-3, is a logit of 19.2 for each of three genres.
    """
    recipe = replace(RECIPE, epochs=1, batch_size=2, mixup=1e6, learning_rate=1e-12)
    posters = np.stack([np.zeros((8, 8, 3)), np.full((8, 8, 3), 200)]).astype(np.uint8)
    labels = np.eye(GENRES, dtype=np.float32)[:2]

    def build() -> Any:
        model = dense()
        model.set_weights([np.full((192, GENRES), 1e-3), np.zeros(GENRES)])
        return model

    (epoch,) = train(strategy, recipe, build=build, training=lambda _: batches(posters, labels)).history
    assert epoch.loss == pytest.approx(19.2 - 19.2 * (0.5 + 0.5 + 0) / 3, rel=1e-3)


TWO_INPUTS = {"poster": (8, 8, 3), "tokens": (4,)}


def fusion() -> Any:
    inputs = {name: keras.Input(shape, name=name) for name, shape in TWO_INPUTS.items()}
    both = keras.layers.Concatenate()([keras.layers.Flatten()(inputs["poster"]), inputs["tokens"]])
    return keras.Model(inputs, keras.layers.Dense(GENRES, "sigmoid")(both), name="fusion")


def lstm() -> Any:
    config = OverviewLSTM(vocabulary_size=8, embedding_units=2, first_lstm_units=2, second_lstm_units=2, dense_units=2)
    return overview_lstm.build(config, genres=GENRES)


@pytest.mark.parametrize(
    ("build", "uses_overview"),
    [(lstm, r"overview_lstm reads tokens \(int32\)"), (fusion, "fusion reads poster.*, tokens")],
)
def test_words_cannot_be_mixed(build: Any, uses_overview: str, strategy: Any) -> None:
    with pytest.raises(ValueError, match=f"mixup is for models that see posters alone, and {uses_overview}"):
        train(strategy, replace(RECIPE, mixup=0.2), build=build)


# -- clipping, patience, several inputs -------------------------------------------------------------------------------


def test_clipping_is_that_of_keras(strategy: Any) -> None:
    """Adam divides a gradient's size out again, but not what differs from step to step."""
    state = train(strategy, replace(RECIPE, clip_norm=0.05), PLAIN)
    model, told = in_keras(*TRAIN, optimizer=keras.optimizers.Adam(global_clipnorm=0.05))
    assert [e.loss for e in state.history] == pytest.approx(told["loss"], abs=1e-5)
    same_weights(state, model)
    assert losses(state) != pytest.approx(losses(train(strategy, config=PLAIN)), abs=1e-4)


def test_patience_ends_the_run(strategy: Any) -> None:
    """Validation films are labelled the other way round: what is learned makes it worse from the first epoch on."""
    recipe = replace(RECIPE, epochs=9, patience=2, learning_rate=0.002)
    upside_down = TRAIN[0], 1 - TRAIN[1]
    epochs: list[int] = []

    def run(**options: Any) -> TrainState:
        return train(strategy, recipe, build=dense, validation=lambda: batches(*upside_down), **options)

    state = run(on_epoch=lambda state: epochs.append(len(state.history)))
    assert epochs == [1, 2, 3]
    assert state.history[0].validation_loss < state.history[1].validation_loss

    def never(_: int) -> Iterator[Batch]:
        raise AssertionError("a run that has ended trains no more")

    def resume(*_: Any) -> list[EpochMetrics]:
        return list(state.history)

    assert run(resume=resume, training=never).history == state.history
    by_precision = run(resume=lambda *_: state.history[:2], metric="validation_mean_average_precision")
    assert len(by_precision.history) >= 2


def test_model_of_two_inputs(strategy: Any) -> None:
    """As one input that holds both, given as an array."""

    def feed(*_: int) -> Iterator[Batch]:
        for batch in batches(*TRAIN):
            tokens = np.arange(BATCH * 4, dtype=np.float32).reshape(BATCH, 4) % 3
            yield {**batch, "inputs": {"poster": batch["inputs"].astype(np.float32) / 255, "tokens": tokens}}

    def flat(*_: int) -> Iterator[Batch]:
        for batch in feed():
            poster, tokens = batch["inputs"]["poster"], batch["inputs"]["tokens"]
            yield {**batch, "inputs": np.concatenate([poster.reshape(BATCH, -1), tokens], axis=1)}

    def one() -> Any:
        return keras.Sequential([keras.Input((8 * 8 * 3 + 4,)), keras.layers.Dense(GENRES, "sigmoid")])

    two = fit(fusion, RECIPE, strategy=strategy, training=feed, validation=feed)
    wanted = fit(one, RECIPE, strategy=strategy, training=flat, validation=flat)
    assert losses(two) == pytest.approx(losses(wanted), abs=1e-6)
