"""The poster model: a convolutional network; the defaults are the coursework's, layer for layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genre_models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class PosterCNN:
    """What the poster model looks like. With 25 genres the defaults give 3,464,601 parameters."""

    height: int = 64
    """Poster height in pixels that the network sees; the store must hold posters of this size."""
    width: int = 64
    """Poster width in pixels that the network sees."""
    augmentation: float = 0.0
    """How strongly training posters are varied, 0 (not) to 1: mirrored, moved, zoomed, brightness and contrast."""
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

    def __post_init__(self) -> None:
        for name in ("augmentation", "conv_dropout", "dense_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")


SEARCH_SPACE: SearchSpace = {
    "learning_rate": log_uniform(
        3e-5, 3e-3, unit="Adam's, a step", why="a third of the coursework's 1e-4 to three times Adam's 1e-3"
    ),
    "schedule": choice(
        "hold_then_decay", "cosine", "constant", unit="over the epochs", why="a fall to near 0 allows a faster start"
    ),
    "batch_size": choice(
        32, 64, 128, unit="films a step", why="half to twice the coursework's: small ones regularise, large are fast"
    ),
    "weight_decay": choice(
        0.0,
        0.01,
        0.03,
        0.1,
        unit="share × learning rate",
        why="at 1e-3 they take 0 to 26 % off the weights in 40 epochs",
    ),
    "label_smoothing": choice(
        0.0, 0.02, 0.05, 0.1, unit="share of a target", why="genres are opinions; more would drown the rare ones"
    ),
    "conv_dropout": uniform(
        0.0, 0.5, step=0.05, unit="share of activations", why="few weights to hold back; above 0.5 too little passes"
    ),
    "dense_dropout": uniform(
        0.0, 0.8, step=0.05, unit="share of activations", why="most weights are here, and here the CNN overfits"
    ),
    "augmentation": uniform(
        0.0, 1.0, step=0.25, unit="share of full strength", why="5,000 posters are few: varied ones stand for more"
    ),
}
"""What a sweep varies: what holds back overfitting, and how fast it learns. The shape stays the coursework's."""


def build(config: PosterCNN, *, genres: int) -> keras.Model:
    """Build the network: uint8 or float posters [batch, height, width, 3] in 0..255 -> probabilities [batch, genres].

    Pixels are scaled to 0..1 inside the model, so that what is fed, stored and served is the bare
    uint8 picture: a quarter of the bytes of float32. Posters are varied inside the model too, in training
    alone: on the device, and from random numbers that a checkpoint keeps.
    """
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    def conv(filters: int, strides: int = 1) -> keras.layers.Layer:
        return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu")

    poster = keras.Input((config.height, config.width, 3), name="poster")
    x = poster
    # No layers at all without augmentation, so that a seed gives the weights it always gave.
    if strength := config.augmentation:
        for vary in (
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1 * strength, 0.1 * strength),
            layers.RandomZoom(0.1 * strength),
            # Little, as brightness tells much: the posters of horror films are dark.
            layers.RandomBrightness(0.1 * strength, value_range=(0, 255)),
            layers.RandomContrast(0.2 * strength, value_range=(0, 255)),
        ):
            # Unlike dropout these layers vary by default: without this word a bare `model(posters)` would do so too.
            x = vary(x, training=False)
    x = layers.Rescaling(1.0 / 255, name="scale_to_unit")(x)
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
