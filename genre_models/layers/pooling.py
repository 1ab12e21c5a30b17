"""Layers of the models that read: pooling over the words there are, and words that vote for genres one by one.

Written with `keras.ops`, so that they run on any Keras backend. Masks are those of `Embedding(mask_zero=True)`. Sums
over words are float32 whatever the precision of the layer: a bfloat16 counts to 256.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from genre_models.layers.registration import saved_as


@saved_as("MeanAndMax")
class MeanMaxPooling(keras.layers.Layer):
    """Pools [B, T, D] over the tokens that are not masked: their mean beside their maximum, [B, 2 D]; 0 for none."""

    supports_masking = True

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool over time; mask bool [B, T] is true at tokens that count."""
        if mask is None:
            return ops.concatenate([ops.mean(sequences, axis=1), ops.max(sequences, axis=1)], axis=-1)
        counts = ops.cast(mask, "float32")[:, :, None]
        number = ops.sum(counts, axis=1)
        mean = ops.sum(ops.multiply(sequences, counts), axis=1) / ops.maximum(number, 1)
        mean = ops.cast(mean, sequences.dtype)
        # Far below anything a layer gives, and still a float16.
        highest = ops.max(ops.where(counts > 0, sequences, ops.full_like(sequences, -1e4)), axis=1)
        return ops.concatenate([mean, ops.where(number > 0, highest, ops.zeros_like(highest))], axis=-1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Nothing is masked any more: time is gone."""
        del inputs, previous_mask


@saved_as("Attention")
class AttentionPooling(keras.layers.Layer):
    """Pools [B, T, D] by a weight for each token, softmax(v tanh(W x)) over those not masked (Yang et al. 2016)."""

    supports_masking = True

    def __init__(self, units: int = 64, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.inner = keras.layers.Dense(units, activation="tanh", dtype=self.dtype_policy)
        self.score = keras.layers.Dense(1, use_bias=False, dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        """Make the weights."""
        self.inner.build(shape)
        self.score.build((*shape[:-1], self.units))

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool over time; mask bool [B, T] is true at tokens that count."""
        scores = ops.cast(self.score(self.inner(sequences)), "float32")
        if mask is not None:
            scores = ops.where(mask[:, :, None], scores, ops.full_like(scores, -1e4))
        # Not `ops.softmax`, which warns of a single token.
        shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        pooled = ops.sum(ops.multiply(sequences, shares), axis=1) / ops.sum(shares, axis=1)
        return ops.cast(pooled, sequences.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Nothing is masked any more: time is gone."""
        del inputs, previous_mask

    def get_config(self) -> dict[str, Any]:
        """Return the layer's config."""
        return {**super().get_config(), "units": self.units}


@saved_as("RootSum")
class SqrtNPooling(keras.layers.Layer):
    """Pools [B, T, D] to the sum over the tokens that are not masked, divided by the square root of their number.

    Between mean and sum: a word counts less in a long text, and a long text still says more than a short one.
    """

    supports_masking = True

    def call(self, sequences: Any, mask: Any = None) -> Any:
        """Pool over time; mask bool [B, T] is true at tokens that count."""
        there = ops.ones_like(sequences[:, :, 0]) if mask is None else mask
        counts = ops.cast(there, "float32")[:, :, None]
        pooled = ops.sum(ops.multiply(sequences, counts), axis=1) / ops.sqrt(ops.maximum(ops.sum(counts, axis=1), 1))
        return ops.cast(pooled, sequences.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Nothing is masked any more: time is gone."""
        del inputs, previous_mask


@saved_as("WordVotes")
class BagOfWordsLogits(keras.layers.Layer):
    """Sums what each word alone says for each genre: token ids [B, T] -> logits [B, genres], 0 at first.

    A linear model over the bag of words beside a deep one ("wide and deep", Cheng et al. 2016): single words that tell
    a genre are learned at once and by themselves. The sum is divided by the square root of the number of words, as
    TF-IDF's normalisation does for a text of different words. In training, `dropout` of the words do not vote.
    """

    def __init__(self, vocabulary_size: int, genres: int, dropout: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.vocabulary_size, self.genres, self.rate = vocabulary_size, genres, dropout
        self.votes = keras.layers.Embedding(
            vocabulary_size, genres, embeddings_initializer="zeros", dtype=self.dtype_policy, name="votes"
        )
        self.dropout = keras.layers.Dropout(dropout, noise_shape=(None, None, 1), dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        """Make the table of votes."""
        self.votes.build(shape)

    def call(self, tokens: Any, training: bool = False) -> Any:
        """Sum over the tokens that are not padding."""
        votes = self.dropout(self.votes(tokens), training=training)
        counts = ops.cast(ops.not_equal(tokens, 0), "float32")[:, :, None]
        told = ops.sum(ops.multiply(votes, counts), axis=1) / ops.sqrt(ops.maximum(ops.sum(counts, axis=1), 1))
        return ops.cast(told, votes.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's config."""
        sizes = {"vocabulary_size": self.vocabulary_size, "genres": self.genres, "dropout": self.rate}
        return {**super().get_config(), **sizes}
