"""The overview model: a bidirectional LSTM; the defaults are the coursework's, layer for layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


Tokenizer = Literal["split", "words", "stems", "subwords"]
Pooling = Literal["last", "mean_max", "attention", "all"]
TextBackbone = Literal["none", "minilm"]
UNLIMITED_IDS = 2**31 - 1


@dataclass(frozen=True)
class OverviewLSTM:
    """Config of the overview model. With 25 genres the defaults give 4,303,129 parameters."""

    tokenizer: Tokenizer = "split"
    """How overviews are cut into words: at white space, as the coursework did; into words and numbers without accents;
    those less their endings (-s, -ed, -ing, …), of which few films teach more; or those in pieces that the training
    overviews teach, so that hardly a word is unknown (needs the extra `subwords`)."""
    vocabulary_size: int = 10_000
    """Token ids the embedding knows: 0 is padding, 1 an unknown word, the rest the commonest training words."""
    min_count: int = 1
    """Words used less often than this in the training overviews are unknown words."""
    max_tokens: int = 256
    """Longest overview in tokens; what stands behind is cut off."""
    embedding_units: int = 256
    """Length of the vector that stands for a word."""
    embedding_init: Literal["random", "svd"] = "random"
    """What words' vectors are before training: random, or what a singular value decomposition says of which words
    share overviews (latent semantic analysis of the training films)."""
    word_dropout: float = 0.0
    """Share of the words dropped, whole, from an overview in training."""
    embedding_dropout: float = 0.0
    """Share of the embedding's channels dropped, the same ones for a whole overview."""
    first_lstm_units: int = 256
    """Units of the first LSTM in each direction; it returns a vector for every token."""
    second_lstm_units: int = 128
    """Units of the second LSTM in each direction; 0 leaves it out."""
    lstm_dropout: float = 0.5
    """Share of each LSTM's inputs dropped."""
    recurrent_dropout: float = 0.2
    """Share of each LSTM's state dropped from token to token; any value above 0 rules out cuDNN's kernel on GPUs."""
    pooling: Pooling = "last"
    """What of the last LSTM goes on: where it ends; the mean beside the maximum over all tokens; a mean weighted by
    attention; or the last two together."""
    dense_units: int = 128
    """Units of the dense layer before the output; 0 leaves it out."""
    dense_dropout: float = 0.8
    """Share of activations dropped before the output."""
    bow_embedding: bool = False
    """Whether the words' vectors, summed, go to the output beside what the LSTM makes of them; with a backbone their
    mean, on which a linear model alone does well."""
    bow_logits: bool = False
    """Whether each word also votes for genres by itself, beside the LSTM (a linear model of the bag of words)."""
    init_bias_from_prior: bool = False
    """Whether the model begins with each genre's share of the training films for its answer, not with one half."""
    backbone: TextBackbone = "none"
    """Pretrained encoder whose vectors of an overview's tokens the LSTM reads, instead of learning words' vectors
    (docs/pretrained.md). It has words of its own: tokenizer, vocabulary_size, min_count and embedding_units then say
    nothing, and the words of all other options are its tokens."""
    backbone_weights: str = ""
    """The encoder's files: a folder, or nothing for those of the installed package."""
    trainable_blocks: int = 0
    """How much of the backbone trains further: its last so many layers. 0 keeps it frozen: it reads each film once, and
    what it made of it is kept in the store."""

    def __post_init__(self) -> None:
        for name in ("word_dropout", "embedding_dropout", "lstm_dropout", "recurrent_dropout", "dense_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        for name, choices in (("tokenizer", Tokenizer), ("pooling", Pooling), ("backbone", TextBackbone)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, not {getattr(self, name)!r}")
        if self.trainable_blocks < 0:
            raise ValueError(f"trainable_blocks must be 0 or more, not {self.trainable_blocks}")
        if self.trainable_blocks and self.backbone == "none":
            raise ValueError("trainable_blocks is of a pretrained encoder: name one as backbone")
        if self.backbone != "none" and (self.bow_logits or self.embedding_init != "random"):
            raise ValueError("bow_logits and embedding_init svd are for words' own vectors, not for a backbone's")

    @property
    def num_token_ids(self) -> int:
        """Return the number of token ids that the model may be given; a backbone's tokenizer has ids of its own."""
        return self.vocabulary_size if self.backbone == "none" else UNLIMITED_IDS


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


def build(config: OverviewLSTM, *, genres: int, units: int = 0) -> keras.Model:
    """Build the network: int32 token ids [batch, tokens], 0 = padding on the right -> probabilities [batch, genres].

    With a frozen backbone it takes the encoder's vectors instead, float [batch, tokens, units], all 0 = padding; with
    one that trains further the ids are those of its tokenizer, and it has it within, its weights loaded: see
    `backbones.trainable_encoder` for what it raises.
    """
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    if config.backbone != "none":
        if config.trainable_blocks:
            given = keras.Input((None,), dtype="int32", name="tokens")
            states = _encode_tokens(config, given)
        else:
            given = states = keras.Input((None, units), name="states")
        outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(evaluated(config, states))
        return keras.Model(given, outputs, name="overview_lstm")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = features(config, tokens)
    # float32 whatever the precision of the layers before: probabilities near 0 and 1 decide the loss.
    if not config.bow_logits:
        outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
        return keras.Model(tokens, outputs, name="overview_lstm")
    logits = layers.Dense(genres, dtype="float32", name="genres")(x) + bow_logits(config, tokens, genres)
    outputs = layers.Activation("sigmoid", dtype="float32")(logits)
    return keras.Model(tokens, outputs, name="overview_lstm")


def features(config: OverviewLSTM, tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Encode token ids [batch, tokens] to float [batch, features]: all but the output."""
    from keras import layers

    embedding = layers.Embedding(config.vocabulary_size, config.embedding_units, mask_zero=True, name="embedding")
    return _read(config, embedding(tokens))


def evaluated(config: OverviewLSTM, states: keras.KerasTensor) -> keras.KerasTensor:
    """Encode a backbone's token vectors, float [batch, tokens, units], all 0 = padding."""
    from keras import layers

    return _read(config, layers.Masking(name="padding")(states))


def _encode_tokens(config: OverviewLSTM, tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Return the vectors that the backbone that trains further makes of tokens [batch, tokens], those of padding 0."""
    from keras import ops

    from genre_models.encoders.backbones import Backbone, trainable_encoder

    encoder = trainable_encoder(Backbone(config.backbone, config.backbone_weights), last=config.trainable_blocks)
    places = encoder.get_layer("positions").input_dim
    if config.max_tokens > places:
        raise ValueError(f"--max-tokens {config.max_tokens}: {config.backbone} reads at most {places} tokens")
    states = encoder(tokens)
    return states * ops.cast(ops.not_equal(tokens, 0), states.dtype)[:, :, None]


def _read(config: OverviewLSTM, x: keras.KerasTensor) -> keras.KerasTensor:
    """Encode masked word vectors, float [batch, tokens, D] -> [batch, features]."""
    from keras import layers

    from genre_models.layers.fused_lstm import FusedLSTM
    from genre_models.layers.pooling import AttentionPooling, MeanMaxPooling, SqrtNPooling

    def bilstm(units: int, *, sequences: bool) -> keras.layers.Layer:
        lstm = FusedLSTM(
            units,
            return_sequences=sequences,
            dropout=config.lstm_dropout,
            recurrent_dropout=config.recurrent_dropout,
        )
        return layers.Bidirectional(lstm)

    # No layers at all without them, so that a seed gives the weights it always gave.
    if config.word_dropout:
        x = layers.Dropout(config.word_dropout, noise_shape=(None, None, 1))(x)
    if config.embedding_dropout:
        x = layers.SpatialDropout1D(config.embedding_dropout)(x)
    words = x
    whole = config.pooling != "last"
    x = bilstm(config.first_lstm_units, sequences=whole or config.second_lstm_units > 0)(x)
    if config.second_lstm_units:
        x = bilstm(config.second_lstm_units, sequences=whole)(x)
    if config.pooling == "all":
        x = layers.Concatenate()([MeanMaxPooling()(x), AttentionPooling()(x)])
    elif whole:
        x = (MeanMaxPooling() if config.pooling == "mean_max" else AttentionPooling())(x)
    if config.bow_embedding and config.backbone == "none":
        x = layers.Concatenate()([x, SqrtNPooling()(words)])
    if config.dense_units:
        x = layers.Dense(config.dense_units, activation="relu")(x)
    if config.bow_embedding and config.backbone != "none":
        # Its entries spread by .2 (MiniLM): at the scale of 1 a linear model of them learns in a few epochs.
        x = layers.Concatenate()(
            [x, layers.LayerNormalization(center=False, scale=False)(layers.GlobalAveragePooling1D()(words))]
        )
    return layers.Dropout(config.dense_dropout)(x)


def bow_logits(config: OverviewLSTM, tokens: keras.KerasTensor, genres: int) -> keras.KerasTensor:
    """Return the bag of words' logits: token ids [batch, tokens] -> float32 logits [batch, genres]."""
    from genre_models.layers.pooling import BagOfWordsLogits

    votes = BagOfWordsLogits(config.vocabulary_size, genres, config.word_dropout, dtype="float32", name="bow_logits")
    return votes(tokens)
