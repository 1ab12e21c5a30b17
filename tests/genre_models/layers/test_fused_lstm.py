"""The LSTM with its loop written out gives Keras' own numbers: outputs, gradients, masks and dropout."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from genre_models.layers.fused_lstm import FusedLSTM


def outputs_and_gradients(
    lstm: type, *, lengths: list[int] | None, dropout: float, recurrent: float, compiled: bool
) -> list:
    """One pass forth and back through two bidirectional layers, from the same seed."""
    keras.utils.set_random_seed(3)
    options = {"dropout": dropout, "recurrent_dropout": recurrent}
    inputs, mask = keras.Input((None, 8)), keras.Input((None,), dtype="bool")
    told = mask if lengths else None
    x = layers.Bidirectional(lstm(6, return_sequences=True, **options))(inputs, mask=told)
    x = layers.Bidirectional(lstm(5, **options))(x, mask=told)
    model = keras.Model([inputs, mask], layers.Dense(3)(x))
    random = np.random.default_rng(0)
    films = tf.constant(random.normal(size=(4, 9, 8)).astype(np.float32))
    real = tf.constant(np.arange(9)[None] < np.array(lengths or [9] * 4)[:, None])

    def run(films: tf.Tensor, real: tf.Tensor) -> list:
        with tf.GradientTape() as tape:
            tape.watch(films)
            y = model([films, real], training=True)
            loss = tf.reduce_sum(y * tf.constant([1.0, -2.0, 0.5]))
        return [y, *tape.gradient(loss, [films, *model.trainable_variables])]

    if compiled:
        run = tf.function(run, input_signature=[tf.TensorSpec((None, None, 8)), tf.TensorSpec((None, None), tf.bool)])
    return [part.numpy() for part in run(films, real)]


@pytest.mark.slow
@pytest.mark.parametrize(("dropout", "recurrent"), [(0.0, 0.0), (0.5, 0.0), (0.5, 0.2)])
@pytest.mark.parametrize("lengths", [None, [9, 4, 1, 6]])
def test_same_as_keras(lengths: list[int] | None, dropout: float, recurrent: float) -> None:
    """Ours compiled, as it trains; Keras' step by step, which is quicker than to compile it."""
    how = {"lengths": lengths, "dropout": dropout, "recurrent": recurrent}
    wanted = outputs_and_gradients(layers.LSTM, **how, compiled=False)
    have = outputs_and_gradients(FusedLSTM, **how, compiled=True)
    assert len(wanted) == 16  # the output, the films, 12 weights of the LSTMs, 2 of the dense layer
    for ours, theirs in zip(have, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        assert np.abs(theirs).max() > 0


def test_states_are_keras_own() -> None:
    films = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    start = [np.full((3, 6), value, np.float32) for value in (0.5, -0.5)]
    told = []
    for lstm in (layers.LSTM, FusedLSTM):
        keras.utils.set_random_seed(1)
        told.append(lstm(6, return_sequences=True, return_state=True, go_backwards=True)(films, initial_state=start))
    for ours, theirs in zip(*told, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_loads_in_safe_mode(tmp_path) -> None:
    model = keras.Sequential([keras.Input((None, 4)), layers.Bidirectional(FusedLSTM(3))])
    model.save(tmp_path / "model.keras")
    films = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(films), again(films))
