"""Encoders inside a model, whose last blocks train with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genre_models.encoders.encoder import Backbone
from genre_models.encoders.registry import encoder_of

if TYPE_CHECKING:
    import keras

_ENCODER = "encoder"  # its layer name in a fine-tuned model


def trainable_encoder(backbone: Backbone, *, last: int) -> keras.Model:
    """Return an encoder as part of a model, with only its last blocks trainable.

    It maps as `encoder.Encoder.build` says. Batch normalisation stays frozen (scale, shift, statistics): a few thousand
    films estimate it worse.

    Args:
        backbone: the encoder.
        last: number of trainable blocks, the last of the encoder's `stages`.

    Raises:
        FileNotFoundError, ImportError, OSError, ValueError: as `Encoder.build`, or the encoder has fewer blocks.
    """
    encoder = encoder_of(backbone.name)
    model = encoder.build(backbone)
    stages = encoder.stages(model)
    if last > len(stages):
        raise ValueError(f"--trainable-blocks {last}: {backbone.name} has {len(stages)} layers to train further")
    trained = {id(layer) for stage in stages[-last:] for layer in stage if not _normalises(layer)}
    for layer in encoder.network(model).layers:
        layer.trainable = id(layer) in trained
    model.name = _ENCODER
    return model


def _normalises(layer: keras.Layer) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


def find_encoder(model: keras.Model) -> keras.Model | None:
    """Return the encoder inside a model, or None without one."""
    return next((layer for layer in model.layers if layer.name == _ENCODER), None)
