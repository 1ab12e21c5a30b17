"""Tiny films and models for the training loop's tests, and the same training by Keras' own `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from genre_models.models import poster_cnn
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import TrainState
from genre_models.training.trainer import Batch, fit

BATCH, GENRES = 4, 3
DROPPING = PosterCNN(height=8, width=8, stem_filters=3, block_filters=(), dense_units=8, dense_layers=1)
PLAIN = replace(DROPPING, block_filters=(4,), conv_dropout=0.0, dense_dropout=0.0)
# The rate falls after the first epoch, so that a comparison over two epochs checks that too.
RECIPE = Recipe(epochs=2, batch_size=BATCH, learning_rate=0.02, hold_epochs=1, decay=0.5, seed=3)


def films(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    posters = draw.integers(0, 256, (number, 8, 8, 3)).astype(np.uint8)
    return posters, (draw.random((number, GENRES)) < 0.4).astype(np.float32)


TRAIN, VALIDATION = films(12), films(8, seed=1)


def batches(posters: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Iterator[Batch]:
    """Cut films into batches, in their order."""
    weights = np.ones(len(labels), np.float32) if weights is None else weights
    for start in range(0, len(labels), BATCH):
        rows = slice(start, start + BATCH)
        yield {"inputs": posters[rows], "labels": labels[rows], "weights": weights[rows]}


def cnn(config: PosterCNN = DROPPING) -> Callable[[], Any]:
    return lambda: poster_cnn.build(config, genres=GENRES)


def train(strategy: Any, recipe: Recipe = RECIPE, config: PosterCNN = DROPPING, **options: Any) -> TrainState:
    """Fit the tiny CNN on the tiny films, unless told otherwise."""
    feeds = {"training": lambda _: batches(*TRAIN), "validation": lambda: batches(*VALIDATION)}
    return fit(options.pop("build", cnn(config)), recipe, strategy=strategy, **{**feeds, **options})


def dense() -> Any:
    """The quickest model to build, for the tests of all but the training."""
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(GENRES, "sigmoid")])


def losses(state: TrainState) -> list[float]:
    return [loss for epoch in state.history for loss in (epoch.loss, epoch.validation_loss)]


def in_keras(
    posters: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    optimizer: Any = None,
    loss: Any = "binary_crossentropy",
) -> tuple[Any, Any]:
    """Train the CNN without dropout by Keras' own `fit`, from the seed, at the recipe's rate in each epoch by hand."""
    keras.utils.set_random_seed(RECIPE.seed)
    model = cnn(PLAIN)()
    micro = [keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall")]
    model.compile(optimizer or keras.optimizers.Adam(), loss, metrics=[*micro, keras.metrics.BinaryCrossentropy()])
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: [0.02, 0.02 * 0.6065306597126334][epoch])
    told = model.fit(
        posters, labels, batch_size=BATCH, epochs=2, shuffle=False, sample_weight=weights,
        validation_data=VALIDATION, validation_batch_size=BATCH, callbacks=[rate], verbose=0,
    )  # fmt: skip
    return model, told.history
