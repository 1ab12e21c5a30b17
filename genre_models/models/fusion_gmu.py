"""The joint model: poster and overview, each through a network of its own, weighed against each other film by film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genre_models.models import overview_lstm, poster_cnn
from genre_models.models.overview_lstm import OverviewLSTM, Pooling, TextBackbone, Tokenizer
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class FusionGMU:
    """Config of the joint model. With 25 genres the defaults give 3,127,993 parameters."""

    height: int = 64
    """Poster height in pixels that the network sees; the store must hold posters of this size."""
    width: int = 64
    """Poster width in pixels that the network sees."""
    augmentation: float = 0.5
    """How strongly training posters are varied, 0 (not) to 1: mirrored, moved, zoomed, brightness and contrast."""
    horizontal_flip: bool = True
    """Whether augmentation mirrors posters, left for right."""
    colour_jitter: float = 0.0
    """Share by which the saturation of training posters is varied, 0 to 1."""
    random_erasing: float = 0.0
    """Share of the training posters from which a rectangle, up to a fifth of the picture, is wiped out."""
    stem_filters: int = 32
    """Filters of the first convolution, which has stride 2."""
    block_filters: tuple[int, ...] = (32, 64, 128, 256)
    """Filters of each pair of convolutions; 2x2 max pooling follows each pair, or with residual blocks their first
    convolution has stride 2."""
    residual: bool = True
    """Whether each pair of convolutions adds to what it was given, and begins at full depth."""
    normalization: Literal["none", "batch", "group"] = "batch"
    """What follows each convolution: nothing, batch or group normalisation (8 groups)."""
    conv_dropout: float = 0.0
    """Share of activations dropped after the convolutions; of whole channels in residual blocks."""
    poster_pooling: Literal["flatten", "mean", "mean_max"] = "mean"
    """What of the last convolutions goes on: every place by itself; each channel's mean over the picture; or the mean
    beside the maximum."""
    poster_units: int = 0
    """Units of the dense layer that ends the poster's branch; 0 leaves it out."""
    tokenizer: Tokenizer = "words"
    """How overviews are cut into words: at white space; into words and numbers without accents; those less their
    endings (-s, -ed, -ing, …); or those in pieces that the training overviews teach (needs the extra `subwords`)."""
    vocabulary_size: int = 10_000
    """Token ids the embedding knows: 0 is padding, 1 an unknown word, the rest the commonest training words."""
    min_count: int = 2
    """Words used less often than this in the training overviews are unknown words."""
    max_tokens: int = 128
    """Longest overview in tokens; what stands behind is cut off."""
    embedding_units: int = 128
    """Length of the vector that stands for a word."""
    embedding_init: Literal["random", "svd"] = "random"
    """What words' vectors are before training: random, or what a singular value decomposition says of which words
    share overviews (latent semantic analysis of the training films)."""
    word_dropout: float = 0.4
    """Share of the words dropped, whole, from an overview in training."""
    embedding_dropout: float = 0.3
    """Share of the embedding's channels dropped, the same ones for a whole overview."""
    lstm_units: int = 96
    """Units of the LSTM in each direction."""
    lstm_dropout: float = 0.0
    """Share of the LSTM's inputs dropped."""
    recurrent_dropout: float = 0.0
    """Share of the LSTM's state dropped from token to token; any value above 0 rules out cuDNN's kernel on GPUs."""
    overview_pooling: Pooling = "all"
    """What of the LSTM goes on: where it ends; the mean beside the maximum over all tokens; a mean weighted by
    attention; or the last two together."""
    bow_embedding: bool = False
    """Whether the words' vectors, summed, end the overview's branch beside what the LSTM makes of them."""
    branch_dropout: float = 0.5
    """Share of each branch's features dropped before they meet."""
    fusion_units: int = 256
    """Units of the gated multimodal unit, in which the branches meet."""
    fusion_dropout: float = 0.3
    """Share of activations dropped before the output."""
    bow_logits: bool = False
    """Whether each word also votes for genres by itself, beside the unit (a linear model of the bag of words)."""
    init_bias_from_prior: bool = True
    """Whether the model begins with each genre's share of the training films for its answer, not with one half."""
    modality_dropout: float = 0.15
    """Share of training films whose poster is hidden, and as many whose overview is, never both; 0 to 0.5. Without it
    a film that lacks one of the two is evaluated by a vector that was never trained."""
    poster_backbone: str = "none"
    """Pretrained network that sees the poster instead of these convolutions, as train_cnn's --backbone: frozen, and
    together with an overview_backbone. augmentation, colour_jitter and cutout must then be 0."""
    poster_weights: str = ""
    """Its weights, as train_cnn's --backbone-weights."""
    overview_backbone: TextBackbone = "none"
    """Pretrained encoder whose vectors of an overview's tokens the LSTM reads, as train_lstm's --backbone: frozen, and
    together with a poster_backbone. What is said of words' own vectors then says nothing."""
    overview_weights: str = ""
    """Its files, as train_lstm's --backbone-weights."""

    def __post_init__(self) -> None:
        for name in ("branch_dropout", "fusion_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if not 0 <= self.modality_dropout <= 0.5:
            raise ValueError(f"modality_dropout must be 0 to 0.5, not {self.modality_dropout}")
        if (self.poster_backbone == "none") != (self.overview_backbone == "none"):
            raise ValueError("poster_backbone and overview_backbone go together: name both, or leave both out")
        if self.overview_backbone != "none" and self.bow_logits:
            raise ValueError("bow_logits are of words' own vectors, not of a backbone's")
        # What is wrong with a branch's own options is said where they are explained.
        _ = self.poster_branch, self.overview_branch

    @property
    def poster_branch(self) -> PosterCNN:
        """Return the poster's branch, as the model it would be alone."""
        return PosterCNN(
            height=self.height,
            width=self.width,
            augmentation=self.augmentation,
            horizontal_flip=self.horizontal_flip,
            colour_jitter=self.colour_jitter,
            random_erasing=self.random_erasing,
            stem_filters=self.stem_filters,
            block_filters=self.block_filters,
            residual=self.residual,
            normalization=self.normalization,
            conv_dropout=self.conv_dropout,
            pooling=self.poster_pooling,
            dense_units=self.poster_units,
            dense_layers=1 if self.poster_units else 0,
            dense_dropout=self.branch_dropout,
            backbone=self.poster_backbone,
            backbone_weights=self.poster_weights,
        )

    @property
    def overview_branch(self) -> OverviewLSTM:
        """Return the overview's branch, as the model it would be alone."""
        return OverviewLSTM(
            tokenizer=self.tokenizer,
            vocabulary_size=self.vocabulary_size,
            min_count=self.min_count,
            max_tokens=self.max_tokens,
            embedding_units=self.embedding_units,
            embedding_init=self.embedding_init,
            word_dropout=self.word_dropout,
            embedding_dropout=self.embedding_dropout,
            first_lstm_units=self.lstm_units,
            second_lstm_units=0,
            lstm_dropout=self.lstm_dropout,
            recurrent_dropout=self.recurrent_dropout,
            pooling=self.overview_pooling,
            bow_embedding=self.bow_embedding,
            dense_units=0,
            dense_dropout=self.branch_dropout,
            backbone=self.overview_backbone,
            backbone_weights=self.overview_weights,
        )

    @property
    def num_token_ids(self) -> int:
        """Return the number of token ids that the model may be given."""
        return self.overview_branch.num_token_ids


# What a branch's model varies alone, the joint one varies alike.
_OF_CNN, _OF_LSTM = poster_cnn.SEARCH_SPACE, overview_lstm.SEARCH_SPACE

SEARCH_SPACE: SearchSpace = {
    "learning_rate": log_uniform(
        1e-4, 5e-3, unit="Adam's, a step", why="the coursework's 1e-4 to five times Adam's 1e-3"
    ),
    "schedule": _OF_LSTM["schedule"],
    "batch_size": _OF_LSTM["batch_size"],
    "weight_decay": choice(
        0.0,
        0.02,
        0.05,
        0.1,
        unit="share × learning rate",
        why="at 2e-3 they take 0 to 15 % off the weights in 15 epochs",
    ),
    "label_smoothing": _OF_LSTM["label_smoothing"],
    "conv_dropout": _OF_CNN["conv_dropout"],
    "augmentation": _OF_CNN["augmentation"],
    "word_dropout": uniform(
        0.0, 0.6, step=0.1, unit="share of words", why="no genre should hang on one word that few films use"
    ),
    "embedding_dropout": _OF_LSTM["embedding_dropout"],
    "branch_dropout": uniform(
        0.0, 0.7, step=0.05, unit="share of features", why="neither branch should lean on a few of the other's films"
    ),
    "fusion_dropout": uniform(
        0.0, 0.8, step=0.05, unit="share of activations", why="the last layer before the output, as in both models"
    ),
    "modality_dropout": choice(
        0.05, 0.1, 0.15, 0.25, unit="share of films", why="makes each branch learn by itself; much of it starves both"
    ),
}
"""What a sweep varies: what holds back overfitting, and how fast it learns. The shape stays."""


def build(config: FusionGMU, *, genres: int, units: Mapping[str, int] | None = None) -> keras.Model:
    """Build the network: {"poster", "tokens"} -> probabilities [batch, genres].

    "poster" is uint8 or float [batch, height, width, 3] in 0..255, "tokens" int32 [batch, tokens], 0 = padding on the
    right. The branches meet in a gated multimodal unit (Arevalo et al. 2017, "Gated Multimodal Units for Information
    Fusion", eq. 2-5): h = z * tanh(W_v v) + (1 - z) * tanh(W_t t) with z = sigmoid(W_z [v, t]).

    A poster that is all black and an overview without a known word are absent: their branches are then left out of
    the result, whatever they hold (`modality_dropout.MissingModality`), so that serving needs no further input.

    With backbones both inputs are what these made of a film, of `units` each: "poster" float [batch, 2, units] of it
    and of its mirror image, all 0 = absent, "tokens" float [batch, tokens, units], all 0 = padding, and of at most two
    tokens (the first and the last, which stand around any overview) = absent.
    """
    # Imported here and not above, so that reading the options costs no TensorFlow import (5 s).
    import keras
    from keras import layers

    from genre_models.layers.modality_dropout import MissingModality

    poster_branch, overview_branch = config.poster_branch, config.overview_branch
    if units:
        poster = keras.Input((2, units["poster"]), name="poster")
        tokens = keras.Input((None, units["tokens"]), name="tokens")
        of_poster = poster_cnn.evaluated(poster_branch, poster)
        of_overview = overview_lstm.evaluated(overview_branch, _never_all_padding(tokens))
    else:
        poster = keras.Input((config.height, config.width, 3), name="poster")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        of_poster = poster_cnn.features(poster_branch, poster)
        of_overview = overview_lstm.features(overview_branch, _never_empty(tokens))
    absent = MissingModality(config.modality_dropout, name="absent_modalities")
    v, t, is_read = absent(of_poster, of_overview, poster, tokens)
    seen = layers.Dense(config.fusion_units, activation="tanh", use_bias=False, name="seen")(v)
    read = layers.Dense(config.fusion_units, activation="tanh", use_bias=False, name="read")(t)
    gate = layers.Dense(config.fusion_units, activation="sigmoid", name="gate")(layers.Concatenate()([v, t]))
    x = gate * seen + (1 - gate) * read
    x = layers.Dropout(config.fusion_dropout)(x)
    # float32 whatever the precision of the layers before: probabilities near 0 and 1 decide the loss.
    logits = layers.Dense(genres, dtype="float32", name="genres")(x)
    if config.bow_logits:
        logits = logits + is_read * overview_lstm.bow_logits(overview_branch, tokens, genres)
    outputs = layers.Activation("sigmoid", dtype="float32")(logits)
    return keras.Model({"poster": poster, "tokens": tokens}, outputs, name="fusion_gmu")


def _never_empty(tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Return tokens with an unknown word in the place of a first one missing: cuDNN's LSTM refuses to read nothing."""
    from keras import ops

    return ops.concatenate([ops.maximum(tokens[:, :1], 1), tokens[:, 1:]], axis=1)


def _never_all_padding(states: keras.KerasTensor) -> keras.KerasTensor:
    """Return vectors of tokens with ones in the place of a first one missing: see `_never_empty`."""
    from keras import ops

    first = states[:, :1]
    is_there = ops.any(ops.not_equal(first, 0), axis=-1, keepdims=True)
    return ops.concatenate([ops.where(is_there, first, ops.ones_like(first)), states[:, 1:]], axis=1)
