"""The training loop: it trains as plain Keras does, and alike each time, whether stopped on the way or not."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint
from genre_models.models import overview_lstm
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import Step, TrainingDivergedError, TrainState
from genre_models.training.trainer import Batch, Trainer, fit, release_memory, set_up_tensorflow
from tests.genre_models.training.tiny_training import (
    BATCH,
    DROPPING,
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
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_trains_as_keras_does(strategy: Any) -> None:
    state = train(strategy, config=PLAIN)
    model, told = in_keras(*TRAIN)
    assert [e.epoch for e in state.history] == [1, 2]
    assert [e.learning_rate for e in state.history] == pytest.approx(told["learning_rate"], rel=1e-5)
    for name in ("loss", "precision", "recall"):
        assert [getattr(e, name) for e in state.history] == pytest.approx(told[name], abs=1e-5)
        assert [getattr(e, f"validation_{name}") for e in state.history] == pytest.approx(told[f"val_{name}"], abs=1e-5)
    for mine, keras_own in zip(state.model.get_weights(), model.get_weights(), strict=True):
        assert mine == pytest.approx(keras_own, abs=1e-5)
    assert told["loss"][0] - told["loss"][1] > 1e-3  # something was learned, so there was something to differ in
    assert state.validation_labels.tolist() == VALIDATION[1].tolist()
    assert state.validation_scores == pytest.approx(model.predict(VALIDATION[0], verbose=0), abs=1e-5)


@pytest.mark.slow
def test_weight_decay_is_that_of_adamw(strategy: Any) -> None:
    """Biases are left alone: by name in Keras here, by shape in the loop."""
    state = train(strategy, replace(RECIPE, weight_decay=0.5), PLAIN)
    adamw = keras.optimizers.AdamW(weight_decay=0.5)
    adamw.exclude_from_weight_decay(var_names=["bias"])
    model, told = in_keras(*TRAIN, optimizer=adamw)
    assert [e.validation_loss for e in state.history] == pytest.approx(told["val_loss"], abs=1e-5)
    for mine, keras_own in zip(state.model.get_weights(), model.get_weights(), strict=True):
        assert mine == pytest.approx(keras_own, abs=1e-5)
    assert losses(state) != pytest.approx(losses(train(strategy, config=PLAIN)), abs=1e-4)


def test_biases_and_normalisation_do_not_decay(strategy: Any) -> None:
    """Where no gradient comes, what moves a weight is decay alone: a kernel of ones loses 0.1 * 0.5 of itself."""

    def build() -> Any:
        model = keras.Sequential([dense(), keras.layers.LayerNormalization()])
        model.set_weights([np.ones(weight.shape) for weight in model.weights])
        return model

    trainer = Trainer(build, replace(RECIPE, learning_rate=0.1, weight_decay=0.5), strategy)
    weights = trainer.model.trainable_variables
    strategy.run(lambda: trainer.optimizer.apply([tf.zeros(weight.shape) for weight in weights], weights))
    kernel, *vectors = (weight.numpy() for weight in weights)
    assert kernel == pytest.approx(np.full((192, 3), 0.95))
    assert [vector.tolist() for vector in vectors] == [[1.0] * 3] * 3


@pytest.mark.slow
def test_label_smoothing_is_trained_on_but_not_told(strategy: Any) -> None:
    """Keras' smoothed loss moves the weights alike; its metric, which smooths nothing, is the loss that is told."""
    state = train(strategy, replace(RECIPE, label_smoothing=0.3), PLAIN)
    model, told = in_keras(*TRAIN, loss=keras.losses.BinaryCrossentropy(label_smoothing=0.3))
    assert [e.loss for e in state.history] == pytest.approx(told["binary_crossentropy"], abs=1e-5)
    assert [e.validation_loss for e in state.history] == pytest.approx(told["val_binary_crossentropy"], abs=1e-5)
    for mine, keras_own in zip(state.model.get_weights(), model.get_weights(), strict=True):
        assert mine == pytest.approx(keras_own, abs=1e-5)
    assert [e.loss for e in state.history] != pytest.approx(told["loss"], abs=1e-3)
    plain = train(strategy, config=PLAIN)
    assert state.history[0].loss != pytest.approx(plain.history[0].loss, abs=1e-4)  # the gradients were others


def test_rate_is_the_schedules(strategy: Any) -> None:
    rates: list[float] = []
    recipe = replace(RECIPE, epochs=3, learning_rate=0.3, schedule="cosine", warmup_epochs=1)
    state = train(
        strategy, recipe, build=dense, on_epoch=lambda state: rates.append(float(state.optimizer.learning_rate.numpy()))
    )
    assert rates == pytest.approx([0.15, 0.3, 0.003], rel=1e-5)
    assert [e.learning_rate for e in state.history] == pytest.approx(rates, rel=1e-5)


def filled(posters: np.ndarray, labels: np.ndarray, rows: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    noise = films(rows, seed)
    return np.concatenate([posters, noise[0]]), np.concatenate([labels, noise[1]])


@pytest.mark.slow
def test_filling_counts_nothing(strategy: Any) -> None:
    """Ten films in batches of four leave two rows to fill; what fills them means nothing, in training and validation.

    Keras divides a weighted batch's loss by its rows, filling included, as the loop does for the gradient. The loss
    it tells is over 12 rows, ours over 10 films. Keras is given other filling than the loop.
    """
    weights = np.array([1.0] * 10 + [0.0] * 2, np.float32)
    posters, labels = filled(*(part[:10] for part in TRAIN), 2, seed=9)
    padded = filled(*VALIDATION, 4, seed=7)
    state = train(
        strategy,
        config=PLAIN,
        training=lambda _: batches(posters, labels, weights),
        validation=lambda: batches(*padded, np.repeat([1.0, 0.0], [8, 4]).astype(np.float32)),
    )
    model, told = in_keras(*TRAIN, weights)
    assert [e.loss for e in state.history] == pytest.approx([loss * 12 / 10 for loss in told["loss"]], abs=1e-5)
    assert [e.validation_loss for e in state.history] == pytest.approx(told["val_loss"], abs=1e-5)
    assert len(state.validation_labels) == 8
    for mine, keras_own in zip(state.model.get_weights(), model.get_weights(), strict=True):
        assert mine == pytest.approx(keras_own, abs=1e-5)
    films_counted = [e.films_per_second * e.training_seconds for e in state.history]
    assert films_counted == pytest.approx([10, 10])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_is_on_in_training_alone(strategy: Any, dropout: float) -> None:
    """At a rate that moves no weight, training and validation on the same films differ by dropout or not at all."""
    config = replace(DROPPING, conv_dropout=dropout, dense_dropout=dropout)
    recipe = replace(RECIPE, epochs=1, learning_rate=1e-12)
    (epoch,) = train(strategy, recipe, config, validation=lambda: batches(*TRAIN)).history
    assert (abs(epoch.loss - epoch.validation_loss) > 1e-4) == (dropout > 0)
    assert dropout or epoch.loss == pytest.approx(epoch.validation_loss, abs=1e-6)


@pytest.mark.slow
def test_seed_sets_everything(strategy: Any) -> None:
    assert losses(train(strategy)) == pytest.approx(first := losses(train(strategy)), abs=1e-7)
    assert losses(train(strategy, replace(RECIPE, seed=4))) != pytest.approx(first, abs=1e-3)


REGULARISED = replace(
    RECIPE, schedule="cosine", warmup_epochs=1, weight_decay=0.1, label_smoothing=0.1, loss="asymmetric",
    ema_decay=0.5, mixup=0.4, clip_norm=0.1, patience=4,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "config"),
    [
        (RECIPE, replace(DROPPING, conv_dropout=0.0, dense_dropout=0.0)),
        (RECIPE, replace(DROPPING, conv_dropout=0.5)),
        (REGULARISED, replace(DROPPING, augmentation=1.0)),
    ],
    ids=["plain", "dropout", "all that regularises"],
)
def test_resumed_run_is_the_unbroken_one(strategy: Any, tmp_path: Path, recipe: Recipe, config: PosterCNN) -> None:
    """Saved after two epochs of four and taken up by another fit."""
    recipe = replace(recipe, epochs=4)

    def save(state: TrainState) -> None:
        if len(state.history) == 2:
            metadata = Checkpoint("cnn", ("a", "b", "c"), config, recipe, {}, epoch=2, history=tuple(state.history))
            checkpoints.save(tmp_path, metadata, state.model, state.optimizer)

    asked: list[int] = []

    def training(epoch: int) -> Iterator[Batch]:
        asked.append(epoch)
        return batches(*TRAIN)

    unbroken = train(strategy, recipe, config, on_epoch=save)
    resumed = train(strategy, recipe, config, resume=partial(checkpoints.restore, tmp_path), training=training)
    assert asked == [3, 4]
    assert [e.epoch for e in resumed.history] == [1, 2, 3, 4]
    assert resumed.history[:2] == unbroken.history[:2]
    assert [e.learning_rate for e in resumed.history] == [e.learning_rate for e in unbroken.history]
    assert losses(resumed) == pytest.approx(losses(unbroken), abs=1e-6)
    for mine, theirs in zip(resumed.model.get_weights(), unbroken.model.get_weights(), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)


def test_tells_of_every_step_and_epoch(strategy: Any) -> None:
    steps: list[Step] = []
    epochs: list[int] = []
    train(strategy, build=dense, on_step=steps.append, on_epoch=lambda state: epochs.append(len(state.history)))
    assert epochs == [1, 2]
    one = [("training", 1), ("training", 2), ("training", 3), ("validation", 0)]
    assert [(s.epoch, s.phase, s.step) for s in steps] == [(epoch, *step) for epoch in (1, 2) for step in one]


def test_diverged_loss_stops(strategy: Any) -> None:
    told: list[TrainState] = []
    with pytest.raises(TrainingDivergedError, match=r"epoch 1 is nan.*--learning-rate"):
        train(strategy, build=dense, training=lambda _: batches(TRAIN[0], TRAIN[1] * np.nan), on_epoch=told.append)
    assert told == []  # so that no checkpoint is made of it


def test_diverged_step_stops_within_the_epoch(strategy: Any) -> None:
    """Sums are read a step late: what is wrong with the second step is found when the third has been started."""

    def broken(_: int) -> Iterator[Batch]:
        for step, batch in enumerate([*batches(*TRAIN)] * 20, start=1):
            yield {**batch, "labels": batch["labels"] * (np.nan if step == 2 else 1)}

    steps: list[Step] = []
    with pytest.raises(TrainingDivergedError, match=r"epoch 1 is nan at step 2: try a lower --learning-rate than 0.02"):
        train(strategy, build=dense, training=broken, on_step=steps.append)
    assert len(steps) == 2
    assert "batches" not in [thread.name for thread in threading.enumerate()]


def test_diverged_validation_stops(strategy: Any) -> None:
    told: list[TrainState] = []
    with pytest.raises(TrainingDivergedError, match=r"epoch 1 is \d+\.\d+, on validation nan: try a lower"):
        train(
            strategy, build=dense, validation=lambda: batches(VALIDATION[0], VALIDATION[1] * np.nan),
            on_epoch=told.append,
        )  # fmt: skip
    assert told == []


@pytest.mark.parametrize("feed", ["training", "validation"])
def test_errors_of_the_films_come_through(strategy: Any, feed: str) -> None:
    def broken(*_: int) -> Iterator[Batch]:
        yield from batches(*TRAIN)
        raise LookupError("film tt0000007")

    with pytest.raises(LookupError, match="tt0000007"):
        train(strategy, build=dense, **{feed: broken})
    assert "batches" not in [thread.name for thread in threading.enumerate()]


def test_error_in_a_callback_ends_the_reading_thread(strategy: Any) -> None:
    def endless(_: int) -> Iterator[Batch]:
        while True:
            yield from batches(*TRAIN)

    def stop(step: Step) -> None:
        raise KeyboardInterrupt(f"at step {step.step}")

    with pytest.raises(KeyboardInterrupt, match="at step 1"):
        train(strategy, build=dense, training=endless, on_step=stop)
    assert "batches" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.slow  # ten seconds, most of them TensorFlow's compiling
def test_lstm_trains_on_batches_of_two_lengths(strategy: Any) -> None:
    """A film's genre is its overview's first word; after some steps it is told from it, whatever the padding."""
    config = OverviewLSTM(
        vocabulary_size=8, embedding_units=6, first_lstm_units=4, second_lstm_units=4, dense_units=8,
        lstm_dropout=0.1, recurrent_dropout=0.1, dense_dropout=0.0,
    )  # fmt: skip
    genres = np.array([0, 1, 2, 0])

    def feed(*_: int) -> Iterator[Batch]:
        draw = np.random.default_rng(0)
        for length in (2, 4) * 4:
            words = draw.integers(5, 8, (BATCH, length)).astype(np.int32)
            words[:, 0] = 2 + genres
            words[0, 1:] = 0
            yield {
                "inputs": words,
                "labels": np.eye(GENRES, dtype=np.float32)[genres],
                "weights": np.ones(BATCH, np.float32),
            }

    recipe = replace(RECIPE, epochs=5, learning_rate=0.05, hold_epochs=99)
    state = fit(
        lambda: overview_lstm.build(config, genres=GENRES), recipe, strategy=strategy, training=feed, validation=feed
    )
    assert state.history[-1].validation_loss < 0.3 < state.history[0].loss
    assert state.history[-1].validation_mean_average_precision > 0.95
    assert state.validation_scores.shape == (8 * BATCH, GENRES)


def test_set_up_clears_the_switch_to_keras_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray Train sets it; a model built after that would be another library's."""
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    set_up_tensorflow(workers=1)
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_set_up_again_keeps_the_threads(strategy: Any) -> None:
    """TensorFlow refuses other threads once it has computed, and a process trains one trial after the other."""
    train(strategy, replace(RECIPE, epochs=1), build=dense)
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    for wanted in (threads + 1, threads + 2):
        set_up_tensorflow(workers=1, threads=wanted)
    assert tf.config.threading.get_intra_op_parallelism_threads() == threads


@pytest.mark.parametrize(
    ("workers", "inter_op_parallel", "wanted"), [(1, False, [4, None]), (1, True, [1, 4]), (2, True, [4, None])]
)
def test_threads_side_by_side(
    workers: int, inter_op_parallel: bool, wanted: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four threads for each operation, or four operations of one thread each."""
    set_to: dict[str, int] = {}
    for kind in ("intra", "inter"):
        setter = f"set_{kind}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, setter, partial(set_to.__setitem__, kind))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: None)
    set_up_tensorflow(workers=workers, threads=4, inter_op_parallel=inter_op_parallel)
    assert [set_to.get("intra"), set_to.get("inter")] == wanted


@pytest.mark.slow
def test_forget_leaves_nothing_of_a_training(strategy: Any) -> None:
    """Neither its weights nor the graphs that its steps were traced into, which hold the weights."""

    def graphs() -> int:
        return sum(isinstance(thing, tf.Graph) for thing in gc.get_objects())

    release_memory()
    before = graphs()
    model = weakref.ref(train(strategy, replace(RECIPE, epochs=1)).model)
    release_memory()
    assert model() is None
    assert graphs() <= before
    assert losses(train(strategy)) == pytest.approx(losses(train(strategy)), abs=1e-7)  # and training goes on as ever
