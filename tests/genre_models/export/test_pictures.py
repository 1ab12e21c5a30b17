"""Posters decoded in a TensorFlow graph, and by the file beside an artefact, have the pixels of the film store."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from datasets.raw.posters import decode_poster
from genre_models.export import pictures, preprocessing

SIZES = [(64, 64), (48, 32), (8, 6)]


@functools.cache
def files() -> tuple[bytes, ...]:
    """Files of many sizes: upright and wide, smaller than the result, and large enough for each shortcut."""
    draw = np.random.default_rng(1)
    made = []
    shapes = [(199, 128), (128, 199), (192, 128), (31, 200), (7, 5), (64, 64), (600, 400), (90, 333), (1100, 800)]
    for number, (height, width) in enumerate([*shapes, *shapes]):
        areas = draw.integers(0, 256, (max(2, height // 7), max(2, width // 7), 4)).astype(np.uint8)
        picture = Image.fromarray(areas).resize((width, height), Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        match number % 6:
            case 0:
                picture.convert("RGB").save(stream, "JPEG", quality=70, subsampling=number % 3)
            case 1:
                picture.convert("L").save(stream, "JPEG", quality=40)
            case 2:
                picture.save(stream, "PNG")
            case 3:
                picture.convert("RGB").convert("P").save(stream, "PNG")
            case 4:
                picture.convert("LA").save(stream, "PNG")
            case 5:
                picture.convert("RGB").save(stream, "JPEG", quality=95)
        made.append(stream.getvalue())
    return tuple(made)


def graph(size: tuple[int, int]) -> Any:
    spec = tf.TensorSpec((None,), tf.string)
    return tf.function(lambda data: pictures.decoded(data, *size), input_signature=[spec], autograph=False)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pixels_are_those_of_the_film_store(size: tuple[int, int]) -> None:
    wanted = np.stack([decode_poster(data, height=size[0], width=size[1]) for data in files()])
    np.testing.assert_array_equal(graph(size)(tf.constant(files())).numpy(), wanted)
    beside = [preprocessing.poster_pixels(data, height=size[0], width=size[1]) for data in files()]
    np.testing.assert_array_equal(np.stack(beside), wanted)


def test_no_file_is_black_and_no_picture_is_an_error() -> None:
    decoded = graph((8, 6))
    assert not decoded(tf.constant([b""])).numpy().any()
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoded(tf.constant([b"no picture"]))


def test_the_order_of_the_sides_is_that_of_the_installed_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A high picture has other pixels where the order is mistaken: so that the order is checked at all."""
    draw = np.random.default_rng(0)
    picture = draw.integers(0, 256, (200, 100, 3)).astype(np.uint8)
    wanted = np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.LANCZOS, reducing_gap=2.0))
    np.testing.assert_array_equal(pictures.resized(picture, 64, 64).numpy(), wanted)
    chooses = pictures.pillow_chooses_order()
    monkeypatch.setattr(pictures, "pillow_chooses_order", lambda: not chooses)
    assert (pictures.resized(picture, 64, 64).numpy() != wanted).any()


def test_sideways_pictures_are_turned_by_the_file_beside_an_artefact() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    picture.save(stream, "JPEG", exif=exif)
    wanted = decode_poster(stream.getvalue(), height=8, width=6)
    np.testing.assert_array_equal(preprocessing.poster_pixels(stream.getvalue(), height=8, width=6), wanted)
