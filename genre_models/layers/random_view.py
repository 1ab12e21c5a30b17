"""Layers over what a pretrained encoder made of films."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from genre_models.layers.registration import saved_as


@saved_as("OneView")
class RandomView(keras.layers.Layer):
    """Makes one vector of a poster's views [B, V, D]: in training one of them at random, else their mean; [B, D].

    The views are the poster and its mirror image: what augmentation would have shown the encoder, had it been run
    again in every epoch.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator()

    def call(self, views: Any, training: bool = False) -> Any:
        """Choose, or average."""
        if not training:
            return ops.mean(views, axis=1)
        number = views.shape[1]
        chosen = keras.random.randint((ops.shape(views)[0],), 0, number, seed=self.seeds)
        return ops.sum(views * ops.cast(ops.one_hot(chosen, number), views.dtype)[:, :, None], axis=1)
