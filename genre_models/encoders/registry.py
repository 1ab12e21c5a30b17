"""The registry of pretrained encoders: the values of the options for a backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from genre_models.encoders.efficientnet_lite import EfficientNetLite
from genre_models.encoders.encoder import Backbone, Encoder, ImageEncoder, Source, TextEncoder
from genre_models.encoders.image_tower import ImageTower
from genre_models.encoders.keras_applications import KerasApplication
from genre_models.encoders.minilm import Bert, MiniLM
from genre_models.encoders.mpnet import MPNet

ENCODERS: dict[str, Encoder] = {
    encoder.name: encoder
    for encoder in (
        MiniLM(),
        MPNet(),
        Bert(),
        *(EfficientNetLite(variant) for variant in range(3)),
        ImageTower("clip"),
        ImageTower("siglip"),
    )
}
"""Encoders by name. Any other name is that of a class of keras.applications, which only Keras can check."""


def names(source: Source) -> tuple[str, ...]:
    """Return the names of the registered encoders of posters or of overviews."""
    return tuple(name for name, encoder in ENCODERS.items() if encoder.source == source)


def encoder_of(name: str) -> Encoder:
    """Return an encoder by name; an unregistered one is a class of keras.applications."""
    return ENCODERS.get(name) or KerasApplication(name)


def image_encoder(backbone: Backbone) -> ImageEncoder:
    """Return the encoder of posters that a backbone names.

    Raises:
        ValueError: it is an encoder of overviews.
    """
    encoder = encoder_of(backbone.name)
    if not isinstance(encoder, ImageEncoder):
        raise ValueError(f"backbone {backbone.name} encodes overviews, not posters")
    return encoder


def text_encoder(backbone: Backbone) -> TextEncoder:
    """Return the encoder of overviews that a backbone names.

    Raises:
        ValueError: it is none.
    """
    encoder = ENCODERS.get(backbone.name)
    if not isinstance(encoder, TextEncoder):
        raise ValueError(f"backbone must be one of none, {', '.join(names('overview'))}, not {backbone.name!r}")
    return encoder


# The choices that a command line's help lists.
if TYPE_CHECKING:
    TextBackbone = str
    ImageBackbone = str
else:
    TextBackbone = Literal[("none", *names("overview"))]
    ImageBackbone = Literal[("none", *names("poster"))] | str
