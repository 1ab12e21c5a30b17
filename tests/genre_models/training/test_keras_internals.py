"""What of Keras and TensorFlow is private and used: fails where an upgrade changes it."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from genre_models.training.keras_internals import adam_moments, forget_custom_gradients, variable_index


def test_adam_s_moments_are_those_of_the_weight() -> None:
    """After the first step they are (1 - beta) times the gradient, and its square (Kingma & Ba 2015)."""
    first, second = (keras.Variable(np.zeros(2, np.float32)) for _ in range(2))
    adam = keras.optimizers.Adam(beta_1=0.9, beta_2=0.99)
    adam.build([first, second])
    adam.apply([tf.constant([1.0, 2.0]), tf.constant([3.0, -4.0])])
    assert [variable_index(adam, weight) for weight in (first, second)] == [0, 1]
    momentum, velocity = adam_moments(adam, second)
    np.testing.assert_allclose(momentum.numpy(), [0.3, -0.4], rtol=1e-5)
    np.testing.assert_allclose(velocity.numpy(), [0.09, 0.16], rtol=1e-5)


def test_custom_gradients_of_traced_functions_are_forgotten() -> None:
    @tf.custom_gradient
    def doubled(x: tf.Tensor) -> tuple[tf.Tensor, object]:
        return 2 * x, lambda upstream: 2 * upstream

    def listed() -> int:
        return sum(name.startswith("CustomGradient-") for name in gradient_registry._registry)

    tf.function(doubled)(tf.constant(1.0))
    assert listed()
    forget_custom_gradients()
    assert not listed()
