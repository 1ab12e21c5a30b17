"""Decoding and resizing of posters in a TensorFlow graph, to the film store's pixels.

`tf.image` resizes in other ways than Pillow, so its arithmetic is written out here: averages over whole pixels, then a
Lanczos filter in 22-bit fixed point along either side (Pillow's Reduce.c and Resample.c).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

# Decoding at 9/8 of the size or more; see `datasets.raw.posters`.
_SPARE, _SPARE_OF = 9, 8
_GAP = 2.0  # averages leave at least twice the size for the filter
_LOBES = 3.0
_BITS = 22  # of a weight's fraction


def decoded(files: Any, height: int, width: int) -> Any:
    """Decode JPEG and PNG files, string [n], to posters uint8 [n, height, width, 3]; empty files are all black.

    Transparency is put on white. An EXIF orientation is not applied: files are taken as upright.
    """

    def decode(file: Any) -> Any:
        nothing = tf.zeros((height, width, 3), tf.uint8)
        return tf.cond(
            tf.equal(file, b""), lambda: nothing, lambda: resized(_pixels(file, height, width), height, width)
        )

    return tf.map_fn(decode, files, fn_output_signature=tf.TensorSpec((height, width, 3), tf.uint8))


def _pixels(file: Any, height: int, width: int) -> Any:
    """Decode one file to uint8 [h, w, 3]; a large JPEG at 1/2, 1/4 or 1/8 of its size."""
    is_jpeg = tf.equal(tf.strings.substr(file, 0, 2), b"\xff\xd8")
    return tf.cond(is_jpeg, lambda: _jpeg(file, height, width), lambda: _png(file))


def _jpeg(file: Any, height: int, width: int) -> Any:
    shape = tf.io.extract_jpeg_shape(file)
    high, wide = (-(-_SPARE * size // _SPARE_OF) for size in (height, width))
    room = tf.minimum(shape[0] // high, shape[1] // wide)
    step = tf.cast(room >= 2, tf.int32) + tf.cast(room >= 4, tf.int32) + tf.cast(room >= 8, tf.int32)

    def at(ratio: int) -> Any:
        return lambda: tf.io.decode_jpeg(file, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")

    return tf.switch_case(step, [at(1), at(2), at(4), at(8)])


def _png(file: Any) -> Any:
    pixels = tf.cast(tf.io.decode_png(file, channels=4), tf.int32)
    colours, opacity = pixels[:, :, :3], pixels[:, :, 3:]
    value = 255 * (255 - opacity) + colours * opacity + 128
    return tf.cast((value // 256 + value) // 256, tf.uint8)


def resized(pixels: Any, height: int, width: int) -> Any:
    """Resize uint8 [h, w, 3] to uint8 [height, width, 3] as Pillow's `resize(LANCZOS, reducing_gap=2)` does."""
    shape = tf.shape(pixels)
    sizes = [shape[0], shape[1]]
    factors = [
        tf.maximum(1, tf.cast(tf.cast(size, tf.float64) / wanted / _GAP, tf.int32))
        for size, wanted in zip(sizes, (height, width), strict=True)
    ]
    small = _averaged(pixels, factors)
    # Ends in fractions of a pixel, which Pillow keeps in single precision.
    ends = [
        tf.cast(tf.cast(tf.cast(size, tf.float64) / tf.cast(factor, tf.float64), tf.float32), tf.float64)
        for size, factor in zip(sizes, factors, strict=True)
    ]

    def across(values: Any) -> Any:
        return tf.transpose(_filtered(tf.transpose(values, (1, 0, 2)), ends[1], width), (1, 0, 2))

    def down(values: Any) -> Any:
        return _filtered(values, ends[0], height)

    result = tf.cond(
        _height_first(tf.shape(small), height, width), lambda: across(down(small)), lambda: down(across(small))
    )
    return tf.cast(tf.ensure_shape(result, (height, width, 3)), tf.uint8)


def _height_first(shape: Any, height: int, width: int) -> Any:
    """Return whether Pillow filters along the height first: bool scalar; the result is rounded in between."""
    if not pillow_chooses_order():
        return tf.constant(False)
    return shape[0] - height > 2 * tf.maximum(0, shape[1] - width)


@functools.cache
def pillow_chooses_order() -> bool:
    """Return whether the installed Pillow filters a high picture along its height first; older ones never do."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 12)).astype(np.uint8)
    picture = Image.fromarray(noise)
    kernel = Image.Resampling.LANCZOS
    steps = picture.resize((8, 40), kernel).resize((8, 8), kernel)
    return not np.array_equal(np.asarray(picture.resize((8, 8), kernel)), np.asarray(steps))


def _averaged(pixels: Any, factors: list[Any]) -> Any:
    """Average over cells of whole pixels, those at the right and lower edge smaller: int64 [h', w', 3]."""
    sums = tf.cast(pixels, tf.int32)
    counts = tf.ones((1, 1, 1), tf.int64)
    for axis, factor in enumerate(factors):
        size = tf.shape(pixels)[axis]
        cells = -(-size // factor)
        widths = tf.minimum(factor, size - tf.range(cells) * factor)
        counts *= tf.cast(tf.reshape(widths, (-1, 1, 1) if axis == 0 else (1, -1, 1)), tf.int64)
        sums = _summed(sums, factor, cells, axis)
    # 2^24 by the count, in single precision and cut off, as there.
    shares = tf.cast(tf.constant(2.0**32, tf.float32) / tf.cast(256 * counts, tf.float32), tf.int64)
    return (tf.cast(sums, tf.int64) + counts // 2) * shares // 2**24


def _summed(values: Any, factor: Any, cells: Any, axis: int) -> Any:
    """Sum `factor` neighbouring values along an axis of [h, w, c]; the last sum may have fewer."""
    shape = tf.shape(values)
    missing = cells * factor - shape[axis]
    values = tf.pad(values, [[0, missing if place == axis else 0] for place in range(3)])
    parts = tf.reshape(values, tf.concat([shape[:axis], [cells, factor], shape[axis + 1 :]], 0))
    return tf.reduce_sum(parts, axis=axis + 1)


def _filtered(values: Any, end: Any, size: int) -> Any:
    """Filter int64 [n, ...] along the first axis to [size, ...]; `end` is the values' end."""
    weights = _weights(tf.shape(values)[0], end, size)
    shape = tf.shape(values)
    flat = tf.reshape(tf.cast(values, tf.float64), (shape[0], -1))
    # Whole numbers below 2^53: exact in double precision.
    sums = tf.linalg.matmul(weights, flat) + 2 ** (_BITS - 1)
    result = tf.clip_by_value(tf.floor(sums / 2**_BITS), 0, 255)
    return tf.cast(tf.reshape(result, tf.concat([[size], shape[1:]], 0)), tf.int64)


def _weights(number: Any, end: Any, size: int) -> Any:
    """Return the weights of values for each result: float64 [size, number], in units of 2^-22."""
    scale = end / size
    wide = tf.maximum(scale, 1.0)
    support = _LOBES * wide
    centers = (tf.range(size, dtype=tf.float64) + 0.5)[:, None] * scale
    first = tf.maximum(_whole(centers - support + 0.5), 0.0)
    last = tf.minimum(_whole(centers + support + 0.5), tf.cast(number, tf.float64))
    places = tf.range(tf.cast(number, tf.float64), dtype=tf.float64)[None]
    weights = _lanczos((places - centers + 0.5) * (1.0 / wide))
    weights = tf.where((places >= first) & (places < last), weights, 0.0)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    return _whole(weights * 2.0**_BITS + tf.where(weights < 0, tf.constant(-0.5, tf.float64), 0.5))


def _whole(values: Any) -> Any:
    """Cut off the fraction, toward 0."""
    return tf.sign(values) * tf.floor(tf.abs(values))


def _lanczos(x: Any) -> Any:
    inside = (x >= -_LOBES) & (x < _LOBES)
    return tf.where(inside, _sinc(x) * _sinc(x / _LOBES), 0.0)


def _sinc(x: Any) -> Any:
    turned = x * math.pi
    is_zero, one = tf.equal(x, 0), tf.constant(1.0, tf.float64)
    return tf.where(is_zero, one, tf.sin(turned) / tf.where(is_zero, one, turned))
