"""Pretrained encoders by name, with their weights.

A model uses precomputed features of a frozen encoder, or contains the encoder and fine-tunes its last layers.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genre_models.encoders.efficientnet_lite import efficientnet_file
from genre_models.encoders.minilm import minilm_folder

if TYPE_CHECKING:
    import keras

EFFICIENTNET = "efficientnet-lite0"
_ENCODER = "encoder"  # its layer name in a fine-tuned model
MAX_TOKENS = 256
"""Tokens of an overview that a text encoder uses: the maximum all-MiniLM-L6-v2 was trained with."""

OPTIONS = (
    *("backbone", "backbone_weights", "trainable_blocks"),
    *("poster_backbone", "poster_weights", "overview_backbone", "overview_weights"),
)
"""The options of all kinds of model that select an encoder or its weights."""

ImageEncoder = Callable[[np.ndarray], np.ndarray]
"""Posters uint8 [films, height, width, 3] -> features float [films, units]."""


@dataclass(frozen=True)
class Backbone:
    """An encoder as specified by a model's options."""

    name: str
    """Option `backbone`: minilm, efficientnet-lite0, or a class of keras.applications."""
    weights: str
    """Option `backbone_weights`."""
    height: int = 0
    """Poster height in pixels; 0 for a text encoder."""
    width: int = 0

    @property
    def uses_overview(self) -> bool:
        """Return whether it is a text encoder."""
        return self.name == "minilm"

    @property
    def is_application(self) -> bool:
        """Return whether it is a class of keras.applications, which is known only to Keras."""
        return self.name not in ("minilm", EFFICIENTNET)

    @property
    def input(self) -> str:
        """Return its input size as a word."""
        return f"{MAX_TOKENS}-tokens" if self.uses_overview else f"{self.height}x{self.width}"


def is_pretrained(config: Any) -> bool:
    """Return whether a model's options name an encoder, frozen or not."""
    return any(backbone_of(part) is not None for part in _parts(config).values())


def frozen_backbones(config: Any) -> dict[str, Backbone]:
    """Return a model's frozen encoders by input ("inputs", or "poster" and "tokens"); empty without one."""
    named = {column: backbone_of(part) for column, part in _parts(config).items() if not is_fine_tuned(part)}
    return {column: backbone for column, backbone in named.items() if backbone is not None}


def is_fine_tuned(config: Any) -> bool:
    """Return whether a model contains its encoder and fine-tunes its last layers."""
    return getattr(config, "trainable_blocks", 0) > 0


def _parts(config: Any) -> dict[str, Any]:
    """Return the options of each branch of a joint model, or of the model itself."""
    return (
        {"poster": config.poster_branch, "tokens": config.overview_branch}
        if hasattr(config, "poster_branch")
        else {"inputs": config}
    )


def backbone_of(config: Any) -> Backbone | None:
    """Return the encoder of a model or branch, or None without one."""
    name = getattr(config, "backbone", "none")
    if name == "none":
        return None
    if name == "minilm":
        return Backbone(name, config.backbone_weights)
    return Backbone(name, config.backbone_weights, config.height, config.width)


def digest(backbone: Backbone) -> str:
    """Return the hexadecimal SHA-256 of an encoder's weights file, or of its arrays in order.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: as `load_image_encoder` and `load_text_encoder`.
    """
    if backbone.uses_overview:
        return _file_digest(text_folder(backbone) / "model.safetensors")
    if backbone.name == EFFICIENTNET:
        return _file_digest(efficientnet_file(_given(backbone)))
    sha = hashlib.sha256()
    for weight in _application(backbone).weights:
        sha.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return sha.hexdigest()


def load_image_encoder(backbone: Backbone) -> ImageEncoder:
    """Load an image encoder with its weights.

    Raises:
        FileNotFoundError: the weights do not exist.
        OSError: they cannot be read or downloaded.
        ValueError: they belong to another network, or the network does not exist.
    """
    if backbone.name == EFFICIENTNET:
        from genre_models.encoders import efficientnet_lite

        model = efficientnet_lite.build(
            efficientnet_file(_given(backbone)), height=backbone.height, width=backbone.width
        )
        return lambda posters: np.asarray(model.predict_on_batch(posters))
    model = _application(backbone)
    # Each family scales pixels differently, by a function of the network's module.
    scaled = importlib.import_module(_class_of(backbone.name).__module__).preprocess_input
    return lambda posters: np.asarray(model.predict_on_batch(scaled(posters.astype(np.float32))))


def load_text_encoder(backbone: Backbone) -> tuple[Path, Any]:
    """Load a text encoder with its weights; return its folder, which has the tokenizer, and the encoder.

    Raises:
        FileNotFoundError: the folder does not exist.
        ImportError: a required package is not installed.
        OSError, ValueError: the files cannot be read.
    """
    from genre_models.encoders.minilm import MiniLM

    folder = text_folder(backbone)
    return folder, MiniLM(folder)


def trainable_encoder(backbone: Backbone, *, last: int) -> keras.Model:
    """Return an encoder as part of a model, with only its last layers trainable.

    A text encoder maps token ids int32 [B, T] -> float [B, T, D], an image encoder pictures [B, H, W, 3] of 0 to 255 ->
    float [B, D]. Batch normalisation stays frozen (scale, shift, statistics): a few thousand films estimate it worse.

    Args:
        backbone: the encoder.
        last: number of trainable layers of MiniLM, of blocks of EfficientNet-Lite0 (the last including the head
            convolution), or of layers of keras.applications with weights other than batch normalisation.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: as the two loaders, or the encoder has fewer layers.
    """
    import keras

    if backbone.uses_overview:
        from genre_models.encoders import minilm

        network = model = minilm.build(text_folder(backbone))
        stages = minilm.stages(model)
    elif backbone.name == EFFICIENTNET:
        from genre_models.encoders import efficientnet_lite

        file = efficientnet_file(_given(backbone))
        network = model = efficientnet_lite.build(file, height=backbone.height, width=backbone.width)
        stages = efficientnet_lite.stages(model)
    else:
        network = _loaded(backbone)
        pictures = keras.Input((backbone.height, backbone.width, 3), name="pictures")
        scaled = importlib.import_module(_class_of(backbone.name).__module__).preprocess_input
        model = keras.Model(pictures, network(scaled(pictures)), name=backbone.name.lower())
        stages = [[layer] for layer in network.layers if layer.weights and not _normalises(layer)]
    if last > len(stages):
        raise ValueError(f"--trainable-blocks {last}: {backbone.name} has {len(stages)} layers to train further")
    trained = {id(layer) for stage in stages[-last:] for layer in stage if not _normalises(layer)}
    for layer in network.layers:
        layer.trainable = id(layer) in trained
    model.name = _ENCODER
    return model


def _normalises(layer: keras.Layer) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


def find_encoder(model: keras.Model) -> keras.Model | None:
    """Return the encoder inside a model, or None without one."""
    return next((layer for layer in model.layers if layer.name == _ENCODER), None)


def _given(backbone: Backbone) -> Path | None:
    return Path(backbone.weights).expanduser() if backbone.weights else None


def text_folder(backbone: Backbone) -> Path:
    """Return the folder of a text encoder; raises FileNotFoundError if it does not exist."""
    return minilm_folder(_given(backbone))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _class_of(name: str) -> Any:
    import keras

    network_class = getattr(keras.applications, name, None)
    if network_class is None or not callable(network_class):
        raise ValueError(
            f"there is no backbone {name}: take {EFFICIENTNET}, or a class of keras.applications, say EfficientNetV2B0"
        )
    return network_class


@functools.lru_cache(maxsize=1)
def _application(backbone: Backbone) -> Any:
    """Return the cached network of `_loaded`, which must not be trained."""
    return _loaded(backbone)


def _loaded(backbone: Backbone) -> Any:
    """Load a network of keras.applications: pictures [B, H, W, 3] -> features float [B, units]."""
    import keras

    network_class, weights = _class_of(backbone.name), backbone.weights or "imagenet"
    shape = (backbone.height, backbone.width, 3)
    try:
        if "://" in weights:
            weights = keras.utils.get_file(origin=weights)
        return network_class(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    except Exception as error:  # a failed download raises a plain Exception
        message = (str(error).strip().splitlines() or [repr(error)])[0]
        raise OSError(
            f"the weights {weights!r} of {backbone.name} cannot be fetched or do not fit: {message}. "
            "Name a file of its weights without the classes by --backbone-weights"
        ) from error
