"""The poster model, a convolutional network; the defaults reproduce the coursework's layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genre_models.encoders.registry import ImageBackbone, image_encoder
from genre_models.models.input_spec import InputSpec, backbone_of, poster_input
from genre_models.models.option_checks import check_numbers, check_types
from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


_GROUPS = 8  # in group normalisation


@dataclass(frozen=True)
class PosterBranch:
    """Options of the convolutions, of the poster model and of the joint model."""

    height: int = 64
    """Input height of posters in pixels; the store must hold posters of this size."""
    width: int = 64
    """Input width of posters in pixels."""
    augmentation: float = 0.0
    """Strength of augmentation of training posters, 0 (none) to 1: flip, shift, zoom, brightness and contrast."""
    horizontal_flip: bool = True
    """Whether augmentation flips posters horizontally. Mirrored titles do not matter: 64 pixels do not show them."""
    colour_jitter: float = 0.0
    """Relative range of random saturation of training posters, 0 to 1."""
    random_erasing: float = 0.0
    """Share of the training posters in which a rectangle, up to a fifth of the poster, is erased."""
    stem_filters: int = 16
    """Filters of the first convolution, which has stride 2."""
    block_filters: tuple[int, ...] = (32, 64, 128)
    """Filters of each pair of convolutions. 2x2 max pooling follows each pair; a residual block (other than the first)
    begins with stride 2 instead."""
    residual: bool = False
    """Whether each pair of convolutions is a residual block (He et al. 2016)."""
    normalization: Literal["none", "batch", "group"] = "none"
    """Normalisation after each convolution: none, batch or group normalisation (8 groups)."""
    conv_dropout: float = 0.2
    """Dropout rate after the convolutions; spatial dropout (whole channels) in residual blocks."""


@dataclass(frozen=True)
class PosterCNN(PosterBranch):
    """Options of the poster model. With 25 genres the defaults give 3,464,601 parameters."""

    pooling: Literal["flatten", "mean", "mean_max"] = "flatten"
    """Pooling after the last convolution: none (flatten), mean over the poster, or mean and maximum concatenated."""
    dense_units: int = 1024
    """Units of each dense layer."""
    dense_layers: int = 2
    """Dense layers between the convolutions and the output."""
    dense_dropout: float = 0.5
    """Dropout rate after each dense layer or, without dense layers, before the output."""
    init_bias_from_prior: bool = False
    """Whether the initial predictions are each genre's share of the training films, not one half."""
    backbone: ImageBackbone = "none"
    """Pretrained image encoder instead of the convolutions (docs/pretrained.md): one of these names, or a class of
    keras.applications such as EfficientNetV2B0. It takes posters of any store, resized to height by width. conv_dropout
    is then the dropout rate of its features, normalization "batch" standardises them, horizontal_flip includes the
    mirrored poster, and the dense layers stay."""
    trainable_blocks: int = 0
    """Number of the backbone's last blocks (of keras.applications: layers with weights) that are fine-tuned. 0 keeps it
    frozen: it encodes each film once, and the features are cached in the store. Otherwise the store must hold posters
    of this height and width, and augmentation is possible."""
    backbone_weights: str = ""
    """File of the backbone's weights, of clip and siglip a folder in Hugging Face's layout; empty for those of the
    installed package. For keras.applications a file or URL; empty for ImageNet's, which Keras downloads."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("augmentation", "colour_jitter", "random_erasing", "conv_dropout", "dense_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if self.normalization == "group" and any(filters % _GROUPS for filters in self.block_filters):
            raise ValueError(f"group normalisation needs multiples of {_GROUPS} filters, not {self.block_filters}")
        if self.backbone != "none":
            image_encoder(backbone_of(self))
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
        check_numbers(
            self, at_least_1=("height", "width", "stem_filters", *(("dense_units",) if self.dense_layers else ()))
        )


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
"""Default search space of sweeps: regularisation and learning rate; the architecture is the coursework's."""


def inputs(config: PosterCNN) -> InputSpec:
    """Return the model's inputs."""
    return InputSpec((poster_input(config),))


def build(config: PosterCNN, *, genres: int, units: int = 0) -> keras.Model:
    """Build the network: uint8 or float posters [batch, height, width, 3] in 0..255 -> probabilities [batch, genres].

    Pixels are scaled to 0..1 inside the model, so that inputs are uint8: a quarter of the bytes of float32.
    Augmentation also happens inside the model, in training only: on the device, with seeds that a checkpoint saves.

    With a frozen backbone the input is the features of the poster and its mirror image, float [batch, 2, units]. With a
    fine-tuned one the model contains the encoder with its weights; raises as `fine_tuning.trainable_encoder`.
    """
    # Imported here so that reading the options does not import TensorFlow (5 s).
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
        x = from_frozen_features(config, poster)
    # float32 at any layer precision: probabilities near 0 and 1 dominate the loss.
    outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
    return keras.Model(poster, outputs, name="poster_cnn")


def features(config: PosterCNN, poster: keras.KerasTensor) -> keras.KerasTensor:
    """Return all layers but the output: posters [batch, height, width, 3] -> float [batch, features]."""
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


def from_frozen_features(config: PosterCNN, views: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the head to a frozen backbone's features [batch, 2, units] -> float [batch, dense_units]."""
    from genre_models.layers.random_view import RandomView

    return _head(config, RandomView(name="one_view")(views) if config.horizontal_flip else views[:, 0])


def _encode(config: PosterCNN, poster: keras.KerasTensor) -> keras.KerasTensor:
    """Return a fine-tuned backbone's features of posters [batch, height, width, 3] -> [batch, units]."""
    from genre_models.encoders.fine_tuning import trainable_encoder

    return trainable_encoder(backbone_of(config), last=config.trainable_blocks)(_augment(config, poster))


def _head(config: PosterCNN, x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the head to a backbone's features [batch, units] -> float [batch, dense_units]."""
    from keras import layers

    if config.normalization == "batch":
        x = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name="one_scale")(x)
    return _dense(config, layers.Dropout(config.conv_dropout)(x))


def _dense(config: PosterCNN, x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the dense layers with dropout, or dropout alone without dense layers."""
    from keras import layers

    for _ in range(config.dense_layers):
        x = layers.Dense(config.dense_units, activation="relu")(x)
        x = layers.Dropout(config.dense_dropout)(x)
    return x if config.dense_layers else layers.Dropout(config.dense_dropout)(x)


def _augment(config: PosterCNN, x: Any) -> Any:
    """Augment posters in training; adds no layers at strength 0, so that a seed gives the same weights."""
    from keras import layers

    varying: list[Any] = []
    strength = config.augmentation
    if config.horizontal_flip and (strength or config.trainable_blocks):
        varying = [layers.RandomFlip("horizontal")]
    if strength:
        varying += [
            layers.RandomTranslation(0.1 * strength, 0.1 * strength),
            layers.RandomZoom(0.1 * strength),
            # Little, as brightness is informative: the posters of horror films are dark.
            layers.RandomBrightness(0.1 * strength, value_range=(0, 255)),
            layers.RandomContrast(0.2 * strength, value_range=(0, 255)),
        ]
    if config.colour_jitter:
        # 0.5 leaves the saturation as it is.
        least, most = 0.5 - config.colour_jitter / 2, 0.5 + config.colour_jitter / 4
        # value_range clips the saturation, not the pixels: with a saturation above 1 they fall below 0.
        varying.append(layers.RandomSaturation((least, most), value_range=(0, 1)))
    if config.random_erasing:
        # A single number would be the maximum of a range from 0 that Keras samples the share from.
        share = (config.random_erasing, config.random_erasing)
        varying.append(layers.RandomErasing(share, scale=(0.02, 0.2), fill_value=127, value_range=(0, 255)))
    for vary in varying:
        # Unlike dropout these layers are active by default: without `training` even `model(posters)` would augment.
        x = vary(x, training=False)
    return x


def _plain_blocks(config: PosterCNN, x: Any) -> Any:
    """Apply the coursework's blocks: a strided convolution, then convolution pairs, dropout and max pooling."""
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
    """Apply a strided convolution, then residual blocks, all but the first with stride 2.

    He et al. 2016, with the shortcut of ResNet-D (He et al. 2019): 2x2 average pooling before its 1x1 convolution, so
    that it loses no activations.
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
        # Epochs are short (about 50 steps): at Keras' momentum of .99 the statistics would lag behind the weights.
        return layers.BatchNormalization(momentum=0.9)(x)
    return layers.GroupNormalization(_GROUPS)(x) if config.normalization == "group" else x
