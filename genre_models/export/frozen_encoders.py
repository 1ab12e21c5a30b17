"""Frozen encoders as Keras models from posters and token ids to stored features.

Posters of the store's size and token ids in, features as they are stored out: so a model on features takes films.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from genre_models.encoders.encoder import Backbone
from genre_models.encoders.registry import image_encoder, text_encoder

if TYPE_CHECKING:
    import keras

_BITS = 22  # of a weight's fraction, in Pillow's Resample.c
_REACH = 2.0  # of the bicubic filter, in pixels
_SLOPE = -0.5  # a of the bicubic filter


def poster_features(backbone: Backbone, *, height: int, width: int) -> keras.Model:
    """Build an encoder of a store's posters: uint8 [B, height, width, 3] -> float32 [B, 2, units].

    The features are of the poster, resized to the encoder's input, and of its mirror image, rounded to float16; 0 for a
    poster that is all black. Raises as `Encoder.build`.
    """
    import keras
    from keras import ops

    network = image_encoder(backbone).build(backbone)
    posters = keras.Input((height, width, 3), dtype="uint8", name="posters")
    seen = resized(posters, height=backbone.height, width=backbone.width)
    pixels = ops.cast(seen, "float32")
    both = network(ops.concatenate([pixels, ops.flip(pixels, axis=2)], axis=0))
    views = ops.transpose(ops.reshape(both, (2, -1, both.shape[-1])), (1, 0, 2))
    is_there = ops.any(ops.not_equal(seen, 0), axis=(1, 2, 3))[:, None, None]
    return keras.Model(posters, _stored(ops.where(is_there, views, 0.0)), name=f"{network.name}_of_posters")


def token_features(backbone: Backbone) -> tuple[keras.Model, int]:
    """Build an encoder of overviews: ids of its tokenizer int32 [B, T], 0 = padding -> float32 [B, T, units].

    The features are rounded to float16, and 0 at padding. Raises as `Encoder.build`.

    Returns:
        The model, and the most tokens of an overview that are encoded for a store.
    """
    import keras
    from keras import ops

    encoder = text_encoder(backbone)
    network = encoder.build(backbone)
    ids = keras.Input((None,), dtype="int32", name="ids")
    states = ops.where(ops.not_equal(ids, 0)[:, :, None], network(ids), 0.0)
    most = min(encoder.max_tokens, encoder.positions(network))
    return keras.Model(ids, _stored(states), name=f"{network.name}_of_tokens"), most


def _stored(features: Any) -> Any:
    """Round features as a store keeps them."""
    from keras import ops

    return ops.cast(ops.cast(features, "float16"), "float32")


def resized(posters: Any, *, height: int, width: int) -> Any:
    """Resize posters by Pillow's bicubic filter: uint8 [B, h, w, 3] -> int32 [B, height, width, 3] in 0..255.

    Whole numbers alone: so that every runtime has the same pixels.
    """
    from keras import ops

    pixels = ops.cast(posters, "int32")
    across, down = (2, width), (1, height)
    for axis, size in (down, across) if _height_first(posters.shape[1:3], height, width) else (across, down):
        pixels = _filtered(pixels, axis, size)
    return pixels


def _height_first(shape: tuple[int, int], height: int, width: int) -> bool:
    """Return whether the installed Pillow filters along the height first: new ones do for a high picture."""
    if shape[0] - height <= 2 * max(0, shape[1] - width):
        return False
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    picture, kernel = Image.fromarray(noise), Image.Resampling.BICUBIC
    steps = picture.resize((shape[1], height), kernel).resize((width, height), kernel)
    return np.array_equal(np.asarray(picture.resize((width, height), kernel)), np.asarray(steps))


def _filtered(pixels: Any, axis: int, size: int) -> Any:
    """Filter int32 [B, h, w, 3] along an axis to a size, in fixed point."""
    from keras import ops

    if pixels.shape[axis] == size:
        return pixels
    places, weights = _taps(pixels.shape[axis], size)
    # Neighbours of each result, on an axis of their own behind it.
    near = ops.take(pixels, places, axis=axis)
    sums = ops.sum(near * weights.reshape(size, -1, *[1] * (3 - axis)), axis=axis + 1)
    # A negative sum is 0 in the end, so that the division need not say what it does with one.
    return ops.minimum(ops.floor_divide(ops.maximum(sums + 2 ** (_BITS - 1), 0), 2**_BITS), 255)


def _taps(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places and weights of the values for each result: int32 [after, taps], weights in units of 2^-22.

    As `precompute_coeffs` of Pillow's Resample.c.
    """
    scale = before / after
    wide = max(scale, 1.0)
    taps = 2 * math.ceil(_REACH * wide) + 1
    places, weights = np.zeros((after, taps), np.int32), np.zeros((after, taps), np.int32)
    for result in range(after):
        center = (result + 0.5) * scale
        first = max(0, int(center - _REACH * wide + 0.5))
        last = min(before, int(center + _REACH * wide + 0.5))
        values = [_bicubic((place - center + 0.5) / wide) for place in range(first, last)]
        shares = [value / sum(values) for value in values]
        places[result, : last - first] = range(first, last)
        weights[result, : last - first] = [int(share * 2**_BITS + math.copysign(0.5, share)) for share in shares]
    return places, weights


def _bicubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return ((_SLOPE + 2) * x - (_SLOPE + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * _SLOPE if x < 2 else 0.0
