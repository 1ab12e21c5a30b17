"""Decoding posters: every kind of picture comes out right, and every broken one with its reason."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from datasets.raw import posters
from datasets.raw.posters import PosterError, decode_poster, thumbnail_jpeg
from datasets.raw.rejects import POSTER_NOT_A_PICTURE, POSTER_TOO_LARGE, POSTER_TRUNCATED
from tests.datasets.raw.dirty_films import bad_posters, convertible_posters, drawn


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def flat(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (30, 40), colour)  # type: ignore[arg-type]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("kind", convertible_posters())
def test_every_kind_becomes_small_rgb(kind: str) -> None:
    pixels = decode_poster(convertible_posters()[kind], height=48, width=32)
    assert pixels.shape == (48, 32, 3) and pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous and pixels.flags.writeable
    assert pixels.std() > 10  # A picture, not a blank.


@pytest.mark.parametrize(
    ("image", "kind", "rgb"),
    [
        (flat("RGB", (200, 30, 90)), "JPEG", (200, 30, 90)),
        (flat("L", 77), "JPEG", (77, 77, 77)),
        # Cyan, magenta, yellow, black in 255ths of ink: no cyan, full magenta and yellow is red.
        (flat("CMYK", (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
        # Laid on white: 200 * 0.2 + 255 * 0.8 = 244, and so on.
        (flat("RGBA", (200, 30, 90, 51)), "PNG", (244, 210, 222)),
        (flat("RGBA", (200, 30, 90, 51)), "WEBP", (244, 210, 222)),
        (flat("LA", (100, 51)), "PNG", (224, 224, 224)),
        (flat("1", 1), "PNG", (255, 255, 255)),
        (flat("I;16", 25700), "PNG", (100, 100, 100)),  # 25,700 of 65,535 is 100 of 255.
        (flat("I;16", 65535), "PNG", (255, 255, 255)),
        (flat("RGB", (200, 30, 90)), "BMP", (200, 30, 90)),
        (flat("RGB", (200, 30, 90)).quantize(2), "GIF", (200, 30, 90)),
    ],
)
def test_colours_come_out_as_they_are_seen(image: Image.Image, kind: str, rgb: tuple[int, int, int]) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode_poster(encoded(image, kind, **options), height=8, width=6)
    np.testing.assert_allclose(pixels, np.broadcast_to(rgb, (8, 6, 3)), atol=3)


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (flat("RGB", (200, 30, 90)), (200, 30, 90)),
        (flat("L", 7), 7),
        (flat("RGB", (200, 30, 90)).quantize(2), b"\0\0"),
    ],
)
def test_clear_colour_of_a_png_is_paper(image: Image.Image, transparency: object) -> None:
    pixels = decode_poster(encoded(image, "PNG", transparency=transparency), height=8, width=6)
    assert (pixels == 255).all()


@pytest.mark.parametrize("size", [(64, 64), (222, 150), (444, 300), (600, 700), (16, 16)])
def test_resized_like_a_good_filter_at_full_size(size: tuple[int, int]) -> None:
    """The shortcuts (decoding at a fraction, shrinking in steps) may not be seen: compared with LANCZOS."""
    data = encoded(drawn(3, (300, 444)), "JPEG", quality=92)
    full = Image.open(io.BytesIO(data)).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    pixels = decode_poster(data, height=size[0], width=size[1])
    assert np.abs(pixels.astype(int) - np.asarray(full)).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    data = encoded(drawn(4, (80, 120)), "JPEG", exif=tag, quality=95)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    expected = np.asarray(upright.resize((40, 60), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(decode_poster(data, height=60, width=40) - expected).mean() < 2
    with Image.open(io.BytesIO(thumbnail_jpeg(data, height=60))) as small:
        assert small.size == ((40, 60) if orientation < 5 else (90, 60))
        expected = np.asarray(upright.resize(small.size)).astype(int)
        assert np.abs(np.asarray(small) - expected).mean() < 4


def test_broken_or_odd_exif_leaves_the_picture() -> None:
    for exif in (b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 9, b"Exif\0\0nonsense"):
        data = encoded(drawn(4), "JPEG", exif=exif)
        plain = encoded(drawn(4), "JPEG")
        assert (decode_poster(data, height=9, width=6) == decode_poster(plain, height=9, width=6)).all()


@pytest.mark.parametrize("kind", bad_posters())
def test_bad_posters_get_their_reason(kind: str) -> None:
    data, reason = bad_posters()[kind]
    for use in (lambda: decode_poster(data, height=8, width=6), lambda: thumbnail_jpeg(data)):
        with pytest.raises(PosterError) as raised:
            use()
        assert raised.value.reason == reason
        assert str(raised.value) == f"{reason}: {raised.value.detail}"


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "ICO", "PDF"])
def test_other_formats_are_not_opened(kind: str) -> None:
    with pytest.raises(PosterError) as raised:
        decode_poster(encoded(drawn(1), kind), height=8, width=6)
    assert raised.value.reason == POSTER_NOT_A_PICTURE


@pytest.mark.parametrize("side", [7000, 10_000, 20_000, 60_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "GIF"])
def test_size_is_evaluated_on_the_header(kind: str, side: int) -> None:
    """The pixels are not there: anything that tried to decode them would find the file broken."""
    data = bytearray(encoded(drawn(1), kind))
    if kind == "JPEG":
        start = data.index(b"\xff\xc0")  # Start of frame: length, precision, height, width.
        data[start + 5 : start + 9] = struct.pack(">HH", side, side)
    elif kind == "PNG":
        data = bytearray(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)))
        data += png_chunk(b"IDAT", b"")
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", side, side)
    elif kind == "WEBP":
        data[26:30] = struct.pack("<HH", *[min(side, 16383)] * 2)  # WebP has no larger pictures.
    else:
        data[6:10] = struct.pack("<HH", side, side)
    with pytest.raises(PosterError) as raised:
        decode_poster(bytes(data), height=8, width=6)
    assert raised.value.reason == POSTER_TOO_LARGE


def test_most_pixels_can_be_set() -> None:
    data = encoded(flat("RGB", 0), "PNG")
    assert decode_poster(data, height=2, width=2, max_pixels=1200).shape == (2, 2, 3)
    with pytest.raises(PosterError, match="30 x 40 pixels; at most 1,199"):
        decode_poster(data, height=2, width=2, max_pixels=1199)


def warning_png() -> bytes:
    """A sound PNG that Pillow warns of: it says it is animated and has no frames."""
    data = encoded(drawn(5), "PNG")
    return data[:33] + png_chunk(b"acTL", bytes(8)) + data[33:]


def test_warnings_stay_inside_also_with_threads() -> None:
    data = warning_png()
    with pytest.warns(UserWarning, match="Invalid APNG"):
        Image.open(io.BytesIO(data)).load()
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        shapes = {pool.submit(decode_poster, data, height=8, width=6).result().shape for _ in range(20)}
        list(pool.map(lambda _: decode_poster(data, height=8, width=6), range(200)))
    assert shapes == {(8, 6, 3)}
    assert list(warnings.filters) == before


def corrupted(data: bytes, seed: int) -> bytes:
    """A copy with some bits flipped, cut short, or both."""
    draw = np.random.default_rng(seed)
    damaged = np.frombuffer(data, np.uint8).copy()
    if seed % 3 != 1:
        # Every other damage is among the first bytes, where the structure of a file lies.
        reach = len(data) if seed % 2 else min(120, len(data))
        at = draw.integers(0, reach, size=draw.integers(1, 12))
        damaged[at] ^= (1 << draw.integers(0, 8, size=len(at))).astype(np.uint8)
    if seed % 3:
        damaged = damaged[: draw.integers(0, len(data))]
    return damaged.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_whatever_is_broken_ends_in_a_reason_or_a_picture(kind: str) -> None:
    tag = Image.Exif()
    tag[0x0112] = 6
    options = {"exif": tag} if kind in ("JPEG", "PNG", "WEBP") else {}
    data = encoded(drawn(6), kind, **options)
    outcomes = []
    for seed in range(300):
        try:
            pixels = decode_poster(corrupted(data, seed), height=9, width=6)
            assert pixels.shape == (9, 6, 3) and pixels.dtype == np.uint8
            outcomes.append("")
        except PosterError as error:
            outcomes.append(error.reason)
        try:
            assert thumbnail_jpeg(corrupted(data, seed), height=9)
        except PosterError as error:
            assert error.reason == outcomes[-1]
    assert POSTER_TRUNCATED in outcomes


def test_plain_jpegs_come_out_as_pillow_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way through libjpeg-turbo gives Pillow's pixels, and leaves to Pillow whatever is not whole."""
    pytest.importorskip("simplejpeg")
    grey, cmyk = flat("L", 9), flat("CMYK", (1, 2, 3, 4))
    plain = [encoded(drawn(8, size), "JPEG", quality=80) for size in ((300, 444), (129, 97), (20, 30), (1000, 60))]
    odd = [encoded(drawn(8), "JPEG", progressive=True), encoded(drawn(8), "JPEG", subsampling=0)]
    sound = [*plain, *odd, encoded(grey, "JPEG"), encoded(cmyk, "JPEG")]
    broken = [corrupted(data, seed) for data in sound[:2] for seed in range(80)]
    cut = [data[:-most] for data in sound for most in (1, 2, 40)]

    def outcomes() -> list[object]:
        found: list[object] = []
        for data in (*sound, *broken, *cut):
            try:
                found.append(decode_poster(data, height=20, width=14).tobytes())
            except PosterError as error:
                found.append(str(error))
        return found

    assert posters._plain_jpeg(plain[0], 20, 14, 10**6) is not None
    assert posters._plain_jpeg(plain[0], 20, 14, 300 * 444 - 1) is None
    quick = outcomes()
    monkeypatch.setattr(posters, "simplejpeg", None)
    assert quick == outcomes()


@pytest.mark.parametrize(
    ("size", "becomes"),
    [((300, 444), (150, 222)), ((100, 150), (100, 150)), ((4000, 10), (888, 2)), ((3, 4000), (1, 222))],
)
def test_thumbnail_keeps_proportions_and_never_grows(size: tuple[int, int], becomes: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(thumbnail_jpeg(encoded(drawn(7, size), "PNG")))) as small:
        assert (small.format, small.mode, small.size) == ("JPEG", "RGB", becomes)


def test_sizes_below_one_are_refused() -> None:
    data = encoded(drawn(1), "PNG")
    with pytest.raises(ValueError, match="at least 1"):
        decode_poster(data, height=0, width=6)
    with pytest.raises(ValueError, match="at least 1"):
        thumbnail_jpeg(data, height=0)


def test_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(PosterError(POSTER_TRUNCATED, "half")))
    assert (error.reason, error.detail) == (POSTER_TRUNCATED, "half")


def test_ingest_needs_no_tensorflow_and_no_ray() -> None:
    code = "import sys, datasets.raw.films_folder, datasets.raw.posters, datasets.store.split; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "ray", "genre_models", "ray_jobs"} & set(out)
