"""What moves the weights, Adam or AdamW, and the moving average over the steps it takes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from genre_models.recipe import Recipe


def build(recipe: Recipe, weights: list[Any]) -> Any:
    """Return the built optimizer: Adam, or with weight decay AdamW (Loshchilov & Hutter 2019)."""
    if recipe.weight_decay:
        optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
        # Vectors are biases, or what scales and shifts a normalised layer: none of them can make a model complex.
        optimizer.exclude_from_weight_decay(var_list=[weight for weight in weights if len(weight.shape) < 2])
    else:
        optimizer = keras.optimizers.Adam(recipe.learning_rate)
    optimizer.build(weights)
    return optimizer


class MovingAverage:
    """The exponential moving average of the trained weights over the steps (Polyak & Juditsky 1992), kept among the
    optimizer's variables.

    Within an epoch the model holds the weights that are trained. Between epochs the two have changed places, by
    `swap`: the model holds the average, which is what is validated, saved and predicts, and the optimizer's variables
    hold the weights to go on from. So a checkpoint has both, and nothing of them twice.

    Keras' optimizers have an average too (`use_ema`), but with the same momentum from the second step on: in a run of
    1,000 steps at 0.999 a third of it would still be the weights of the first step. Here it rises as that of
    TensorFlow's `ExponentialMovingAverage` does: until it is reached, the average is over about the last ninth of the
    steps. Only trained weights are averaged; what layers count beside them (batch normalisation) is the last step's.
    """

    def __init__(self, momentum: float, weights: list[Any], optimizer: Any) -> None:
        self._momentum, self._weights, self._optimizer = momentum, weights, optimizer
        self._averages = optimizer.add_optimizer_variables(weights, "average")
        for average, weight in zip(self._averages, weights, strict=True):
            average.assign(weight)

    def update(self) -> None:
        """Take in the weights after a step: the momentum is min(momentum, (1 + t) / (10 + t)), t steps before it."""
        steps = ops.cast(self._optimizer.iterations, "float32")  # this one is counted already
        momentum = ops.minimum(self._momentum, steps / (9 + steps))
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign(average + ops.cast(1 - momentum, weight.dtype) * (weight - average))

    def swap(self) -> None:
        """Let average and trained weights change places; not within a step."""
        for average, weight in zip(self._averages, self._weights, strict=True):
            averaged, trained = average.numpy(), weight.numpy()
            average.assign(trained)
            weight.assign(averaged)
