"""The overview model: a bidirectional LSTM; the defaults are the coursework's, layer for layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class OverviewLSTM:
    """What the overview model looks like. With 25 genres the defaults give 4,303,129 parameters."""

    vocabulary_size: int = 10_000
    """Token ids the embedding knows: 0 is padding, 1 an unknown word, the rest the commonest training words."""
    max_tokens: int = 256
    """Longest overview in tokens; what stands behind is cut off."""
    embedding_units: int = 256
    """Length of the vector that stands for a word."""
    first_lstm_units: int = 256
    """Units of the first LSTM in each direction; it returns a vector for every token."""
    second_lstm_units: int = 128
    """Units of the second LSTM in each direction; it returns one vector for the overview."""
    lstm_dropout: float = 0.5
    """Share of each LSTM's inputs dropped."""
    recurrent_dropout: float = 0.2
    """Share of each LSTM's state dropped from token to token; any value above 0 rules out cuDNN's kernel on GPUs."""
    dense_units: int = 128
    """Units of the dense layer before the output."""
    dense_dropout: float = 0.8
    """Share of activations dropped before the output."""


def build(config: OverviewLSTM, *, genres: int) -> keras.Model:
    """Build the network: int32 token ids [batch, tokens], 0 = padding on the right -> probabilities [batch, genres]."""
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    def bilstm(units: int, *, sequences: bool) -> keras.layers.Layer:
        lstm = layers.LSTM(
            units,
            return_sequences=sequences,
            dropout=config.lstm_dropout,
            recurrent_dropout=config.recurrent_dropout,
        )
        return layers.Bidirectional(lstm)

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(config.vocabulary_size, config.embedding_units, mask_zero=True)(tokens)
    x = bilstm(config.first_lstm_units, sequences=True)(x)
    x = bilstm(config.second_lstm_units, sequences=False)(x)
    x = layers.Dense(config.dense_units, activation="relu")(x)
    x = layers.Dropout(config.dense_dropout)(x)
    # float32 whatever the precision of the layers before: probabilities near 0 and 1 decide the loss.
    outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
    return keras.Model(tokens, outputs, name="overview_lstm")
