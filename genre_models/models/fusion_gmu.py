"""The joint model: a poster branch and an overview branch, weighted for each film by a learned gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from genre_models.encoders.registry import ImageBackbone, TextBackbone
from genre_models.models import overview_lstm, poster_cnn
from genre_models.models.input_spec import InputSpec, overview_input, poster_input
from genre_models.models.option_checks import check_numbers, check_types
from genre_models.models.overview_lstm import OverviewBranch, OverviewLSTM, Pooling, Tokenizer
from genre_models.models.poster_cnn import PosterBranch, PosterCNN
from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class FusionGMU(OverviewBranch, PosterBranch):
    """Options of the joint model. With 25 genres the defaults give 3,127,993 parameters."""

    # Options of the branches whose defaults are others here; their descriptions are those of the branches.
    augmentation: float = 0.5
    stem_filters: int = 32
    block_filters: tuple[int, ...] = (32, 64, 128, 256)
    residual: bool = True
    normalization: Literal["none", "batch", "group"] = "batch"
    conv_dropout: float = 0.0
    tokenizer: Tokenizer = "words"
    min_count: int = 2
    max_tokens: int = 128
    embedding_units: int = 128
    word_dropout: float = 0.4
    embedding_dropout: float = 0.3
    lstm_dropout: float = 0.0
    recurrent_dropout: float = 0.0

    poster_pooling: Literal["flatten", "mean", "mean_max"] = "mean"
    """Pooling after the last convolution: none (flatten), mean over the poster, or mean and maximum concatenated."""
    poster_units: int = 0
    """Units of the last dense layer of the poster branch; 0 for none."""
    lstm_units: int = 96
    """Units of the LSTM in each direction."""
    overview_pooling: Pooling = "all"
    """Pooling of the LSTM's outputs: the last output; mean and maximum over all tokens; attention; or mean, maximum and
    attention (all)."""
    branch_dropout: float = 0.5
    """Dropout rate of each branch's features before the fusion."""
    fusion_units: int = 256
    """Units of the gated multimodal unit that fuses the branches."""
    fusion_dropout: float = 0.3
    """Dropout rate before the output."""
    bow_logits: bool = False
    """Whether a linear bag-of-words model adds to the logits."""
    init_bias_from_prior: bool = True
    """Whether the initial predictions are each genre's share of the training films, not one half."""
    modality_dropout: float = 0.15
    """Share of training films whose poster is dropped, and as many whose overview is, never both; 0 to 0.5. At 0 a
    film that lacks one of the two is evaluated with an untrained vector."""
    poster_backbone: ImageBackbone = "none"
    """Pretrained image encoder instead of the convolutions, as train_cnn's --backbone: frozen, and only with an
    overview_backbone. augmentation, colour_jitter and random_erasing must then be 0."""
    poster_weights: str = ""
    """Weights of the poster_backbone, as train_cnn's --backbone-weights."""
    overview_backbone: TextBackbone = "none"
    """Pretrained text encoder whose token vectors are the LSTM's inputs, as train_lstm's --backbone: frozen, and only
    together with a poster_backbone. Options of word embeddings then have no effect."""
    overview_weights: str = ""
    """Files of the overview_backbone, as train_lstm's --backbone-weights."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("branch_dropout", "fusion_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if not 0 <= self.modality_dropout <= 0.5:
            raise ValueError(f"modality_dropout must be 0 to 0.5, not {self.modality_dropout}")
        if (self.poster_backbone == "none") != (self.overview_backbone == "none"):
            raise ValueError("poster_backbone and overview_backbone go together: name both, or leave both out")
        if self.overview_backbone != "none" and self.bow_logits:
            raise ValueError("bow_logits are of words' own vectors, not of a backbone's")
        # The branches' configs validate their own options.
        _ = self.poster_branch, self.overview_branch
        check_numbers(self, at_least_1=("lstm_units", "fusion_units"))

    @property
    def poster_branch(self) -> PosterCNN:
        """Return the options of the poster branch as a poster model."""
        return PosterCNN(
            **_options(self, PosterBranch),
            pooling=self.poster_pooling,
            dense_units=self.poster_units,
            dense_layers=1 if self.poster_units else 0,
            dense_dropout=self.branch_dropout,
            backbone=self.poster_backbone,
            backbone_weights=self.poster_weights,
        )

    @property
    def overview_branch(self) -> OverviewLSTM:
        """Return the options of the overview branch as an overview model."""
        return OverviewLSTM(
            **_options(self, OverviewBranch),
            first_lstm_units=self.lstm_units,
            second_lstm_units=0,
            pooling=self.overview_pooling,
            dense_units=0,
            dense_dropout=self.branch_dropout,
            backbone=self.overview_backbone,
            backbone_weights=self.overview_weights,
        )


def _options(config: FusionGMU, branch: type[PosterBranch] | type[OverviewBranch]) -> dict[str, Any]:
    """Return the options that the joint model has from a branch."""
    return {option.name: getattr(config, option.name) for option in fields(branch)}


# Settings shared with the models of the branches.
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
"""Default search space of sweeps: regularisation and learning rate; the architecture is fixed."""


def inputs(config: FusionGMU) -> InputSpec:
    """Return the model's inputs, of which a film may lack either."""
    poster, overview = config.poster_branch, config.overview_branch
    return InputSpec((poster_input(poster, "poster", optional=True), overview_input(overview, "tokens", optional=True)))


def build(config: FusionGMU, *, genres: int, units: Mapping[str, int] | None = None) -> keras.Model:
    """Build the network: {"poster", "tokens"} -> probabilities [batch, genres].

    "poster" is uint8 or float [batch, height, width, 3] in 0..255, "tokens" int32 [batch, tokens], 0 = padding on the
    right. A gated multimodal unit fuses the branches (Arevalo et al. 2017, "Gated Multimodal Units for Information
    Fusion", eq. 2-5): h = z * tanh(W_v v) + (1 - z) * tanh(W_t t) with z = sigmoid(W_z [v, t]).

    An all-black poster and an overview without a known word count as missing: their branch's features are replaced
    (`modality_dropout.MissingModality`), so that serving needs no mask input.

    With backbones the inputs are their features, with `units` for each: "poster" float [batch, 2, units] of the poster
    and its mirror image, all 0 = missing; "tokens" float [batch, tokens, units], all 0 = padding, at most two tokens
    (the special tokens around any overview) = missing.
    """
    # Imported here so that reading the options does not import TensorFlow (5 s).
    import keras
    from keras import layers

    from genre_models.layers.modality_dropout import MissingModality

    poster_branch, overview_branch = config.poster_branch, config.overview_branch
    if units:
        poster = keras.Input((2, units["poster"]), name="poster")
        tokens = keras.Input((None, units["tokens"]), name="tokens")
        of_poster = poster_cnn.from_frozen_features(poster_branch, poster)
        of_overview = overview_lstm.from_frozen_features(overview_branch, _never_all_padding(tokens))
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
    # float32 at any layer precision: probabilities near 0 and 1 dominate the loss.
    logits = layers.Dense(genres, dtype="float32", name="genres")(x)
    if config.bow_logits:
        logits = logits + is_read * overview_lstm.bow_logits(overview_branch, tokens, genres)
    outputs = layers.Activation("sigmoid", dtype="float32")(logits)
    return keras.Model({"poster": poster, "tokens": tokens}, outputs, name="fusion_gmu")


def _never_empty(tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Replace a missing first token by an unknown word: cuDNN's LSTM rejects empty sequences."""
    from keras import ops

    return ops.concatenate([ops.maximum(tokens[:, :1], 1), tokens[:, 1:]], axis=1)


def _never_all_padding(states: keras.KerasTensor) -> keras.KerasTensor:
    """Replace a missing first token vector by ones, as `_never_empty`."""
    from keras import ops

    first = states[:, :1]
    is_there = ops.any(ops.not_equal(first, 0), axis=-1, keepdims=True)
    return ops.concatenate([ops.where(is_there, first, ops.ones_like(first)), states[:, 1:]], axis=1)
