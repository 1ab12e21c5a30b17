"""Gradients of a model's outputs with respect to its inputs, for explanations of predictions.

Keras has no gradients that are independent of the backend: so this file imports TensorFlow, as `training/` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    import keras

Gradients = Callable[
    [Sequence[np.ndarray], Sequence[np.ndarray | None], np.ndarray], tuple[np.ndarray, list[np.ndarray]]
]
"""Inputs, their masks and one output for each row -> these outputs [rows], and the gradients of each input."""


def input_gradients(model: keras.Model, *, inputs: Sequence[int], masked: Sequence[int] = ()) -> Gradients:
    """Compile the gradients of a model's outputs with respect to some of its inputs.

    They are traced once, for any number of rows and any length.

    Args:
        model: inputs in a list -> float [rows, outputs].
        inputs: indices of the inputs to differentiate by.
        masked: indices of the inputs with a mask, bool [rows, tokens].
    """
    given = [tf.TensorSpec(one.shape, one.dtype) for one in model.inputs]
    masks = [tf.TensorSpec((None, None), tf.bool) if place in masked else None for place in range(len(given))]

    @tf.function(input_signature=(given, [one for one in masks if one is not None], tf.TensorSpec([None], tf.int32)))
    def compute(values: list[Any], there: list[Any], outputs: Any) -> tuple[Any, list[Any]]:
        waiting = iter(there)
        mask = [next(waiting) if one is not None else None for one in masks]
        watched = [values[place] for place in inputs]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            chosen = tf.gather(model(values, training=False, mask=mask), outputs, axis=1, batch_dims=1)
        gradients = tape.gradient(chosen, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return chosen, gradients

    def gradients(
        values: Sequence[np.ndarray], masks: Sequence[np.ndarray | None], outputs: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        tensors = [tf.cast(value, one.dtype) for value, one in zip(values, given, strict=True)]
        chosen, slopes = compute(tensors, [tf.constant(masks[place]) for place in masked], tf.cast(outputs, tf.int32))
        return chosen.numpy(), [slope.numpy() for slope in slopes]

    return gradients
