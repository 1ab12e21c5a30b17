"""The poster model: a convolutional network; the defaults are the coursework's, layer for layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


_GROUPS = 8  # of group normalisation


@dataclass(frozen=True)
class PosterCNN:
    """Config of the poster model. With 25 genres the defaults give 3,464,601 parameters."""

    height: int = 64
    """Poster height in pixels that the network sees; the store must hold posters of this size."""
    width: int = 64
    """Poster width in pixels that the network sees."""
    augmentation: float = 0.0
    """How strongly training posters are varied, 0 (not) to 1: mirrored, moved, zoomed, brightness and contrast."""
    horizontal_flip: bool = True
    """Whether augmentation mirrors posters, left for right. Titles then read backwards, which 64 pixels do not show."""
    colour_jitter: float = 0.0
    """Share by which the saturation of training posters is varied, 0 to 1."""
    random_erasing: float = 0.0
    """Share of the training posters from which a rectangle, up to a fifth of the picture, is wiped out."""
    stem_filters: int = 16
    """Filters of the first convolution, which has stride 2."""
    block_filters: tuple[int, ...] = (32, 64, 128)
    """Filters of each pair of convolutions; 2x2 max pooling follows each pair, or with residual blocks their first
    convolution has stride 2."""
    residual: bool = False
    """Whether each pair of convolutions adds to what it was given (He et al. 2016), and begins at full depth."""
    normalization: Literal["none", "batch", "group"] = "none"
    """What follows each convolution: nothing, batch or group normalisation (8 groups)."""
    conv_dropout: float = 0.2
    """Share of activations dropped after the convolutions; of whole channels in residual blocks."""
    pooling: Literal["flatten", "mean", "mean_max"] = "flatten"
    """What of the last convolutions goes on: every place by itself; each channel's mean over the picture; or the mean
    beside the maximum."""
    dense_units: int = 1024
    """Units of each dense layer."""
    dense_layers: int = 2
    """Dense layers between the convolutions and the output."""
    dense_dropout: float = 0.5
    """Share of activations dropped after each dense layer; where there is none, before the output."""
    init_bias_from_prior: bool = False
    """Whether the model begins with each genre's share of the training films for its answer, not with one half."""
    backbone: str = "none"
    """Pretrained network that sees the poster instead of these convolutions (docs/pretrained.md): efficientnet-lite0,
    or a class of keras.applications such as EfficientNetV2B0. It takes posters of any store, enlarged to height by
    width. Of the other options conv_dropout is then the share of its features dropped, normalization "batch" brings
    them to one scale, mirroring says whether the mirrored poster is seen too, and the dense layers stay."""
    trainable_blocks: int = 0
    """How much of the backbone trains further, on posters: its last so many blocks (of keras.applications: layers with
    weights). 0 keeps it frozen: it sees each film once, and what it made of it is kept in the store. Otherwise the
    store must hold posters of this height and width, and posters can be varied."""
    backbone_weights: str = ""
    """The network's weights: a file, or nothing for those of the installed package; for keras.applications a file, a
    URL, or nothing for those of ImageNet, which Keras downloads."""

    def __post_init__(self) -> None:
        for name in ("augmentation", "colour_jitter", "random_erasing", "conv_dropout", "dense_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if self.normalization == "group" and any(filters % _GROUPS for filters in self.block_filters):
            raise ValueError(f"group normalisation needs multiples of {_GROUPS} filters, not {self.block_filters}")
        if self.trainable_blocks < 0:
            raise ValueError(f"trainable_blocks must be 0 or more, not {self.trainable_blocks}")
        if self.trainable_blocks and self.backbone == "none":
            raise ValueError("trainable_blocks is of a pretrained encoder: name one as backbone")
        varied = self.augmentation or self.colour_jitter or self.random_erasing
        if self.backbone != "none" and not self.trainable_blocks and varied:
            raise ValueError(
                "a frozen backbone sees each poster once: augmentation, colour_jitter and cutout must be 0"
            )
        if self.backbone != "none" and self.normalization == "group":
            raise ValueError("a backbone's features take batch normalisation or none, not group")


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


def build(config: PosterCNN, *, genres: int, units: int = 0) -> keras.Model:
    """Build the network: uint8 or float posters [batch, height, width, 3] in 0..255 -> probabilities [batch, genres].

    Pixels are scaled to 0..1 inside the model, so that what is fed, stored and served is the bare
    uint8 picture: a quarter of the bytes of float32. Posters are varied inside the model too, in training
    alone: on the device, and from random numbers that a checkpoint keeps.

    With a frozen backbone it takes what that made of the poster and of its mirror image, float [batch, 2, units]; with
    one that trains further it has it within, its weights loaded: see `backbones.trainable_encoder` for what it raises.
    """
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    if config.backbone == "none":
        poster = keras.Input((config.height, config.width, 3), name="poster")
        x = features(config, poster)
    elif config.trainable_blocks:
        poster = keras.Input((config.height, config.width, 3), name="poster")
        x = _head(config, _encode(config, poster))
    else:
        poster = keras.Input((2, units), name="views")
        x = evaluated(config, poster)
    # float32 whatever the precision of the layers before: probabilities near 0 and 1 decide the loss.
    outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
    return keras.Model(poster, outputs, name="poster_cnn")


def features(config: PosterCNN, poster: keras.KerasTensor) -> keras.KerasTensor:
    """Encode posters [batch, height, width, 3] to float [batch, features]: all but the output."""
    from keras import layers

    x = layers.Rescaling(1.0 / 255, name="scale_to_unit")(_augment(config, poster))
    x = (_residual_blocks if config.residual else _plain_blocks)(config, x)
    if config.pooling == "flatten":
        x = layers.Flatten()(x)
    else:
        pooled = [layers.GlobalAveragePooling2D()(x)]
        if config.pooling == "mean_max":
            pooled.append(layers.GlobalMaxPooling2D()(x))
        x = layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    return _dense(config, x)


def evaluated(config: PosterCNN, views: keras.KerasTensor) -> keras.KerasTensor:
    """Encode a frozen backbone's features [batch, 2, units] to float [batch, dense_units]."""
    from genre_models.layers.random_view import RandomView

    return _head(config, RandomView(name="one_view")(views) if config.horizontal_flip else views[:, 0])


def _encode(config: PosterCNN, poster: keras.KerasTensor) -> keras.KerasTensor:
    """Encode posters [batch, height, width, 3] by the fine-tuned backbone to [batch, units]."""
    from genre_models.encoders.backbones import Backbone, trainable_encoder

    backbone = Backbone(config.backbone, config.backbone_weights, config.height, config.width)
    return trainable_encoder(backbone, last=config.trainable_blocks)(_augment(config, poster))


def _head(config: PosterCNN, x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the head to a backbone's features [batch, units] -> float [batch, dense_units]."""
    from keras import layers

    if config.normalization == "batch":
        x = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name="one_scale")(x)
    return _dense(config, layers.Dropout(config.conv_dropout)(x))


def _dense(config: PosterCNN, x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the dense layers, or dropout alone where there are none."""
    from keras import layers

    for _ in range(config.dense_layers):
        x = layers.Dense(config.dense_units, activation="relu")(x)
        x = layers.Dropout(config.dense_dropout)(x)
    return x if config.dense_layers else layers.Dropout(config.dense_dropout)(x)


def _augment(config: PosterCNN, x: Any) -> Any:
    """Vary posters in training; without it no layers at all, so that a seed gives the weights it always gave."""
    from keras import layers

    varying: list[Any] = []
    strength = config.augmentation
    if config.horizontal_flip and (strength or config.trainable_blocks):
        varying = [layers.RandomFlip("horizontal")]
    if strength:
        varying += [
            layers.RandomTranslation(0.1 * strength, 0.1 * strength),
            layers.RandomZoom(0.1 * strength),
            # Little, as brightness tells much: the posters of horror films are dark.
            layers.RandomBrightness(0.1 * strength, value_range=(0, 255)),
            layers.RandomContrast(0.2 * strength, value_range=(0, 255)),
        ]
    if config.colour_jitter:
        # 0.5 leaves the saturation as it is.
        least, most = 0.5 - config.colour_jitter / 2, 0.5 + config.colour_jitter / 4
        # The range is that of the saturation, which Keras clips by it, not of the pixels: beyond 1 they fall below 0.
        varying.append(layers.RandomSaturation((least, most), value_range=(0, 1)))
    if config.random_erasing:
        # One number would be the most of a range from 0 that Keras draws the share from.
        share = (config.random_erasing, config.random_erasing)
        varying.append(layers.RandomErasing(share, scale=(0.02, 0.2), fill_value=127, value_range=(0, 255)))
    for vary in varying:
        # Unlike dropout these layers vary by default: without this word a bare `model(posters)` would do so too.
        x = vary(x, training=False)
    return x


def _plain_blocks(config: PosterCNN, x: Any) -> Any:
    """The coursework's: a convolution of stride 2, then pairs of convolutions, dropout and 2x2 max pooling."""
    from keras import layers

    def conv(x: Any, filters: int, strides: int = 1) -> Any:
        if config.normalization == "none":
            return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        return layers.ReLU()(_normalized(config, x))

    x = conv(x, config.stem_filters, strides=2)
    x = layers.Dropout(config.conv_dropout)(x)
    for filters in config.block_filters:
        x = conv(x, filters)
        x = conv(x, filters)
        x = layers.Dropout(config.conv_dropout)(x)
        x = layers.MaxPooling2D(2)(x)
    return x


def _residual_blocks(config: PosterCNN, x: Any) -> Any:
    """A convolution of stride 2, then a residual block for each number of filters, all but the first of stride 2.

    He et al. 2016, with the shortcut of ResNet-D (He et al. 2019): averaged over 2x2 places before its 1x1 convolution,
    so that it loses none of them.
    """
    from keras import layers

    def conv(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=config.normalization == "none")(x)
        return _normalized(config, x)

    x = layers.ReLU()(conv(x, config.stem_filters, 3, strides=2))
    for number, filters in enumerate(config.block_filters):
        strides = 2 if number else 1
        h = layers.ReLU()(conv(x, filters, 3, strides))
        if config.conv_dropout:
            h = layers.SpatialDropout2D(config.conv_dropout)(h)
        h = conv(h, filters, 3)
        if strides == 2:
            x = layers.AveragePooling2D(2, padding="same")(x)
        if x.shape[-1] != filters:
            x = conv(x, filters, 1)
        x = layers.ReLU()(layers.Add()([x, h]))
    return x


def _normalized(config: PosterCNN, x: Any) -> Any:
    from keras import layers

    if config.normalization == "batch":
        # Epochs are short (some 50 steps): with Keras' momentum of .99 the statistics would lag behind the weights.
        return layers.BatchNormalization(momentum=0.9)(x)
    return layers.GroupNormalization(_GROUPS)(x) if config.normalization == "group" else x
