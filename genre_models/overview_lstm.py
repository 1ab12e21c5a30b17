"""The overview model: a bidirectional LSTM; the defaults are the coursework's, layer for layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genre_models.search_space import SearchSpace, choice, log_uniform, uniform

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
    embedding_dropout: float = 0.0
    """Share of the embedding's channels dropped, the same ones for a whole overview."""
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

    def __post_init__(self) -> None:
        for name in ("embedding_dropout", "lstm_dropout", "recurrent_dropout", "dense_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")


SEARCH_SPACE: SearchSpace = {
    "learning_rate": log_uniform(
        5e-5, 5e-3, unit="Adam's, a step", why="half the coursework's 1e-4 to five times Adam's 1e-3"
    ),
    "schedule": choice(
        "hold_then_decay", "cosine", "constant", unit="over the epochs", why="a fall to near 0 allows a faster start"
    ),
    "batch_size": choice(
        32, 64, 128, unit="films a step", why="half to twice the coursework's: small ones regularise, large are fast"
    ),
    "weight_decay": choice(
        0.0,
        0.01,
        0.03,
        0.1,
        unit="share × learning rate",
        why="at 1e-3 they take 0 to 14 % off the weights in 20 epochs",
    ),
    "label_smoothing": choice(
        0.0, 0.02, 0.05, 0.1, unit="share of a target", why="genres are opinions; more would drown the rare ones"
    ),
    "embedding_dropout": uniform(
        0.0, 0.5, step=0.05, unit="share of channels", why="more than half the weights are here, most of rare words"
    ),
    "lstm_dropout": uniform(
        0.0, 0.7, step=0.05, unit="share of inputs", why="the coursework's 0.5 and less, with dropout before it"
    ),
    "recurrent_dropout": choice(
        0.0, 0.1, 0.2, 0.4, unit="share of the state", why="0 alone lets the fast cuDNN kernel run on GPUs"
    ),
    "dense_dropout": uniform(
        0.0, 0.8, step=0.05, unit="share of activations", why="the coursework's 0.8 is a lot for 128 units"
    ),
    "vocabulary_size": choice(
        5_000, 10_000, 20_000, unit="token ids", why="words of few training films can only be learned by heart"
    ),
    "max_tokens": choice(
        64, 128, 256, unit="tokens", why="half the overviews have 28 words at most, the longest 172; fewer are faster"
    ),
}
"""What a sweep varies: what holds back overfitting, how fast it learns, how much it reads. The units stay."""


def build(config: OverviewLSTM, *, genres: int) -> keras.Model:
    """Build the network: int32 token ids [batch, tokens], 0 = padding on the right -> probabilities [batch, genres]."""
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    from genre_models.fused_lstm import FusedLSTM

    def bilstm(units: int, *, sequences: bool) -> keras.layers.Layer:
        lstm = FusedLSTM(
            units,
            return_sequences=sequences,
            dropout=config.lstm_dropout,
            recurrent_dropout=config.recurrent_dropout,
        )
        return layers.Bidirectional(lstm)

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(config.vocabulary_size, config.embedding_units, mask_zero=True)(tokens)
    # No layer at all without it, so that a seed gives the weights it always gave.
    if config.embedding_dropout:
        x = layers.SpatialDropout1D(config.embedding_dropout)(x)
    x = bilstm(config.first_lstm_units, sequences=True)(x)
    x = bilstm(config.second_lstm_units, sequences=False)(x)
    x = layers.Dense(config.dense_units, activation="relu")(x)
    x = layers.Dropout(config.dense_dropout)(x)
    # float32 whatever the precision of the layers before: probabilities near 0 and 1 decide the loss.
    outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
    return keras.Model(tokens, outputs, name="overview_lstm")
