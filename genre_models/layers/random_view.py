"""Layers on the features of a frozen image encoder."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from genre_models.layers.registration import saved_as


@saved_as("OneView")
class RandomView(keras.layers.Layer):
    """Random view of a poster in training, the mean of its views in inference: [B, V, D] -> [B, D].

    The views are the features of the poster and of its mirror image: horizontal-flip augmentation on cached features.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator()

    def call(self, views: Any, training: bool = False) -> Any:
        """Sample one view per poster in training, else average them."""
        if not training:
            return ops.mean(views, axis=1)
        number = views.shape[1]
        chosen = keras.random.randint((ops.shape(views)[0],), 0, number, seed=self.seeds)
        return ops.sum(views * ops.cast(ops.one_hot(chosen, number), views.dtype)[:, :, None], axis=1)
