"""A trained model as a tree of parts, each a function on tensors: networks, TF-IDF, ensembles and means.

It gives a film the scores that the predictors of `genre_models.predictors` give it, NaN where they give NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.encoders.encoder import Backbone
from genre_models.encoders.registry import text_encoder
from genre_models.export import frozen_encoders
from genre_models.metrics.baselines import TfidfWeights
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.models.input_spec import ModelInput
from genre_models.predictors import folder as model_folders
from genre_models.predictors.load import folder_info, mean_info
from genre_models.predictors.network import load_frozen
from genre_models.predictors.predictor import ModelInfo
from genre_models.predictors.tfidf import read_weights

_EDGE = 1e-6  # as in `metrics.calibration.logits`
_FURTHEST = float(np.log((1 - _EDGE) / _EDGE))

Size = tuple[int, int]


class ExportError(ValueError):
    """A model that a format cannot hold; the message says which part and why."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a batch of films, as tensors."""

    posters: Mapping[Size, Any]
    """uint8 [n, height, width, 3]."""
    has_poster: Any
    """bool [n]."""
    tokens: Mapping[str, Any]
    """Token ids int32 [n, T] of each network that reads, by its key."""
    has_overview: Any
    """bool [n]."""
    tfidf: Mapping[str, Any]
    """Probabilities float32 [n, genres] of each TF-IDF model, by its key."""


@dataclass(frozen=True)
class Part:
    """A part of a model."""

    key: str
    """Keys of the members that lead to it, such as "lstm"; empty for the whole."""
    info: ModelInfo
    scaling: PlattScaling | None
    store: Mapping[str, Any]
    """The store whose films it learned from."""

    def scores(self, films: Inputs) -> tuple[Any, Any]:
        """Return probabilities float32 [n, genres], and whether they are any, bool [n]."""
        values, able = self._scores(films)
        if self.scaling is not None:
            values = _sigmoid(_logits(values) * _constant(self.scaling.slopes) + _constant(self.scaling.intercepts))
        return values, able

    def _scores(self, films: Inputs) -> tuple[Any, Any]:
        raise NotImplementedError

    def _able(self, films: Inputs) -> Any:
        # Imported here, as everywhere in this file: Keras imports TensorFlow (5 s).
        from keras import ops

        poster, overview = films.has_poster, films.has_overview
        able = ops.zeros_like(poster)
        for with_poster, with_overview in sorted(self.info.scorable):
            is_so = ops.logical_and(ops.equal(poster, with_poster), ops.equal(overview, with_overview))
            able = ops.logical_or(able, is_so)
        return able

    def all_parts(self) -> Iterator[Part]:
        """Yield the part, and all parts of it."""
        yield self


@dataclass(frozen=True)
class NetworkPart(Part):
    """A checkpoint's network, of stock layers."""

    checkpoint: Checkpoint
    model: Any
    """From pixels and token ids, frozen encoders included, to probabilities."""
    tokenizer: str
    """Way to cut overviews into tokens; "encoder" for an encoder's own, empty without overviews."""
    tokenizer_json: str
    """An encoder's own tokenizer, the text of its file."""
    max_tokens: int

    @property
    def poster_size(self) -> Size | None:
        """Return the height and width of its posters; None without."""
        return next(iter(self.info.poster_sizes), None)

    @property
    def reads(self) -> bool:
        """Return whether it takes token ids."""
        return self.info.uses_overview

    def _scores(self, films: Inputs) -> tuple[Any, Any]:
        size = self.poster_size
        given = {
            one.name: films.posters[size] if size and one.source == "poster" else films.tokens[self.key]
            for one in self.checkpoint.inputs
        }
        inputs = given if isinstance(self.model.input, dict) else next(iter(given.values()))
        return self.model(inputs, training=False), self._able(films)


@dataclass(frozen=True)
class TfidfPart(Part):
    """A TF-IDF model, whose scores come from where text is read."""

    weights: TfidfWeights

    def _scores(self, films: Inputs) -> tuple[Any, Any]:
        return films.tfidf[self.key], self._able(films)


@dataclass(frozen=True)
class CombinedPart(Part):
    """An ensemble, or the mean of several models without a stacking model."""

    members: tuple[Part, ...]
    stacking: StackingModel | None

    def all_parts(self) -> Iterator[Part]:
        """Yield the part, and all parts of its members."""
        yield self
        for member in self.members:
            yield from member.all_parts()

    def _scores(self, films: Inputs) -> tuple[Any, Any]:
        from keras import ops

        scored = [member.scores(films) for member in self.members]
        there = [ops.cast(able, "float32")[:, None] for _, able in scored]
        able = sum(there)[:, 0] > 0
        if self.stacking is None:
            total = sum(values * one for (values, _), one in zip(scored, there, strict=True))
            return total / ops.maximum(sum(there), 1.0), able
        return self._stacked([_logits(values) for values, _ in scored], there), able

    def _stacked(self, logits: Sequence[Any], there: Sequence[Any]) -> Any:
        """Fuse the logits; where some are missing, average the others."""
        from keras import ops

        assert self.stacking is not None
        coefficients = self.stacking.coefficients
        fused = sum(z * _constant(c) for z, c in zip(logits, coefficients.T[1:], strict=True))
        weighted = [one * float(weight) for one, weight in zip(there, self.stacking.weights, strict=True)]
        # Members of weight 0 alone count equally.
        nothing = sum(weighted) <= 0
        weighted = [ops.where(nothing, one, weight) for one, weight in zip(there, weighted, strict=True)]
        average = sum(z * weight for z, weight in zip(logits, weighted, strict=True))
        average = average / ops.where(sum(weighted) > 0, sum(weighted), 1.0)
        is_whole = sum(there) > len(there) - 0.5
        return _sigmoid(ops.where(is_whole, fused + _constant(coefficients[:, 0]), average))


def _logits(values: Any) -> Any:
    """Return log(p / (1 - p)) in single precision; clipped as logits, where it is exact near 1 too."""
    from keras import ops

    p = ops.maximum(values, _EDGE)
    return ops.clip(ops.log(p) - ops.log(1.0 - p), -_FURTHEST, _FURTHEST)


def _sigmoid(values: Any) -> Any:
    from keras import ops

    return ops.sigmoid(values)


def _constant(values: np.ndarray) -> np.ndarray:
    # No tensor: a function that is traced would take it for an input.
    return np.asarray(values, np.float32)


# -- reading ----------------------------------------------------------------------------------------------------------


def read_parts(folders: Sequence[Path]) -> Part:
    """Read the model in a local folder, or the mean of the models in several.

    Raises:
        CheckpointError: a folder holds no whole model.
        ExportError: a part cannot leave this project.
    """
    loaded: Loaded = {}
    keys = [""] if len(folders) == 1 else [str(number) for number in range(1, len(folders) + 1)]
    parts = [_read(folder, key, None, loaded) for folder, key in zip(folders, keys, strict=True)]
    if len(parts) == 1:
        return parts[0]
    info = mean_info([part.info for part in parts])
    return CombinedPart("", info, None, parts[0].store, tuple(parts), None)


def _read(folder: Path, key: str, encoders: Path | None, loaded: Loaded) -> Part:
    """Read a model; `encoders` is the model folder that it is a member of, `loaded` the frozen encoders so far."""
    info = folder_info(folder)
    if not (folder / model_folders.MODEL_FILE).is_file():
        return _read_network(folder, key, info, encoders, loaded)
    described = model_folders.read_model_json(folder)
    if described.members is None:
        try:
            return TfidfPart(key, info, described.scaling, described.store, read_weights(folder))
        except (OSError, KeyError, ValueError) as error:
            raise CheckpointError(f"{folder} is not a whole model of film-genres ({error})") from error
    keys = described.stacking.members if described.stacking else tuple(described.members)
    encoders = encoders or folder
    members = [_read(folder / described.members[name], f"{key}_{name}".lstrip("_"), encoders, loaded) for name in keys]
    return CombinedPart(key, info, described.scaling, described.store, tuple(members), described.stacking)


def _read_network(folder: Path, key: str, info: ModelInfo, encoders: Path | None, loaded: Loaded) -> Part:
    from genre_models.export.stock_layers import UnknownLayerError, with_stock_layers

    checkpoint = checkpoints.read(folder)
    try:
        model = with_stock_layers(checkpoints.load_model(folder))
    except UnknownLayerError as error:
        raise ExportError(f"{info.label} cannot be exported: {error}") from error
    one = checkpoint.inputs.by_length
    words, text, most = (one.tokenizer, checkpoint.tokenizer, one.max_tokens) if one else ("", "", 0)
    if checkpoint.inputs.frozen:
        by_name = {one.name: _encoder(one, info, encoders, loaded) for one in checkpoint.inputs.frozen}
        model = _with_encoders(model, checkpoint, {name: encoder.model for name, encoder in by_name.items()})
        if one and one.is_frozen:
            words, text, most = "encoder", by_name[one.name].tokenizer_json, by_name[one.name].max_tokens
    return NetworkPart(key, info, None, checkpoint.store, checkpoint, model, words, text, most)


# -- frozen encoders --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FrozenEncoder:
    """A frozen encoder from pixels or token ids to features."""

    model: Any
    tokenizer_json: str = ""
    max_tokens: int = 0


Loaded = dict[tuple[Backbone, str, Size | None], _FrozenEncoder]
"""Frozen encoders, so that members of an ensemble share one: by backbone, digest and size of the posters."""


def _encoder(one: ModelInput, info: ModelInfo, encoders: Path | None, loaded: Loaded) -> _FrozenEncoder:
    """Return the frozen encoder of an input, loaded once; raises as `load_frozen`."""
    assert one.encoder is not None
    size = next(iter(info.poster_sizes), None) if one.source == "poster" else None
    key = one.encoder.backbone, one.encoder.digest, size

    def load(backbone: Backbone) -> _FrozenEncoder:
        if size is not None:
            return _FrozenEncoder(frozen_encoders.poster_features(backbone, height=size[0], width=size[1]))
        model, max_tokens = frozen_encoders.token_features(backbone)
        tokenizer = text_encoder(backbone).folder(backbone.path) / "tokenizer.json"
        return _FrozenEncoder(model, tokenizer.read_text(encoding="utf-8"), max_tokens)

    if key not in loaded:
        loaded[key] = load_frozen(one, encoders, load)
    return loaded[key]


def _with_encoders(model: Any, checkpoint: Checkpoint, encoders: Mapping[str, Any]) -> Any:
    """Put frozen encoders before a network on features, by the names of its inputs."""
    import keras

    given, features = {}, {}
    for one in checkpoint.inputs:
        encoder = encoders.get(one.name)
        shape, dtype = (encoder.input.shape[1:], encoder.input.dtype) if encoder else (one.shape, one.dtype)
        given[one.name] = keras.Input(shape, dtype=dtype, name=one.name)
        made = encoder(given[one.name]) if encoder else given[one.name]
        features[one.name] = made[:, : one.max_tokens] if one.by_length else made
    outputs = model(features if isinstance(model.input, dict) else next(iter(features.values())))
    return keras.Model(given, outputs, name=f"{model.name}_of_films")
