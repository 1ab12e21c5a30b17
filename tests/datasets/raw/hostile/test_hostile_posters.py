"""Poster files that would hang a job, flood its memory, or be half a picture: set aside with their reason."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs as pafs
import pytest
from PIL import Image

from datasets.raw.posters import PosterError, decode_poster, thumbnail_jpeg
from datasets.raw.rejects import POSTER_NOT_A_PICTURE, POSTER_TOO_LARGE, POSTER_TRUNCATED
from datasets.store.decode_posters import _read_poster

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 80, 3)).astype(np.uint8))
END = b"\xff\xd9"


def jpeg(picture: Image.Image = PICTURE, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


def exif() -> Any:
    data = Image.Exif()
    data[0x0112] = 3
    return data


KINDS = {
    "plain": jpeg(),
    "progressive": jpeg(progressive=True),
    "grey": jpeg(PICTURE.convert("L")),
    "of four inks": jpeg(PICTURE.convert("CMYK")),
    "with an orientation": jpeg(exif=exif()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_jpeg_that_ends_early_is_set_aside_with_an_end_marker_too(kind: str, share: float) -> None:
    pytest.importorskip("simplejpeg")
    whole = KINDS[kind]
    assert decode_poster(whole, height=8, width=8).shape == (8, 8, 3)
    half = whole[: int(len(whole) * share)]
    for data in (half, half + END):
        for decode in (lambda data: decode_poster(data, height=8, width=8), thumbnail_jpeg):
            with pytest.raises(PosterError) as error:
                decode(data)
            assert error.value.reason == POSTER_TRUNCATED


def test_harmless_faults_of_a_jpeg_stay_so() -> None:
    whole = jpeg()
    pixels = decode_poster(whole, height=8, width=8).tolist()
    for data in (whole + b"trailing", whole + END, whole[:-2] + b"abc" + END):
        assert decode_poster(data, height=8, width=8).tolist() == pixels


def test_a_jpeg_of_thousands_of_scans_is_not_decoded() -> None:
    data = jpeg(progressive=True)
    place = data.rindex(b"\xff\xda")
    many = data[:place] + data[place:-2] * 3_000 + END
    started = time.process_time()
    for decode in (lambda data: decode_poster(data, height=8, width=8), thumbnail_jpeg):
        with pytest.raises(PosterError, match=r"scans; at most 200 are decoded"):
            decode(many)
    assert time.process_time() - started < 2


def test_files_that_never_end_or_are_huge_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    (tmp_path / "folder.jpg").mkdir()
    with (tmp_path / "sparse.jpg").open("wb") as sparse:
        sparse.truncate(3 << 30)
    local = pafs.LocalFileSystem()
    for name, reason in (
        ("pipe.jpg", POSTER_NOT_A_PICTURE),
        ("endless.jpg", POSTER_NOT_A_PICTURE),
        ("sparse.jpg", POSTER_TOO_LARGE),
    ):
        with pytest.raises(PosterError) as error:
            _read_poster(local, str(tmp_path / name))
        assert error.value.reason == reason
    with pytest.raises(PosterError):
        _read_poster(local, str(tmp_path / "folder.jpg"))
