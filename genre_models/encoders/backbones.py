"""Pretrained encoders by name: which weights a model's options mean, and the encoder with them loaded.

A model is fed what its encoder made of films once (frozen), or holds the encoder and trains its last layers further.
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
_ENCODER = "encoder"  # what it is called in a model that trains it further
MAX_TOKENS = 256
"""Tokens that a text encoder reads of an overview: what all-MiniLM-L6-v2 was trained to read at most."""

OPTIONS = (
    *("backbone", "backbone_weights", "trainable_blocks"),
    *("poster_backbone", "poster_weights", "overview_backbone", "overview_weights"),
)
"""The options of any kind of model by which films are encoded, or weights loaded."""

ImageEncoder = Callable[[np.ndarray], np.ndarray]
"""Posters uint8 [films, height, width, 3] -> features float [films, units]."""


@dataclass(frozen=True)
class Backbone:
    """An encoder as a model's options name it."""

    name: str
    """Option `backbone`: minilm, efficientnet-lite0, or a class of keras.applications."""
    weights: str
    """Option `backbone_weights`."""
    height: int = 0
    """Of the posters it sees, in pixels; 0 for one that reads."""
    width: int = 0

    @property
    def uses_overview(self) -> bool:
        """Return whether it is for overviews."""
        return self.name == "minilm"

    @property
    def is_application(self) -> bool:
        """Return whether it is one of keras.applications, of which nothing is known without Keras."""
        return self.name not in ("minilm", EFFICIENTNET)

    @property
    def input(self) -> str:
        """Say in a word what it takes of a film."""
        return f"{MAX_TOKENS}-tokens" if self.uses_overview else f"{self.height}x{self.width}"


def is_pretrained(config: Any) -> bool:
    """Return whether a model's options name an encoder, frozen or not."""
    return any(backbone_of(part) is not None for part in _parts(config).values())


def frozen_backbones(config: Any) -> dict[str, Backbone]:
    """Return the encoders whose features a model is fed, by the input that they stand for: "inputs" where it has one,
    or "poster" and "tokens"; none for a model that learns all by itself or trains its encoder further."""
    named = {column: backbone_of(part) for column, part in _parts(config).items() if not is_fine_tuned(part)}
    return {column: backbone for column, backbone in named.items() if backbone is not None}


def is_fine_tuned(config: Any) -> bool:
    """Return whether a model holds its encoder, and trains the last of it further."""
    return getattr(config, "trainable_blocks", 0) > 0


def _parts(config: Any) -> dict[str, Any]:
    """Return the options of each branch of a joint model, and of any other model its own."""
    return (
        {"poster": config.poster_branch, "tokens": config.overview_branch}
        if hasattr(config, "poster_branch")
        else {"inputs": config}
    )


def backbone_of(config: Any) -> Backbone | None:
    """Return the encoder that the options of a model or branch name, or None where all is learned from the films."""
    name = getattr(config, "backbone", "none")
    if name == "none":
        return None
    if name == "minilm":
        return Backbone(name, config.backbone_weights)
    return Backbone(name, config.backbone_weights, config.height, config.width)


def digest(backbone: Backbone) -> str:
    """Return the SHA-256 of an encoder's weights, hexadecimal: of their file, or of a Keras model's arrays in order.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: as `load_image_encoder` and the encoders' own files do.
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
    """Return an encoder of posters, its weights loaded.

    Raises:
        FileNotFoundError: the weights are not there.
        OSError: they cannot be read, or downloaded.
        ValueError: they are another network's, or there is no such network.
    """
    if backbone.name == EFFICIENTNET:
        from genre_models.encoders import efficientnet_lite

        model = efficientnet_lite.build(
            efficientnet_file(_given(backbone)), height=backbone.height, width=backbone.width
        )
        return lambda posters: np.asarray(model.predict_on_batch(posters))
    model = _application(backbone)
    # Each family scales pixels in its own way, told by a function of the module that has the network.
    scaled = importlib.import_module(_class_of(backbone.name).__module__).preprocess_input
    return lambda posters: np.asarray(model.predict_on_batch(scaled(posters.astype(np.float32))))


def load_text_encoder(backbone: Backbone) -> tuple[Path, Any]:
    """Return an encoder of overviews: the folder with its tokenizer, and the encoder with its weights loaded.

    Raises:
        FileNotFoundError: the folder is not there.
        ImportError: a package it is read with is not installed.
        OSError, ValueError: it cannot be read.
    """
    from genre_models.encoders.minilm import MiniLM

    folder = text_folder(backbone)
    return folder, MiniLM(folder)


def trainable_encoder(backbone: Backbone, *, last: int) -> keras.Model:
    """Return an encoder as part of a model: token ids int32 [B, T] -> float [B, T, D], pictures [B, H, W, 3] of 0 to
    255 -> float [B, D]. Of its weights the last layers' train on, all others never do.

    Batch normalisation stays as it was learned, scale, shift and statistics: a few thousand films tell less of them.

    Args:
        backbone: which encoder.
        last: layers of MiniLM, blocks of EfficientNet-Lite0 (the last with the convolution behind it), and of
            keras.applications the layers with weights that are no batch normalisation.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: as the two loaders; or it has fewer layers.
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
    """Return the encoder that a model holds, or None for a model without one."""
    return next((layer for layer in model.layers if layer.name == _ENCODER), None)


def _given(backbone: Backbone) -> Path | None:
    return Path(backbone.weights).expanduser() if backbone.weights else None


def text_folder(backbone: Backbone) -> Path:
    """Return the folder of an encoder of overviews; raises FileNotFoundError where there is none."""
    return minilm_folder(_given(backbone))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _class_of(name: str) -> Any:
    import keras

    found = getattr(keras.applications, name, None)
    if found is None or not callable(found):
        raise ValueError(
            f"there is no backbone {name}: take {EFFICIENTNET}, or a class of keras.applications, say EfficientNetV2B0"
        )
    return found


@functools.lru_cache(maxsize=1)
def _application(backbone: Backbone) -> Any:
    """Return `_loaded`'s network, the same one every time: not to be trained."""
    return _loaded(backbone)


def _loaded(backbone: Backbone) -> Any:
    """Return a network of keras.applications that gives its features: pictures [B, H, W, 3] -> float [B, units]."""
    import keras

    made, weights = _class_of(backbone.name), backbone.weights or "imagenet"
    shape = (backbone.height, backbone.width, 3)
    try:
        if "://" in weights:
            weights = keras.utils.get_file(origin=weights)
        return made(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    except Exception as error:  # a plain Exception where the download fails
        said = (str(error).strip().splitlines() or [repr(error)])[0]
        raise OSError(
            f"the weights {weights!r} of {backbone.name} cannot be fetched or do not fit: {said}. "
            "Name a file of its weights without the classes by --backbone-weights"
        ) from error
