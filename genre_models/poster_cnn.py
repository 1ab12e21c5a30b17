"""The poster model: a convolutional network; the defaults are the coursework's, layer for layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class PosterCNN:
    """What the poster model looks like. With 25 genres the defaults give 3,464,601 parameters."""

    height: int = 64
    """Poster height in pixels that the network sees; the store must hold posters of this size."""
    width: int = 64
    """Poster width in pixels that the network sees."""
    stem_filters: int = 16
    """Filters of the first convolution, which has stride 2."""
    block_filters: tuple[int, ...] = (32, 64, 128)
    """Filters of each pair of convolutions; 2x2 max pooling follows each pair."""
    conv_dropout: float = 0.2
    """Share of activations dropped after the convolutions."""
    dense_units: int = 1024
    """Units of each dense layer."""
    dense_layers: int = 2
    """Dense layers between the convolutions and the output."""
    dense_dropout: float = 0.5
    """Share of activations dropped after each dense layer."""


def build(config: PosterCNN, *, genres: int) -> keras.Model:
    """Build the network: uint8 or float posters [batch, height, width, 3] in 0..255 -> probabilities [batch, genres].

    Pixels are scaled to 0..1 inside the model, so that what is fed, stored and served is the bare
    uint8 picture: a quarter of the bytes of float32.
    """
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    def conv(filters: int, strides: int = 1) -> keras.layers.Layer:
        return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu")

    poster = keras.Input((config.height, config.width, 3), name="poster")
    x = layers.Rescaling(1.0 / 255, name="scale_to_unit")(poster)
    x = conv(config.stem_filters, strides=2)(x)
    x = layers.Dropout(config.conv_dropout)(x)
    for filters in config.block_filters:
        x = conv(filters)(x)
        x = conv(filters)(x)
        x = layers.Dropout(config.conv_dropout)(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(config.dense_layers):
        x = layers.Dense(config.dense_units, activation="relu")(x)
        x = layers.Dropout(config.dense_dropout)(x)
    # float32 whatever the precision of the layers before: probabilities near 0 and 1 decide the loss.
    outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
    return keras.Model(poster, outputs, name="poster_cnn")
