"""MPNet (Song et al. 2020), as of all-mpnet-base-v2: twelve layers with a bias for the distance of two tokens.

The weights are from five packages (`mpnet_package.py`; Apache 2.0), or from a folder in Hugging Face's layout with any
MPNet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genre_models.encoders.encoder import Backbone, TextEncoder
from genre_models.encoders.transformer import blocks, feed_forward, fill_feed_forward, normalised, positions
from genre_models.weights.hugging_face import StateDict, fill, given_folder, read_config, read_weights
from genre_models.weights.mpnet_package import WEIGHTS_DIGEST, unpacked

if TYPE_CHECKING:
    import keras

# Values of config.json that this implementation requires.
_GRANTED = {"hidden_act": "gelu", "pad_token_id": 1, "relative_attention_num_buckets": 32}
_PADDING = 1  # in the file; in this project's ids 0 is padding, and 1 is what the file has as 0, its first token
_BUCKETS, _FARTHEST = 32, 128


def build(folder: Path) -> keras.Model:
    """Build the encoder with its weights: token ids int32 [B, T] -> states float [B, T, D].

    0 is padding on the right (`WordPiece.encode` exchanges it with the file's padding). D is 768 for all-mpnet-base-v2,
    and T at most the number of positions (512). States at padding are undefined.

    Raises:
        ValueError: the folder holds another kind of model.
        ImportError: the package `safetensors` is not installed.
        OSError: a file is missing or cannot be read.
    """
    config = read_config(folder, ("mpnet",), _GRANTED)
    model = _network(config)
    _fill(model, read_weights(folder, "mpnet."))
    return model


def bucket(distance: np.ndarray) -> np.ndarray:
    """Return the bucket of each distance between tokens, int [...] -> int [...].

    A distance is the position of the token that is read less that of the one that reads. Half of the 32 buckets are for
    tokens before, half for tokens after; of each half eight hold one distance, eight distances that grow as a power
    (Raffel et al. 2020, "Text-to-Text Transfer Transformer", section 2.1).
    """
    half = _BUCKETS // 2
    near = half // 2
    far = np.abs(distance)
    # The logarithm is of float32, as in the original: the bound of a bucket is a power of two.
    ratio = np.log(np.maximum(far, 1).astype(np.float32) / near) / np.float32(math.log(_FARTHEST / near))
    logarithmic = np.minimum(near + (ratio * (half - near)).astype(np.int64), half - 1)
    return np.where(distance > 0, half, 0) + np.where(far < near, far, logarithmic)


def _network(config: Mapping[str, Any]) -> keras.Model:
    """Build the layers of an MPNet from Keras' own, without dropout and pooler."""
    # Imported here so that locating the folder does not import TensorFlow (5 s).
    import keras
    from keras import layers, ops

    units, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    normalise = partial(normalised, epsilon=epsilon)

    def by_head(x: Any, name: str) -> Any:
        """Return float [B, heads, T, units / heads]."""
        whole = layers.Dense(units, name=name)(x)
        return ops.transpose(layers.Reshape((-1, heads, units // heads), name=f"{name}_heads")(whole), (0, 2, 1, 3))

    ids = keras.Input((None,), dtype="int32", name="tokens")
    words = layers.Embedding(config["vocab_size"], units, name="words")(ids)
    places = positions(ids)
    x = words + layers.Embedding(config["max_position_embeddings"] - _PADDING - 1, units, name="positions")(places)
    x = normalise(x, "embedded")
    # The bias of each distance, the same for all layers: [1, heads, T, T], with the mask [B, heads, T, T].
    row = places[:1, :]
    distances = ops.clip(row[:, None, :] - row[:, :, None], -_FARTHEST, _FARTHEST) + _FARTHEST
    bias = ops.transpose(layers.Embedding(2 * _FARTHEST + 1, heads, name="distances")(distances), (0, 3, 1, 2))
    bias = bias + ops.where(ops.not_equal(ids, 0), 0.0, -1e9)[:, None, None, :]
    for i in range(config["num_hidden_layers"]):
        query, key, value = (by_head(x, f"layer_{i}_{part}") for part in ("query", "key", "value"))
        scores = ops.matmul(query / math.sqrt(units // heads), ops.transpose(key, (0, 1, 3, 2))) + bias
        attended = ops.transpose(ops.matmul(ops.softmax(scores, axis=-1), value), (0, 2, 1, 3))
        joined = layers.Reshape((-1, units), name=f"layer_{i}_joined")(attended)
        x = normalise(x + layers.Dense(units, name=f"layer_{i}_output")(joined), f"layer_{i}_attended")
        x = feed_forward(x, f"layer_{i}", units=units, wide=config["intermediate_size"], epsilon=epsilon)
    return keras.Model(ids, x, name="mpnet")


def _fill(model: keras.Model, state: StateDict) -> None:
    """Set the layers' weights."""
    with state.filling():
        words = state["embeddings.word_embeddings.weight"].copy()
        words[[0, _PADDING]] = words[[_PADDING, 0]]
        fill(model, "words", words)
        # The first token has the position after the padding's.
        fill(model, "positions", state["embeddings.position_embeddings.weight"][_PADDING + 1 :])
        fill(model, "embedded", *state.norm("embeddings.LayerNorm"))
        distances = np.arange(-_FARTHEST, _FARTHEST + 1)
        fill(model, "distances", state["encoder.relative_attention_bias.weight"][bucket(distances)])
        for i in range(len(blocks(model))):
            key = f"encoder.layer.{i}"
            for part in ("query", "key", "value", "output"):
                fill(model, f"layer_{i}_{part}", *state.dense(f"{key}.attention.attn.{part[0]}"))
            fill(model, f"layer_{i}_attended", *state.norm(f"{key}.attention.LayerNorm"))
            fill_feed_forward(model, f"layer_{i}", state, key)


class MPNet(TextEncoder):
    """all-mpnet-base-v2, or another MPNet by its folder."""

    name = "mpnet"
    known = WEIGHTS_DIGEST
    max_tokens = 384

    def folder(self, given: Path | None) -> Path:
        """Return the given folder, or that of the unpacked packages; raises as `mpnet_package.unpacked`."""
        return unpacked() if given is None else given_folder(given)

    def build(self, backbone: Backbone) -> keras.Model:
        """Build the network with its weights; raises as the function `build`."""
        return build(self.folder(backbone.path))

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return the Keras layers of each MPNet layer, in order."""
        return blocks(model)
