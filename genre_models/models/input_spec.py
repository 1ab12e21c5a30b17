"""The inputs of a model, resolved once from its options and kept in its checkpoint.

Reading, caching and batching films, predicting and exporting ask this description, never the options.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from genre_models.encoders.encoder import Backbone, Source
from genre_models.encoders.registry import image_encoder, text_encoder

ONLY = "inputs"
"""Name of the input of a model that has only one."""
POSTER_VIEWS = 2
"""Features of a poster: of itself and of its mirror image."""
ENCODER_OPTIONS = (
    *("backbone", "backbone_weights", "trainable_blocks"),
    *("poster_backbone", "poster_weights", "overview_backbone", "overview_weights"),
)
"""The options of all kinds of model that select an encoder or its weights."""
_UNLIMITED_IDS = 2**31 - 1


@dataclass(frozen=True)
class InputEncoder:
    """The pretrained encoder of an input: frozen, or inside the model and fine-tuned."""

    backbone: Backbone
    input: str
    """Size of its input as a word, such as "192x128" or "256-tokens"."""
    trainable_blocks: int = 0
    """Number of its last blocks that train; 0 for a frozen one."""
    digest: str = ""
    """SHA-256 of its weights (fine-tuned: of the initial ones); empty until they are read."""


@dataclass(frozen=True)
class ModelInput:
    """One input of a model."""

    name: str
    """Column of a block and key of a batch: "inputs" for the only one; of a joint model "poster" and "tokens"."""
    source: Source
    """Column of the store that it is made of."""
    form: str
    """Pixels of the poster ("pixels"), ids of the overview's tokens ("token_ids"), the features that a frozen encoder
    made of either ("features"), or another key of `datasets.batches.film_inputs.FORMS`."""
    shape: tuple[int | None, ...]
    """Of one film: pixels (height, width, 3), ids (None,), features of a poster (2, units) or of tokens (None, units).
    None is a length that varies from film to film, and units that are not known yet."""
    dtype: str
    encoder: InputEncoder | None = None
    tokenizer: str = ""
    """Of token ids: the way to split overviews, or "encoder" for the fine-tuned encoder's own tokenizer."""
    vocabulary_size: int = 0
    """Number of ids of the model's own vocabulary; 0 without one."""
    min_count: int = 0
    """Words less frequent in the training overviews are not in the vocabulary."""
    max_tokens: int = 0
    """Maximum length in tokens; 0 for a poster."""
    optional: bool = False
    """Whether a film may lack it: an all-black poster, an overview without a known word."""

    @property
    def by_length(self) -> bool:
        """Return whether its length varies, so that films of similar length share a batch."""
        return self.shape[0] is None

    @property
    def num_token_ids(self) -> int:
        """Return the number of valid token ids; unlimited for an encoder's own tokenizer."""
        return self.vocabulary_size or _UNLIMITED_IDS

    @property
    def units(self) -> int:
        """Return the length of a feature vector; 0 where it is not known yet, or for other forms."""
        return (self.shape[-1] or 0) if self.form == "features" else 0

    @property
    def film_bytes(self) -> int:
        """Return the most bytes of one film, with its length; 0 for features, whose size the store knows."""
        if self.is_frozen:
            return 0
        sizes = [self.max_tokens if size is None else size for size in self.shape]
        return math.prod(sizes) * np.dtype(self.dtype).itemsize + (4 if self.by_length else 0)

    @property
    def is_frozen(self) -> bool:
        """Return whether it is the features of a frozen encoder."""
        return self.form == "features"

    @property
    def is_fine_tuned(self) -> bool:
        """Return whether the model contains its encoder, whose last blocks train."""
        return self.encoder is not None and not self.is_frozen

    def with_digest(self, digest: str) -> ModelInput:
        """Return the input with the digest of its encoder's weights."""
        assert self.encoder is not None
        return replace(self, encoder=replace(self.encoder, digest=digest))

    def with_units(self, units: int) -> ModelInput:
        """Return the features with the length of their vectors."""
        return replace(self, shape=(*self.shape[:-1], units or None))

    def completed_by(self, known: ModelInput | None) -> ModelInput:
        """Return the input with the facts of a known one that has the same encoder: they are not among the options."""
        mine, theirs = self.encoder, known.encoder if known else None
        if mine is None or theirs is None or known is None or mine.backbone != theirs.backbone:
            return self
        own = replace(self, encoder=replace(mine, input=theirs.input, digest=theirs.digest))
        return own.with_units(known.units) if self.is_frozen and known.is_frozen else own


@dataclass(frozen=True)
class InputSpec:
    """All inputs of a model; equal for models that are fed the same films."""

    inputs: tuple[ModelInput, ...] = ()

    def __post_init__(self) -> None:
        if sum(one.by_length for one in self.inputs) > 1:
            raise ValueError("films can be batched by the length of one input, not of several")

    def __iter__(self) -> Iterator[ModelInput]:
        """Yield the inputs."""
        return iter(self.inputs)

    def __getitem__(self, name: str) -> ModelInput:
        """Return an input by its name."""
        return next(one for one in self.inputs if one.name == name)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return the columns of the store that the model depends on."""
        return tuple(dict.fromkeys(one.source for one in self.inputs))

    @property
    def modality(self) -> str:
        """Return the inputs in a word, as pages have it: "poster", "overview" or "both"."""
        return self.sources[0] if len(self.sources) == 1 else "both"

    @property
    def poster_size(self) -> tuple[int, int] | None:
        """Return the (height, width) that the store's posters must have; None where any will do."""
        sizes = [one.shape[:2] for one in self.inputs if one.form == "pixels"]
        return (int(sizes[0][0] or 0), int(sizes[0][1] or 0)) if sizes else None

    @property
    def by_length(self) -> ModelInput | None:
        """Return the input whose length varies; films of similar length share a batch. None without one."""
        return next((one for one in self.inputs if one.by_length), None)

    @property
    def own_vocabulary(self) -> ModelInput | None:
        """Return the token ids of a vocabulary that the training overviews give; None without them."""
        return next((one for one in self.inputs if one.vocabulary_size), None)

    @property
    def pretrained(self) -> tuple[ModelInput, ...]:
        """Return the inputs with an encoder, frozen or fine-tuned."""
        return tuple(one for one in self.inputs if one.encoder is not None)

    @property
    def frozen(self) -> tuple[ModelInput, ...]:
        """Return the inputs that are features of a frozen encoder, which the store keeps."""
        return tuple(one for one in self.inputs if one.is_frozen)

    @property
    def fine_tuned(self) -> tuple[ModelInput, ...]:
        """Return the inputs whose encoder is inside the model."""
        return tuple(one for one in self.inputs if one.is_fine_tuned)

    @property
    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of the weights of each encoder."""
        return tuple(one.encoder.digest for one in self.inputs if one.encoder is not None and one.encoder.digest)

    @property
    def inter_op_parallel(self) -> bool:
        """Return whether inter-op threads help, as for an LSTM's two directions; an encoder is sequential."""
        return self.by_length is not None and not self.fine_tuned

    @property
    def units(self) -> dict[str, Any]:
        """Return the argument for the length of features of the model's `build`: one number, or one by input."""
        units = {one.name: one.units for one in self.frozen if one.units}
        return {"units": units.get(ONLY, units)} if units else {}

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Return the features of frozen encoders by input: {"encoder", "weights": SHA-256, "input", "units"}."""
        return {
            one.name: {
                "encoder": one.encoder.backbone.name,
                "weights": one.encoder.digest,
                "input": one.encoder.input,
                "units": one.units,
            }
            for one in self.frozen
            if one.encoder is not None and one.encoder.digest
        }

    def with_input(self, changed: ModelInput) -> InputSpec:
        """Return the spec with one of its inputs changed."""
        return InputSpec(tuple(changed if one.name == changed.name else one for one in self.inputs))

    def completed_by(self, known: InputSpec) -> InputSpec:
        """Return the spec with the facts of a known one on the same encoders: digests and lengths of vectors."""
        by_name = {one.name: one for one in known}
        return InputSpec(tuple(one.completed_by(by_name.get(one.name)) for one in self.inputs))

    def with_old_facts(self, features: Mapping[str, Any], encoder: str) -> InputSpec:
        """Return the spec with the facts that an older checkpoint kept without a spec.

        `features` is as the property `features`, of the oldest checkpoints the values of a single input; `encoder` is
        the SHA-256 of a fine-tuned encoder.
        """
        by_name = {ONLY: features} if "encoder" in features else features
        spec = self
        for one in self.inputs:
            if one.is_fine_tuned:
                spec = spec.with_input(one.with_digest(encoder))
            elif one.encoder is not None and one.name in by_name:
                known = by_name[one.name]
                encoder_of_it = replace(one.encoder, input=known["input"], digest=known["weights"])
                spec = spec.with_input(replace(one, encoder=encoder_of_it).with_units(known["units"]))
        return spec

    def to_json(self) -> list[dict[str, Any]]:
        """Return the inputs as JSON values."""
        return [asdict(one) for one in self.inputs]

    @classmethod
    def from_json(cls, values: list[dict[str, Any]]) -> InputSpec:
        """Return the inputs from JSON values.

        Raises:
            KeyError, TypeError: they are no such inputs.
        """
        return cls(tuple(_input_from_json(one) for one in values))


def _input_from_json(values: Mapping[str, Any]) -> ModelInput:
    encoder = values["encoder"]
    if encoder is not None:
        encoder = InputEncoder(**{**encoder, "backbone": Backbone(**encoder["backbone"])})
    return ModelInput(**{**values, "shape": tuple(values["shape"]), "encoder": encoder})


# -- from the options -------------------------------------------------------------------------------------------------


def poster_input(config: Any, name: str = ONLY, *, optional: bool = False) -> ModelInput:
    """Return the input of a poster model or branch: pixels, or the views of a frozen encoder.

    `config` is a `PosterCNN`.

    Raises:
        ValueError: the backbone encodes overviews.
    """
    if config.backbone == "none":
        shape = (config.height, config.width, 3)
        return ModelInput(name, "poster", "pixels", shape, "uint8", optional=optional)
    backbone = backbone_of(config)
    encoder = InputEncoder(backbone, image_encoder(backbone).input_size(backbone), config.trainable_blocks)
    if config.trainable_blocks:
        shape = (config.height, config.width, 3)
        return ModelInput(name, "poster", "pixels", shape, "uint8", encoder, optional=optional)
    return ModelInput(name, "poster", "features", (POSTER_VIEWS, None), "float16", encoder, optional=optional)


def overview_input(config: Any, name: str = ONLY, *, optional: bool = False) -> ModelInput:
    """Return the input of an overview model or branch: token ids, or a frozen encoder's vectors.

    `config` is an `OverviewLSTM`.

    Raises:
        ValueError: the backbone encodes posters, or there is none of this name.
    """
    if config.backbone == "none":
        return ModelInput(
            name,
            "overview",
            "token_ids",
            (None,),
            "int32",
            tokenizer=config.tokenizer,
            vocabulary_size=config.vocabulary_size,
            min_count=config.min_count,
            max_tokens=config.max_tokens,
            optional=optional,
        )
    backbone = backbone_of(config)
    encoder = InputEncoder(backbone, text_encoder(backbone).input_size(backbone), config.trainable_blocks)
    of_tokens: dict[str, Any] = {"encoder": encoder, "max_tokens": config.max_tokens, "optional": optional}
    if config.trainable_blocks:
        return ModelInput(name, "overview", "token_ids", (None,), "int32", tokenizer="encoder", **of_tokens)
    return ModelInput(name, "overview", "features", (None, None), "float16", **of_tokens)


def backbone_of(config: Any) -> Backbone:
    """Return the encoder that the options of a model or branch name; only a poster has a size."""
    return Backbone(config.backbone, config.backbone_weights, getattr(config, "height", 0), getattr(config, "width", 0))
