"""Image towers of CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023) from a folder in Hugging Face's layout.

The folder has config.json, model.safetensors (of the tower alone or of the whole model) and, if its pixels are not
normalised as the original's, preprocessor_config.json. The features are the pooled output before a projection into the
space of texts. Posters of another size than the tower's have its position embeddings interpolated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genre_models.encoders import transformer
from genre_models.encoders.encoder import Backbone, ImageEncoder
from genre_models.weights.hugging_face import (
    CONFIG,
    WEIGHTS,
    StateDict,
    fill,
    named_folder,
    read_config,
    read_weights,
)

if TYPE_CHECKING:
    import keras

_PIXELS = "preprocessor_config.json"
_PART = "vision_config"


@dataclass(frozen=True)
class _Kind:
    """The differences of the two towers."""

    model_types: tuple[str, ...]
    defaults: Mapping[str, Any]
    """Values that their config.json leaves out."""
    mean: tuple[float, float, float]
    """Normalisation of pixels of 0 to 1, if the folder does not say it."""
    deviation: tuple[float, float, float]
    has_class_token: bool
    """Whether the features are the state of a token before the patches, not an attention over all patches."""
    required: Mapping[str, Any] = field(default_factory=dict)


_SIZES = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_KINDS = {
    "clip": _Kind(
        ("clip", "clip_vision_model"),
        {**_SIZES, "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5},
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
        has_class_token=True,
    ),
    "siglip": _Kind(
        ("siglip", "siglip_vision_model"),
        {**_SIZES, "image_size": 224, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6},
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
        has_class_token=False,
        required={"vision_use_head": True},
    ),
}


def build(folder: Path, kind: str, *, height: int, width: int) -> keras.Model:
    """Build the tower with its weights: pictures [B, H, W, 3] of 0 to 255 -> features float [B, D].

    Raises:
        ValueError: the folder holds another kind of network, or its patches do not fill such pictures.
        ImportError: the package `safetensors` is not installed.
        OSError: a file is missing or cannot be read.
    """
    tower = _KINDS[kind]
    found = read_config(folder, tower.model_types, tower.required, part=_PART)
    config = {**tower.defaults, **found}
    patch = config["patch_size"]
    if height % patch or width % patch:
        nearest = [max(1, round(size / patch)) * patch for size in (height, width)]
        raise ValueError(
            f"posters of {height}x{width} pixels are not whole patches of {patch}: take, for example, "
            f"--height {nearest[0]} --width {nearest[1]}"
        )
    model = _network(config, tower, _normalisation(folder, tower), (height // patch, width // patch))
    _fill(model, read_weights(folder, "vision_model."), config, tower, (height // patch, width // patch))
    return model


def _normalisation(folder: Path, tower: _Kind) -> tuple[list[float], list[float]]:
    """Return the scale and the offset of pixels of 0 to 255, of each colour."""
    path = folder / _PIXELS
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error})") from error
    mean, deviation = found.get("image_mean", tower.mean), found.get("image_std", tower.deviation)
    scale = [1 / (255 * one) for one in deviation]
    return scale, [-centre / one for centre, one in zip(mean, deviation, strict=True)]


def _network(
    config: Mapping[str, Any], tower: _Kind, pixels: tuple[list[float], list[float]], grid: tuple[int, int]
) -> keras.Model:
    """Build the layers (as in `transformers`, without dropout), all of them Keras' own."""
    # Imported here so that locating the folder does not import TensorFlow (5 s).
    import keras
    from keras import layers, ops

    units, heads = config["hidden_size"], config["num_attention_heads"]

    normalised = partial(transformer.normalised, epsilon=config["layer_norm_eps"])

    def attention(query: Any, x: Any, name: str) -> Any:
        return layers.MultiHeadAttention(heads, units // heads, name=name)(query, x)

    def perceptron(x: Any, name: str) -> Any:
        wide = _activation(config["hidden_act"])(layers.Dense(config["intermediate_size"], name=f"{name}_wide")(x))
        return layers.Dense(units, name=f"{name}_narrow")(wide)

    patch = config["patch_size"]
    pictures = keras.Input((grid[0] * patch, grid[1] * patch, 3), name="pictures")
    x = layers.Rescaling(*pixels, name="scaled")(pictures)
    x = layers.Conv2D(units, patch, strides=patch, use_bias=not tower.has_class_token, name="patches")(x)
    x = layers.Reshape((grid[0] * grid[1], units), name="tokens")(x)
    if tower.has_class_token:  # nothing before its embedding, which is among those of positions
        x = ops.pad(x, ((0, 0), (1, 0), (0, 0)))
    places = ops.cumsum(ops.ones_like(x[:, :, 0], dtype="int32"), axis=1) - 1
    x = x + layers.Embedding(x.shape[1], units, name="positions")(places)
    if tower.has_class_token:
        x = normalised(x, "embedded")
    for i in range(config["num_hidden_layers"]):
        seen = normalised(x, f"layer_{i}_before")
        x = x + attention(seen, seen, f"layer_{i}_attention")
        x = x + perceptron(normalised(x, f"layer_{i}_between"), f"layer_{i}")
    if tower.has_class_token:
        features = normalised(x[:, 0], "features")
    else:
        x = normalised(x, "encoded")
        probe = layers.Embedding(1, units, name="probe")(ops.zeros_like(places[:, :1]))
        pooled = attention(probe, x, "pooled")
        features = (pooled + perceptron(normalised(pooled, "pooled_between"), "pooled"))[:, 0]
    return keras.Model(pictures, features, name="image_tower")


def _activation(name: str) -> Any:
    """Return an activation by its name in a config.json; raise ValueError for another."""
    import keras
    from keras import ops

    known = {
        "gelu": lambda x: keras.activations.gelu(x, approximate=False),
        "gelu_pytorch_tanh": lambda x: keras.activations.gelu(x, approximate=True),
        "quick_gelu": lambda x: x * ops.sigmoid(1.702 * x),
    }
    if name not in known:
        raise ValueError(f"hidden_act is {name!r} in {CONFIG}, and only {', '.join(known)} are known here")
    return known[name]


def _fill(model: keras.Model, state: StateDict, config: Mapping[str, Any], tower: _Kind, grid: tuple[int, int]) -> None:
    """Set the layers' weights; PyTorch's convolutions are [out, in, rows, columns]."""

    def layer(key: str, attention: str, before: str, between: str, name: str) -> None:
        parts = ("q_proj", "k_proj", "v_proj", "out_proj")
        fill(model, attention, *(array for part in parts for array in state.dense(f"{key}.self_attn.{part}")))
        fill(model, before, *state.norm(f"{key}.layer_norm1"))
        fill(model, between, *state.norm(f"{key}.layer_norm2"))
        fill(model, f"{name}_wide", *state.dense(f"{key}.mlp.fc1"))
        fill(model, f"{name}_narrow", *state.dense(f"{key}.mlp.fc2"))

    with state.filling():
        kernel = state["embeddings.patch_embedding.weight"].transpose(2, 3, 1, 0)
        positions = state["embeddings.position_embedding.weight"]
        if tower.has_class_token:
            fill(model, "patches", kernel)
            first, positions = positions[:1] + state["embeddings.class_embedding"], positions[1:]
            fill(model, "positions", np.concatenate([first, _resized(positions, grid)]))
            fill(model, "embedded", *state.norm("pre_layrnorm"))  # as the original has it
            fill(model, "features", *state.norm("post_layernorm"))
        else:
            fill(model, "patches", kernel, state["embeddings.patch_embedding.bias"])
            fill(model, "positions", _resized(positions, grid))
            fill(model, "encoded", *state.norm("post_layernorm"))
            fill(model, "probe", state["head.probe"])
            queries = zip(
                (part.T for part in np.split(state["head.attention.in_proj_weight"], 3)),
                np.split(state["head.attention.in_proj_bias"], 3),
                strict=True,
            )
            fill(model, "pooled", *(x for pair in queries for x in pair), *state.dense("head.attention.out_proj"))
            fill(model, "pooled_between", *state.norm("head.layernorm"))
            fill(model, "pooled_wide", *state.dense("head.mlp.fc1"))
            fill(model, "pooled_narrow", *state.dense("head.mlp.fc2"))
        for i in range(config["num_hidden_layers"]):
            names = (f"layer_{i}_attention", f"layer_{i}_before", f"layer_{i}_between", f"layer_{i}")
            layer(f"encoder.layers.{i}", *names)


def _resized(positions: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Interpolate the embeddings of a square of patches to a grid.

    float32 [side * side, D] -> [rows * columns, D].
    """
    from keras import ops

    side = round(len(positions) ** 0.5)
    if (side, side) == grid:
        return positions
    square = positions.reshape(1, side, side, -1)
    resized = ops.image.resize(square, grid, interpolation="bicubic", data_format="channels_last")
    return np.asarray(resized).reshape(grid[0] * grid[1], -1)


def stages(model: keras.Model) -> list[list[keras.Layer]]:
    """Return the Keras layers of each of the tower's layers, in order; the last has the pooling."""
    number = sum(layer.name.endswith("_before") for layer in model.layers)
    found = [[layer for layer in model.layers if layer.name.startswith(f"layer_{i}_")] for i in range(number)]
    ends = ("features", "encoded", "probe", "pooled", "pooled_between", "pooled_wide", "pooled_narrow")
    return [*found[:-1], [*found[-1], *(layer for layer in model.layers if layer.name in ends)]]


class ImageTower(ImageEncoder):
    """The image tower of a CLIP or SigLIP, by its folder."""

    in_folder = True

    def __init__(self, name: str) -> None:
        """Take the kind, "clip" or "siglip"."""
        self.name = name

    def weights_file(self, given: Path | None) -> Path:
        """Return the weights of a folder; raises FileNotFoundError where there are none."""
        return named_folder(self.name, given) / WEIGHTS

    def files(self, given: Path | None) -> list[Path]:
        """Return the files that the tower is built of."""
        folder = named_folder(self.name, given)
        return [path for name in (CONFIG, WEIGHTS, _PIXELS) if (path := folder / name).is_file()]

    def build(self, backbone: Backbone) -> keras.Model:
        """Build the tower with its weights; raises as the function `build`."""
        folder = named_folder(self.name, backbone.path)
        return build(folder, self.name, height=backbone.height, width=backbone.width)

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return the Keras layers of each of the tower's layers, in order."""
        return stages(model)
