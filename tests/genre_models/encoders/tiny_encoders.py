"""Tiny encoders with random weights, which take the places of the pretrained ones in `registry.ENCODERS`."""

from __future__ import annotations

from pathlib import Path

import keras

from genre_models.encoders import minilm
from genre_models.encoders.encoder import Backbone, ImageEncoder
from genre_models.encoders.minilm import MiniLM
from tests.genre_models.encoders.test_minilm import CONFIG

DIGEST = "of-a-tiny-encoder"


class TinyImages(ImageEncoder):
    """A convolution: features of 5 units."""

    name = "efficientnet-lite0"
    digest_needs_keras = True

    def weights_file(self, given: Path | None) -> Path:
        raise AssertionError(f"it has no file: {given}")

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        return [model.layers]

    def digest(self, backbone: Backbone) -> str:
        del backbone
        return DIGEST

    def build(self, backbone: Backbone) -> keras.Model:
        keras.utils.set_random_seed(0)
        pictures = keras.Input((backbone.height, backbone.width, 3))
        x = keras.layers.Rescaling(1 / 255)(pictures)
        x = keras.layers.Conv2D(5, 3, strides=2, activation="relu")(x)
        # Neither half counts as the other: so a mirrored poster has other features.
        weighted = keras.layers.Conv2D(5, (x.shape[1], x.shape[2]))(x)
        return keras.Model(pictures, keras.layers.Flatten()(weighted), name="tiny_images")


class TinyTexts(MiniLM):
    """A BERT of two layers: vectors of 6 units, 20 token ids, 12 positions."""

    def __init__(self, place: Path | None = None) -> None:
        self._place = place

    def digest(self, backbone: Backbone) -> str:
        del backbone
        return DIGEST

    def folder(self, given: Path | None) -> Path:
        del given
        assert self._place is not None
        return self._place

    def files(self, given: Path | None) -> list[Path]:
        return [self.folder(given) / "tokenizer.json"]

    def build(self, backbone: Backbone) -> keras.Model:
        del backbone
        keras.utils.set_random_seed(0)
        return minilm._network(CONFIG)
