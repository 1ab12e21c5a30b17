"""Posters and overviews as users have them become what a film store holds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets.raw.posters import decode_poster
from genre_models.predictors.films import paired, read_films

SIZES = ((8, 6), (16, 16))


def jpeg(width: int = 40, height: int = 60, **options: Any) -> bytes:
    """A picture of soft colours, which a JPEG keeps."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = (np.stack([down, across, 1 - down], axis=-1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=95, **options)
    return stream.getvalue()


def read(poster: Any, **options: Any) -> tuple[Any, dict[int, str]]:
    return read_films([poster], [None], sizes=SIZES, **options)


def test_files_and_bytes_are_decoded_as_a_store_does(tmp_path: Path) -> None:
    data = jpeg()
    (tmp_path / "a film.jpg").write_bytes(data)
    for poster in (data, bytearray(data), tmp_path / "a film.jpg", str(tmp_path / "a film.jpg")):
        films, unusable = read(poster)
        assert unusable == {} and films.has_poster.tolist() == [True]
        for height, width in SIZES:
            wanted = decode_poster(data, height=height, width=width)
            assert films.posters[height, width].tolist() == [wanted.tolist()]


def test_pictures_and_arrays_of_pixels() -> None:
    """A decoded picture is resized whole; a JPEG's file is decoded at a fraction of its size, almost the same."""
    picture = Image.open(io.BytesIO(jpeg()))
    pixels = np.asarray(picture)
    for poster in (picture, pixels, np.asfortranarray(pixels), np.dstack([pixels, np.full(pixels.shape[:2], 255)])):
        given = poster if isinstance(poster, Image.Image) else poster.astype(np.uint8)
        films, _ = read(given)
        wanted = np.asarray(Image.fromarray(pixels).resize((6, 8), Image.Resampling.LANCZOS), np.int16)
        assert np.abs(films.posters[8, 6][0] - wanted).max() <= 2
    assert picture.size == (40, 60), "the caller's picture stays as it was"


def test_pixels_of_the_size_asked_for_stay_as_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3)).astype(np.uint8)
    films, _ = read_films([pixels, Image.fromarray(pixels)], [None, None], sizes=[(8, 6)])
    assert films.posters[8, 6].tolist() == [pixels.tolist()] * 2


def test_grey_and_transparent_pixels() -> None:
    """Grey is grey in three channels; what is transparent shows white paper."""
    grey, clear = np.full((5, 5), 70, np.uint8), np.zeros((5, 5, 4), np.uint8)
    films, _ = read_films([grey, clear], [None, None], sizes=[(8, 6)])
    assert np.unique(films.posters[8, 6][0]).tolist() == [70]
    assert np.unique(films.posters[8, 6][1]).tolist() == [255]


def test_picture_on_its_side_is_turned() -> None:
    """EXIF orientation 6: the camera was held on its side, and the picture's left is its bottom."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(exif=exif)
    films, _ = read_films([data, Image.open(io.BytesIO(data))], [None, None], sizes=[(64, 64)])
    by_file, by_picture = films.posters[64, 64].astype(np.int16)
    assert np.abs(by_file - by_picture).max() <= 4
    upright, _ = read_films([jpeg()], [None], sizes=[(64, 64)])
    assert np.abs(by_file - upright.posters[64, 64][0]).max() > 100


@pytest.mark.parametrize(
    ("poster", "reason"),
    [
        (b"no picture at all", "poster not a picture"),
        (jpeg()[:300], "poster truncated"),
        ("/nowhere/film.jpg", "poster missing: there is no file /nowhere/film.jpg"),
        (np.zeros((30, 40, 3), np.uint8), "poster too large"),
        (jpeg(), "poster too large"),
    ],
    ids=["text", "half", "missing", "many pixels", "many pixels of a file"],
)
def test_unusable_poster_is_named_and_its_film_has_none(poster: Any, reason: str) -> None:
    films, unusable = read_films([None, poster], [None, None], sizes=SIZES, max_pixels=1_000)
    assert films.has_poster.tolist() == [False, False]
    assert list(unusable) == [1] and unusable[1].startswith(reason)
    assert not films.posters[8, 6].any()


@pytest.mark.parametrize(
    "poster",
    [7, ["a.jpg"], np.zeros((5, 5, 3), np.float32), np.zeros((5, 5, 2), np.uint8), np.zeros((0, 5, 3), np.uint8)],
    ids=["number", "list", "floats", "two channels", "empty"],
)
def test_poster_of_another_type_is_named(poster: Any) -> None:
    with pytest.raises(TypeError, match=r"^posters\[12\]: "):
        read_films([None, None, poster], [None] * 3, sizes=SIZES, first=10)


def test_posters_are_not_read_for_a_model_that_uses_none() -> None:
    films, unusable = read_films(["/nowhere.jpg"], ["A film."], sizes=())
    assert (unusable, films.posters, films.has_poster.tolist()) == ({}, {}, [False])


def test_overviews_are_cleaned_as_films_of_a_store_are() -> None:
    films, _ = read_films([None] * 4, [" Two\n\nlines ", None, float("nan"), "\t"], sizes=())  # type: ignore[list-item]
    assert list(films.overviews) == ["Two lines", "", "", ""]
    assert films.has_overview.tolist() == [True, False, False, False]
    with pytest.raises(TypeError, match=r"overviews\[3\]: .*int"):
        read_films([None], [5], sizes=(), first=3)  # type: ignore[list-item]


def test_posters_and_overviews_are_of_the_same_films() -> None:
    assert paired(None, ("a", None)) == ([None, None], ["a", None])
    assert paired(iter(["a.jpg"]), None) == (["a.jpg"], [None])
    with pytest.raises(ValueError, match="2 posters and 1 overviews"):
        paired(["a.jpg", None], ["a"])
    with pytest.raises(ValueError, match="posters, overviews or both"):
        paired(None, None)
    with pytest.raises(TypeError, match=r"posters=\[\.\.\.\]"):
        paired("a.jpg", None)


def test_taking_some_films() -> None:
    films, _ = read_films([jpeg(), None, jpeg(30, 30)], ["a", "b", ""], sizes=SIZES)
    some = films.take(np.array([2, 0]))
    assert (list(some.overviews), some.has_poster.tolist(), len(some)) == (["", "a"], [True, True], 2)
    assert some.posters[8, 6].tolist() == films.posters[8, 6][[2, 0]].tolist()
