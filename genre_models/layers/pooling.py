"""Masked pooling layers and a bag-of-words classifier for overviews.

They run on any Keras backend. Masks are those of `Embedding(mask_zero=True)`. Sums over words are float32 at any layer
precision: a bfloat16 counts to 256.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from genre_models.layers.registration import saved_as


@saved_as("MeanAndMax")
class MeanMaxPooling(keras.layers.Layer):
    """Concatenated mean and max pooling over unmasked tokens, [B, T, D] -> [B, 2 D]; 0 for none."""

    supports_masking = True

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool over time; mask bool [B, T] is true at tokens to include."""
        if mask is None:
            return ops.concatenate([ops.mean(sequences, axis=1), ops.max(sequences, axis=1)], axis=-1)
        counts = ops.cast(mask, "float32")[:, :, None]
        number = ops.sum(counts, axis=1)
        mean = ops.sum(ops.multiply(sequences, counts), axis=1) / ops.maximum(number, 1)
        mean = ops.cast(mean, sequences.dtype)
        # Far below any activation, and within float16's range.
        highest = ops.max(ops.where(counts > 0, sequences, ops.full_like(sequences, -1e4)), axis=1)
        return ops.concatenate([mean, ops.where(number > 0, highest, ops.zeros_like(highest))], axis=-1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask: the output has no time axis."""
        del inputs, previous_mask


@saved_as("Attention")
class AttentionPooling(keras.layers.Layer):
    """Attention pooling over unmasked tokens [B, T, D] -> [B, D]: softmax(v tanh(W x)), Yang et al. 2016."""

    supports_masking = True

    def __init__(self, units: int = 64, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.inner = keras.layers.Dense(units, activation="tanh", dtype=self.dtype_policy)
        self.score = keras.layers.Dense(1, use_bias=False, dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        """Create the weights."""
        self.inner.build(shape)
        self.score.build((*shape[:-1], self.units))

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool over time; mask bool [B, T] is true at tokens to include."""
        scores = ops.cast(self.score(self.inner(sequences)), "float32")
        if mask is not None:
            scores = ops.where(mask[:, :, None], scores, ops.full_like(scores, -1e4))
        # Not `ops.softmax`, which warns about an axis of one token.
        shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        pooled = ops.sum(ops.multiply(sequences, shares), axis=1) / ops.sum(shares, axis=1)
        return ops.cast(pooled, sequences.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask: the output has no time axis."""
        del inputs, previous_mask

    def get_config(self) -> dict[str, Any]:
        """Return the layer's constructor arguments."""
        return {**super().get_config(), "units": self.units}


@saved_as("RootSum")
class SqrtNPooling(keras.layers.Layer):
    """Sum over unmasked tokens divided by the square root of their number.

    A compromise between mean and sum pooling, [B, T, D] -> [B, D].
    """

    supports_masking = True

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool over time; mask bool [B, T] is true at tokens to include."""
        real = ops.ones_like(sequences[:, :, 0]) if mask is None else mask
        counts = ops.cast(real, "float32")[:, :, None]
        pooled = ops.sum(ops.multiply(sequences, counts), axis=1) / ops.sqrt(ops.maximum(ops.sum(counts, axis=1), 1))
        return ops.cast(pooled, sequences.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return no mask: the output has no time axis."""
        del inputs, previous_mask


@saved_as("WordVotes")
class BagOfWordsLogits(keras.layers.Layer):
    """Linear bag-of-words classifier: token ids [B, T] -> logits [B, genres], initially 0.

    The wide part of a wide and deep model (Cheng et al. 2016). The sum over words is divided by the square root of
    their number, as TF-IDF's normalisation does for a text of different words. In training the share `dropout` of the
    words is dropped.
    """

    def __init__(self, vocabulary_size: int, genres: int, dropout: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.vocabulary_size, self.genres, self.rate = vocabulary_size, genres, dropout
        self.votes = keras.layers.Embedding(
            vocabulary_size, genres, embeddings_initializer="zeros", dtype=self.dtype_policy, name="votes"
        )
        self.dropout = keras.layers.Dropout(dropout, noise_shape=(None, None, 1), dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        """Create the table of logits per word."""
        self.votes.build(shape)

    def call(self, tokens: Any, training: bool = False) -> Any:
        """Sum the logits of all tokens that are not padding."""
        votes = self.dropout(self.votes(tokens), training=training)
        counts = ops.cast(ops.not_equal(tokens, 0), "float32")[:, :, None]
        logits = ops.sum(ops.multiply(votes, counts), axis=1) / ops.sqrt(ops.maximum(ops.sum(counts, axis=1), 1))
        return ops.cast(logits, votes.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's constructor arguments."""
        sizes = {"vocabulary_size": self.vocabulary_size, "genres": self.genres, "dropout": self.rate}
        return {**super().get_config(), **sizes}
