"""A trained model as a tree of parts, each a function on tensors: networks, TF-IDF, ensembles and means.

It gives a film the scores that the predictors of `genre_models.predictors` give it, NaN where they give NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.export.stock_layers import UnknownLayerError, with_stock_layers
from genre_models.metrics.baselines import TfidfWeights
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors import folder as model_folders
from genre_models.predictors.load import folder_info, mean_info
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
            values = _sigmoid(_constant(self.scaling.slopes) * _logits(values) + _constant(self.scaling.intercepts))
        return values, able

    def _scores(self, films: Inputs) -> tuple[Any, Any]:
        raise NotImplementedError

    def _able(self, films: Inputs) -> Any:
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

    @property
    def poster_size(self) -> Size | None:
        """Return the height and width of its posters; None without."""
        return self.checkpoint.inputs.poster_size

    @property
    def reads(self) -> bool:
        """Return whether it takes token ids."""
        return self.checkpoint.inputs.by_length is not None

    def _scores(self, films: Inputs) -> tuple[Any, Any]:
        size = self.poster_size
        given = {
            one.name: films.posters[size] if size and one.form == "pixels" else films.tokens[self.key]
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
        scored = [member.scores(films) for member in self.members]
        there = [ops.cast(able, "float32")[:, None] for _, able in scored]
        able = sum(there)[:, 0] > 0
        if self.stacking is None:
            total = sum(values * one for (values, _), one in zip(scored, there, strict=True))
            return total / ops.maximum(sum(there), 1.0), able
        return self._stacked([_logits(values) for values, _ in scored], there), able

    def _stacked(self, logits: Sequence[Any], there: Sequence[Any]) -> Any:
        """Fuse the logits; where some are missing, average the others."""
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
    p = ops.maximum(values, _EDGE)
    return ops.clip(ops.log(p) - ops.log(1.0 - p), -_FURTHEST, _FURTHEST)


def _sigmoid(values: Any) -> Any:
    return ops.sigmoid(values)


def _constant(values: np.ndarray) -> Any:
    return ops.convert_to_tensor(np.asarray(values, np.float32))


# -- reading ----------------------------------------------------------------------------------------------------------


def read_parts(folders: Sequence[Path]) -> Part:
    """Read the model in a local folder, or the mean of the models in several.

    Raises:
        CheckpointError: a folder holds no whole model.
        ExportError: a part cannot leave this project.
    """
    parts = [_read(folder, "" if len(folders) == 1 else str(number)) for number, folder in enumerate(folders, 1)]
    if len(parts) == 1:
        return parts[0]
    info = mean_info([part.info for part in parts])
    return CombinedPart("", info, None, parts[0].store, tuple(parts), None)


def _read(folder: Path, key: str) -> Part:
    info = folder_info(folder)
    if not (folder / model_folders.MODEL_FILE).is_file():
        return _read_network(folder, key, info)
    described = model_folders.read_model_json(folder)
    if described.members is None:
        try:
            return TfidfPart(key, info, described.scaling, described.store, read_weights(folder))
        except (OSError, KeyError, ValueError) as error:
            raise CheckpointError(f"{folder} is not a whole model of film-genres ({error})") from error
    keys = described.stacking.members if described.stacking else tuple(described.members)
    members = [_read(folder / described.members[name], f"{key}_{name}".lstrip("_")) for name in keys]
    return CombinedPart(key, info, described.scaling, described.store, tuple(members), described.stacking)


def _read_network(folder: Path, key: str, info: ModelInfo) -> Part:
    checkpoint = checkpoints.read(folder)
    if checkpoint.inputs.frozen:
        names = " and ".join(one.encoder.backbone.name for one in checkpoint.inputs.frozen if one.encoder)
        raise ExportError(
            f"{info.label} reads the features of a frozen encoder ({names}), which is not part of it and cannot be "
            "exported: a fine-tuned one can (--trainable-blocks)"
        )
    try:
        model = with_stock_layers(checkpoints.load_model(folder))
    except UnknownLayerError as error:
        raise ExportError(f"{info.label} cannot be exported: {error}") from error
    return NetworkPart(key, info, None, checkpoint.store, checkpoint, model)
