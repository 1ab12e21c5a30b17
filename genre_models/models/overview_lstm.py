"""The overview model, a bidirectional LSTM; the defaults reproduce the coursework's layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genre_models.encoders.registry import TextBackbone, text_encoder
from genre_models.models.input_spec import InputSpec, backbone_of, overview_input
from genre_models.models.option_checks import check_numbers, check_types
from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


Tokenizer = Literal["split", "words", "stems", "subwords"]
Pooling = Literal["last", "mean_max", "attention", "all"]


_FEWEST_IDS = 3  # padding, unknown words, and a word


@dataclass(frozen=True)
class OverviewBranch:
    """Options of words and LSTMs, of the overview model and of the joint model."""

    tokenizer: Tokenizer = "split"
    """Tokenisation of overviews: split at white space, as in the coursework; words and numbers without accents; their
    stems, without endings such as -s, -ed and -ing, which few films cover better; or subwords learned from the training
    overviews, so that hardly a word is unknown (needs the extra `subwords`)."""
    vocabulary_size: int = 10_000
    """Number of token ids: 0 is padding, 1 an unknown word, the rest the most frequent training words."""
    min_count: int = 1
    """Words less frequent than this in the training overviews become unknown words."""
    max_tokens: int = 256
    """Maximum length of an overview in tokens; longer ones are truncated."""
    embedding_units: int = 256
    """Length of a word embedding."""
    embedding_init: Literal["random", "svd"] = "random"
    """Initial word embeddings: random, or from a singular value decomposition of word co-occurrence (latent semantic
    analysis of the training overviews)."""
    word_dropout: float = 0.0
    """Share of an overview's words dropped in training."""
    embedding_dropout: float = 0.0
    """Spatial dropout rate of the embeddings: the same channels for all words of an overview."""
    lstm_dropout: float = 0.5
    """Dropout rate of each LSTM's inputs."""
    recurrent_dropout: float = 0.2
    """Recurrent dropout rate of each LSTM's state; any value above 0 rules out cuDNN's kernel on GPUs."""
    bow_embedding: bool = False
    """Whether the sum of the word embeddings is concatenated to the LSTM's features; with a backbone the mean of the
    token vectors, on which a linear model alone does well."""


@dataclass(frozen=True)
class OverviewLSTM(OverviewBranch):
    """Options of the overview model. With 25 genres the defaults give 4,303,129 parameters."""

    first_lstm_units: int = 256
    """Units of the first LSTM in each direction."""
    second_lstm_units: int = 128
    """Units of the second LSTM in each direction; 0 for none."""
    pooling: Pooling = "last"
    """Pooling of the last LSTM's outputs: the last output; mean and maximum over all tokens; attention; or mean,
    maximum and attention (all)."""
    dense_units: int = 128
    """Units of the dense layer before the output; 0 for none."""
    dense_dropout: float = 0.8
    """Dropout rate before the output."""
    bow_logits: bool = False
    """Whether a linear bag-of-words model adds to the logits."""
    init_bias_from_prior: bool = False
    """Whether the initial predictions are each genre's share of the training films, not one half."""
    backbone: TextBackbone = "none"
    """Pretrained text encoder whose token vectors are the LSTM's inputs instead of learned word embeddings
    (docs/pretrained.md). It has its own tokenizer: tokenizer, vocabulary_size, min_count and embedding_units then have
    no effect, and all other options count its tokens as words."""
    backbone_weights: str = ""
    """Folder of the encoder's files in Hugging Face's layout; empty for those of the installed package. With bert and
    mpnet any such network."""
    trainable_blocks: int = 0
    """Number of the backbone's last layers that are fine-tuned. 0 keeps it frozen: it encodes each film once, and the
    features are cached in the store."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("word_dropout", "embedding_dropout", "lstm_dropout", "recurrent_dropout", "dense_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if self.backbone != "none":
            text_encoder(backbone_of(self))
        if self.trainable_blocks < 0:
            raise ValueError(f"trainable_blocks must be 0 or more, not {self.trainable_blocks}")
        if self.trainable_blocks and self.backbone == "none":
            raise ValueError("trainable_blocks is of a pretrained encoder: name one as backbone")
        if self.backbone != "none" and (self.bow_logits or self.embedding_init != "random"):
            raise ValueError("bow_logits and embedding_init svd are for words' own vectors, not for a backbone's")
        if self.vocabulary_size < _FEWEST_IDS:
            raise ValueError(f"vocabulary_size must be at least {_FEWEST_IDS}, not {self.vocabulary_size}")
        check_numbers(self, at_least_1=("max_tokens", "embedding_units", "first_lstm_units", "min_count"))


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
"""Default search space of sweeps: regularisation, learning rate, vocabulary and length; layer sizes are fixed."""


def inputs(config: OverviewLSTM) -> InputSpec:
    """Return the model's inputs."""
    return InputSpec((overview_input(config),))


def build(config: OverviewLSTM, *, genres: int, units: int = 0) -> keras.Model:
    """Build the network: int32 token ids [batch, tokens], 0 = padding on the right -> probabilities [batch, genres].

    With a frozen backbone the input is the encoder's vectors, float [batch, tokens, units], all 0 = padding. With a
    fine-tuned one the ids are its tokenizer's, and the model contains the encoder with its weights; raises as
    `fine_tuning.trainable_encoder`.
    """
    # Imported here so that reading the options does not import TensorFlow (5 s).
    import keras
    from keras import layers

    if config.backbone != "none":
        if config.trainable_blocks:
            given = keras.Input((None,), dtype="int32", name="tokens")
            states = _encode_tokens(config, given)
        else:
            given = states = keras.Input((None, units), name="states")
        x = from_frozen_features(config, states)
        outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
        return keras.Model(given, outputs, name="overview_lstm")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = features(config, tokens)
    # float32 at any layer precision: probabilities near 0 and 1 dominate the loss.
    if not config.bow_logits:
        outputs = layers.Dense(genres, activation="sigmoid", dtype="float32", name="genres")(x)
        return keras.Model(tokens, outputs, name="overview_lstm")
    logits = layers.Dense(genres, dtype="float32", name="genres")(x) + bow_logits(config, tokens, genres)
    outputs = layers.Activation("sigmoid", dtype="float32")(logits)
    return keras.Model(tokens, outputs, name="overview_lstm")


def features(config: OverviewLSTM, tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Return all layers but the output: token ids [batch, tokens] -> float [batch, features]."""
    from keras import layers

    embedding = layers.Embedding(config.vocabulary_size, config.embedding_units, mask_zero=True, name="embedding")
    return _recurrent_layers(config, embedding(tokens))


def from_frozen_features(config: OverviewLSTM, states: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the LSTMs to a frozen backbone's vectors [batch, tokens, units], all 0 = padding."""
    from keras import layers

    return _recurrent_layers(config, layers.Masking(name="padding")(states))


def _encode_tokens(config: OverviewLSTM, tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Return a fine-tuned backbone's token vectors for tokens [batch, tokens], 0 at padding."""
    from keras import ops

    from genre_models.encoders.fine_tuning import trainable_encoder

    backbone = backbone_of(config)
    encoder = trainable_encoder(backbone, last=config.trainable_blocks)
    places = text_encoder(backbone).positions(encoder)
    if config.max_tokens > places:
        raise ValueError(f"--max-tokens {config.max_tokens}: {config.backbone} reads at most {places} tokens")
    states = encoder(tokens)
    return states * ops.cast(ops.not_equal(tokens, 0), states.dtype)[:, :, None]


def _recurrent_layers(config: OverviewLSTM, x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the LSTMs and pooling: masked float [batch, tokens, D] -> float [batch, features]."""
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

    # No layers at a rate of 0, so that a seed still gives the same weights.
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
        # MiniLM's entries have a standard deviation of .2: normalised, a linear model on them learns in a few epochs.
        x = layers.Concatenate()(
            [x, layers.LayerNormalization(center=False, scale=False)(layers.GlobalAveragePooling1D()(words))]
        )
    return layers.Dropout(config.dense_dropout)(x)


def bow_logits(config: OverviewLSTM, tokens: keras.KerasTensor, genres: int) -> keras.KerasTensor:
    """Return the bag-of-words logits: token ids [batch, tokens] -> float32 [batch, genres]."""
    from genre_models.layers.pooling import BagOfWordsLogits

    votes = BagOfWordsLogits(config.vocabulary_size, genres, config.word_dropout, dtype="float32", name="bow_logits")
    return votes(tokens)
