"""A trained network cut in two: up to its last feature map and its word embeddings, and from there to the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# They only thin out or summarise a feature map.
_NOT_FEATURES = ("MaxPooling2D", "AveragePooling2D", "Dropout", "SpatialDropout2D")
_REGIONS = 8  # rows and columns of a feature map, at least
_EMBEDDING, _VOTES = "embedding", "bow_logits"


@dataclass(frozen=True)
class Parts:
    """The two parts of a network."""

    lower: keras.Model
    """Its inputs -> the list of intermediate tensors."""
    upper: keras.Model
    """The intermediate tensors, then the inputs -> logits float32 [batch, genres]."""
    names: tuple[str, ...]
    """Of the intermediate tensors: "map" [batch, rows, columns, filters], "words" [batch, tokens, units] and "votes"
    [batch, genres], the logits of a bag of words, as far as there are."""
    embedding: Any
    """The layer of the word embeddings, or None."""
    votes: Any
    """The layer of each word's logits, or None."""


def cut(model: keras.Model) -> Parts | None:
    """Cut a network; None if it has neither convolutions nor word embeddings of its own."""
    import keras

    between: dict[str, Any] = {}
    if (features := _last_feature_map(model)) is not None:
        between["map"] = features
    layers = {layer.name: layer for layer in model.layers}
    embedding, votes = layers.get(_EMBEDDING), layers.get(_VOTES)
    if embedding is not None:
        between["words"] = embedding.output
    if votes is not None:
        between["votes"] = votes.output
    if not between:
        return None
    tensors = list(between.values())
    lower = keras.Model(model.inputs, tensors)
    upper = keras.Model([*tensors, *model.inputs], logits_of(model))
    upper.supports_masking = True  # it is given the mask of its words
    return Parts(lower, upper, tuple(between), embedding, votes.votes if votes is not None else None)


def _last_feature_map(model: keras.Model) -> Any:
    """Return the last feature map of a network's own convolutions, or None.

    It is float [batch, rows, columns, filters], before the pooling, and the last one of at least 8 by 8 regions: a
    region of a coarser one sees most of the poster (drawn motifs had the largest heat in 97 % of the films at 8 by 8,
    and in 47 % at 4 by 4). Posters too small for that have their finest map.
    """
    kinds = [type(layer).__name__ for layer in model.layers]
    if "Conv2D" not in kinds:
        return None
    after = list(zip(model.layers, kinds, strict=True))[kinds.index("Conv2D") :]
    outputs = [layer.output for layer, kind in after if kind not in _NOT_FEATURES]
    maps = [one for one in outputs if not isinstance(one, (list, tuple)) and len(one.shape) == 4]
    finest = min(_REGIONS, max(min(one.shape[1:3]) for one in maps))
    return [one for one in maps if min(one.shape[1:3]) >= finest][-1]


def logits_of(model: keras.Model) -> Any:
    """Return the tensor of a network's logits, float32 [batch, genres]: they do not saturate as probabilities do."""
    from keras import layers

    last = model.layers[-1]
    if isinstance(last, layers.Activation):
        return last.input
    linear = layers.Dense(last.units, dtype=last.dtype_policy, name="logits")
    outputs = linear(last.input)
    linear.set_weights(last.get_weights())
    return outputs
