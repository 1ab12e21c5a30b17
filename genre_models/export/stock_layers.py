"""A trained network rebuilt from Keras' own layers, for inference, with equal probabilities.

What is active in training alone (dropout, augmentation) is left out, masks are computed in the open, and no weight
changes. The result loads in a Keras that does not know this project, and converts to other formats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from genre_models.layers.modality_dropout import ENDS, FIRST_WORD, MissingModality
from genre_models.layers.pooling import AttentionPooling, BagOfWordsLogits, MeanMaxPooling, SqrtNPooling
from genre_models.layers.random_view import RandomView

# Below any activation; what is masked never wins a maximum or a share.
_LOWEST = -1e4
_TRAINING_ONLY = (
    *(keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D),
    *(keras.layers.RandomFlip, keras.layers.RandomTranslation, keras.layers.RandomZoom),
    *(keras.layers.RandomBrightness, keras.layers.RandomContrast, keras.layers.RandomSaturation),
    keras.layers.RandomErasing,
)


class UnknownLayerError(ValueError):
    """A layer of this project that has no counterpart among Keras' own layers."""


def with_stock_layers(model: Any) -> Any:
    """Rebuild a functional model for inference from Keras' own layers, in float32.

    Raises:
        UnknownLayerError: it has a layer that this function does not know.
    """
    _reserve_names(model)
    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=_Calls())


def _reserve_names(model: Any) -> None:
    """Let Keras give new operations names that none in the model has: those in a file do not count for it."""
    for operation in model.operations:
        base, _, number = operation.name.rpartition("_")
        base, last = (base, int(number)) if base and number.isdigit() else (operation.name, 0)
        while keras.backend.get_uid(base) <= last:
            pass


class _Calls:
    """Calls of a model's layers, each replaced by stock layers or operations."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        # By the id of a tensor, with the tensor, so that no id is used twice.
        self._masks: dict[int, tuple[Any, Any]] = {}

    def __call__(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a layer's replacement on tensors; the mask of the first one goes on to the result."""
        if not isinstance(layer, keras.layers.Layer):  # an operation, such as a sum
            return layer(*args, **kwargs)
        if isinstance(layer, _TRAINING_ONLY):
            return args[0]
        mask = self._mask_of(args[0])
        kind = next((kind for kind in _REPLACED if isinstance(layer, kind)), None)
        if kind is not None:
            return _REPLACED[kind](self, layer, *args, mask=mask)
        if not type(layer).__module__.startswith("keras."):
            raise UnknownLayerError(f"the layer {layer.name} ({type(layer).__name__}) is none of Keras' own")
        if isinstance(layer, keras.Model):  # an encoder: stock layers already
            return layer(*args, **kwargs)
        masked = {"mask": mask} if isinstance(layer, keras.layers.GlobalAveragePooling1D) else {}
        return self._called(layer, lambda: _copy(layer), *args, **masked)

    def _called(self, layer: Any, make: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        """Call a layer's replacement; its first call makes it and copies the weights."""
        if (new := self._made.get(id(layer))) is not None:
            return new(*args, **kwargs)
        new = self._made[id(layer)] = make()
        outputs = new(*args, **kwargs)
        new.set_weights(layer.get_weights())
        return outputs

    def _mask_of(self, tensor: Any) -> Any:
        return self._masks.get(id(tensor), (None, None))[1]

    def _masked(self, tensor: Any, mask: Any) -> Any:
        self._masks[id(tensor)] = (tensor, mask)
        return tensor

    # -- one function for each layer that is replaced; `mask` is bool [B, T] or None

    def _embedding(self, layer: Any, tokens: Any, *, mask: Any) -> Any:
        del mask
        vectors = self._called(layer, lambda: _copy(layer, mask_zero=False), tokens)
        return self._masked(vectors, ops.not_equal(tokens, 0))

    def _masking(self, layer: Any, states: Any, *, mask: Any) -> Any:
        del layer, mask
        return self._masked(states, ops.any(ops.not_equal(states, 0), axis=-1))

    def _bidirectional(self, layer: Any, x: Any, *, mask: Any) -> Any:
        inner = layer.forward_layer
        # Without cuDNN: an artefact made on a GPU must run without one.
        options = {"return_sequences": inner.return_sequences, "use_cudnn": False}

        def make() -> Any:
            return keras.layers.Bidirectional(keras.layers.LSTM(inner.units, **options), name=layer.name)

        return self._masked(self._called(layer, make, x, mask=mask), mask)

    def _mean_max(self, layer: Any, x: Any, *, mask: Any) -> Any:
        del layer
        counts = _counts(x, mask)
        number = ops.sum(counts, axis=1)
        mean = ops.sum(x * counts, axis=1) / ops.maximum(number, 1)
        highest = ops.max(ops.where(counts > 0, x, _LOWEST), axis=1)
        return ops.concatenate([mean, ops.where(number > 0, highest, 0.0)], axis=-1)

    def _attention(self, layer: Any, x: Any, *, mask: Any) -> Any:
        scores = self._dense(layer.score, self._dense(layer.inner, x))
        scores = ops.where(_counts(x, mask) > 0, scores, _LOWEST)
        shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        return ops.sum(x * shares, axis=1) / ops.sum(shares, axis=1)

    def _dense(self, layer: Any, x: Any) -> Any:
        return self._called(layer, lambda: _copy(layer), x)

    def _sqrt_n(self, layer: Any, x: Any, *, mask: Any) -> Any:
        del layer
        counts = _counts(x, mask)
        return ops.sum(x * counts, axis=1) / ops.sqrt(ops.maximum(ops.sum(counts, axis=1), 1))

    def _bow_logits(self, layer: Any, tokens: Any, *, mask: Any) -> Any:
        del mask
        votes = self._called(layer.votes, lambda: _copy(layer.votes), tokens)
        return self._sqrt_n(layer, votes, mask=ops.not_equal(tokens, 0))

    def _random_view(self, layer: Any, views: Any, *, mask: Any) -> Any:
        del layer, mask
        return ops.mean(views, axis=1)

    def _missing(self, layer: Any, of_poster: Any, of_overview: Any, poster: Any, tokens: Any, *, mask: Any) -> Any:
        del mask
        see = ops.any(ops.not_equal(poster, 0), axis=tuple(range(1, len(poster.shape))))[:, None]
        if len(tokens.shape) == 3:
            real = ops.cast(ops.any(ops.not_equal(tokens, 0), axis=-1), "int32")
            read = ops.sum(real, axis=1, keepdims=True) > ENDS
        else:
            read = ops.any(ops.greater_equal(tokens, FIRST_WORD), axis=1)[:, None]
        return (
            ops.where(see, of_poster, ops.convert_to_numpy(layer.no_poster)[None]),
            ops.where(read, of_overview, ops.convert_to_numpy(layer.no_overview)[None]),
            ops.cast(read, "float32"),
        )


def _copy(layer: Any, **changes: Any) -> Any:
    """Return a float32 layer with the options of another, without its weights."""
    return type(layer).from_config({**layer.get_config(), "dtype": "float32", **changes})


def _counts(x: Any, mask: Any) -> Any:
    """Return 1 at tokens and 0 at padding, float32 [B, T, 1]."""
    return ops.ones_like(x[:, :, :1]) if mask is None else ops.cast(mask, "float32")[:, :, None]


_REPLACED: dict[type[Any], Callable[..., Any]] = {
    keras.layers.Embedding: _Calls._embedding,
    keras.layers.Masking: _Calls._masking,
    keras.layers.Bidirectional: _Calls._bidirectional,
    MeanMaxPooling: _Calls._mean_max,
    AttentionPooling: _Calls._attention,
    SqrtNPooling: _Calls._sqrt_n,
    BagOfWordsLogits: _Calls._bow_logits,
    RandomView: _Calls._random_view,
    MissingModality: _Calls._missing,
}
