"""The optimizers, Adam and AdamW, and a moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from genre_models.training.keras_internals import adam_moments, variable_index
from genre_models.training.recipe import Recipe

Update = Callable[..., None]
"""Adam's update of one weight in one pass over its memory, called with keywords: "weight", "momentum", "velocity" (the
backend's variables), "gradient", "rate", "step" (from 1) and "adam", the optimizer."""


class _InOnePass:
    """Lets Adam's update be one operation of the backend: Keras writes it as a dozen, each a pass over the memory of
    weight, gradient and moments. The same formula, to rounding (Kingma & Ba 2015, with epsilon as Keras has it)."""

    update: Update

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one weight; Keras calls this for each."""
        momentum, velocity = adam_moments(self, variable)
        self.update(
            weight=variable,
            momentum=momentum,
            velocity=velocity,
            gradient=gradient,
            rate=learning_rate,
            step=self.iterations + 1,  # type: ignore[attr-defined]
            adam=self,
        )


class _Adam(_InOnePass, keras.optimizers.Adam):
    pass


class _AdamW(_InOnePass, keras.optimizers.AdamW):
    pass


def build(recipe: Recipe, weights: list[Any], update: Update | None = None, *, pretrained: Sequence[Any] = ()) -> Any:
    """Return the built optimizer: Adam, or with weight decay AdamW (Loshchilov & Hutter 2019).

    For float16 it scales the loss (`scale_loss`), so that small gradients are not rounded to 0, and its `apply` leaves
    out a step whose gradients are not finite; it takes gradients that are summed over workers already, or they would
    not agree on that.

    Args:
        recipe: how fast, and what holds the weights back.
        weights: the model's.
        update: moves one weight in place of Keras' own code.
        pretrained: those of the weights that learn at the recipe's share of the rate, and do not decay: towards 0 is no
            better place for them.
    """
    known = {id(weight) for weight in pretrained}
    slow = {index for index, weight in enumerate(weights) if id(weight) in known}
    plain, decaying = (_Adam, _AdamW) if update else (keras.optimizers.Adam, keras.optimizers.AdamW)
    adam: Any = decaying if recipe.weight_decay else plain
    if slow:
        adam = _slowed(adam, slow, recipe.encoder_lr_scale)
    if recipe.weight_decay:
        optimizer = adam(recipe.learning_rate, weight_decay=recipe.weight_decay, name="adamw")
        # Vectors are biases, or what scales and shifts a normalised layer: none of them can make a model complex.
        spared = [weight for weight in weights if len(weight.shape) < 2 or id(weight) in known]
        optimizer.exclude_from_weight_decay(var_list=spared)
    else:
        optimizer = adam(recipe.learning_rate, name="adam")
    if update:
        optimizer.update = update
    if recipe.dtype_policy == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(weights)
    return optimizer


def _slowed(adam: Any, slow: set[int], share: float) -> Any:
    """Return an optimizer class with a lower learning rate for some of the weights."""

    class Slowed(adam):
        """Adam is blind to the scale of gradients: only the rate itself slows it."""

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            """Step, or step a little."""
            is_slow = variable_index(self, variable) in slow
            super().update_step(gradient, variable, learning_rate * share if is_slow else learning_rate)

    return Slowed


class MovingAverage:
    """The trained weights' exponential moving average over the steps (Polyak & Juditsky 1992).

    It is kept among the optimizer's variables.

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

    def update(self, taken: Any = True) -> None:
        """Take in the weights after a step: the momentum is min(momentum, (1 + t) / (10 + t)), t steps before it.

        Args:
            taken: whether the step was taken, bool; without one, nothing is new.
        """
        steps = ops.cast(self._optimizer.iterations, "float32")  # this one is counted already
        momentum = ops.where(taken, ops.minimum(self._momentum, steps / (9 + steps)), 1.0)
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign(average + ops.cast(1 - momentum, weight.dtype) * (weight - average))

    def swap(self) -> None:
        """Let average and trained weights change places; not within a step."""
        for average, weight in zip(self._averages, self._weights, strict=True):
            averaged, trained = average.numpy(), weight.numpy()
            average.assign(trained)
            weight.assign(averaged)
