"""Decoding of poster files to pixels, and JPEG thumbnails."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from datasets.raw.rejects import POSTER_NOT_A_PICTURE, POSTER_TOO_LARGE, POSTER_TRUNCATED

try:
    import simplejpeg
except ImportError:  # no wheel for this platform: Pillow decodes to the same pixels in twice the time
    simplejpeg = None
_strict = simplejpeg  # says where a picture ends early; without it such a picture goes on in grey

MAX_PIXELS = 40_000_000
"""Largest poster decoded, in pixels: 40 million take 150 MB of memory as RGB, 500 with transparency."""
MOST_PIXELS = 178_956_970
"""Pillow's own limit, in pixels: it never decodes a larger picture."""

MOST_BYTES = 256_000_000
"""Largest poster file read: 40 million pixels without compression take 160 MB."""

_MOST_SCANS = 200
"""Scans of a progressive JPEG: encoders write about ten, and each is decoded over the whole picture."""

# No other format is opened: some of Pillow's formats run external programs. Importing the plugins here loads these
# five only; Pillow would load all of its own.
_PLUGINS = {
    "JPEG": JpegImagePlugin,
    "PNG": PngImagePlugin,
    "WEBP": WebPImagePlugin,
    "GIF": GifImagePlugin,
    "BMP": BmpImagePlugin,
}
_FORMATS = tuple(_PLUGINS)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")

_ORIENTATION_TAG = 0x0112
# Keys of Pillow's `info` that may hold an orientation (EXIF or XMP).
_ORIENTATION_SOURCES = frozenset({"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"})
# A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, which is cheaper, then resampled. Decoding at 9/8 of the target size
# or more, the result differs by 2.0 of 255 from LANCZOS on the full picture, against 3.7 for an antialiased bilinear
# filter (benchmarks/ingest.py). At 8/8 or more, posters of 128 by 192 differed by 4.3.
_SPARE = (9, 8)
# Transforms to upright, by EXIF orientation (EXIF 2.32, tag 274).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CUT = "premature end"  # in libjpeg's warnings
_SIDEWAYS = frozenset({5, 6, 7, 8})


class PosterError(Exception):
    """A poster that cannot be used; `reason` is one of `datasets.raw.rejects.REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # Both, so that the error can be pickled.
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def decode_poster(data: bytes, *, height: int, width: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a JPEG, PNG, WebP, GIF (first frame) or BMP, resized to `height` x `width`.

    The result is RGB for every colour mode: transparency is composited on white, 16 bits become 8, and an EXIF
    orientation is applied. The aspect ratio is not kept.

    Args:
        data: the file's bytes.
        height: rows of the result, at least 1.
        width: columns of the result, at least 1.
        max_pixels: a poster of more pixels is rejected from its header, undecoded.

    Returns:
        uint8 [height, width, 3], C-contiguous, writable.

    Raises:
        PosterError: the bytes are no picture, or a corrupt or too large one.
        ValueError: height or width below 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f"A poster of {height} x {width} pixels: height and width must be at least 1.")
    _require_few_scans(data)
    plain = _plain_jpeg(data, height, width, max_pixels)
    if plain is not None:
        return np.array(_shrunk(plain, (width, height)), order="C")
    with _opened(data, max_pixels) as image:
        return _upright(image, height, width)


def resize_picture(picture: Image.Image, *, height: int, width: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Convert a Pillow picture as `decode_poster` does a file: uint8 [height, width, 3].

    The picture is not changed. One of this size, in RGB and upright, keeps its pixels.

    Raises:
        PosterError: the picture has too many pixels, or its file is corrupt.
    """
    across, down = picture.size
    if across * down > max_pixels:
        detail = f"a picture of {across} x {down} pixels; at most {max_pixels:,} are used"
        raise PosterError(POSTER_TOO_LARGE, detail)
    with _no_warnings():
        try:
            # A copy: `draft` would leave the caller's picture at a fraction of its size.
            return _upright(picture.copy(), height, width)
        except Exception as error:
            detail = f"a picture of {across} x {down} pixels cannot be decoded ({type(error).__name__}: {error})"
            raise PosterError(POSTER_TRUNCATED, detail) from error


def _upright(image: Image.Image, height: int, width: int) -> np.ndarray:
    """Return an opened image with its EXIF orientation applied, resized to uint8 [height, width, 3]."""
    orientation = _orientation(image)
    size = (height, width) if orientation in _SIDEWAYS else (width, height)
    small = _resized(image, size)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    return np.array(small, dtype=np.uint8, order="C")


def thumbnail_jpeg(data: bytes, *, height: int = 222, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return a JPEG thumbnail, at most `height` pixels high and 4 x `height` wide.

    The aspect ratio is kept, and a smaller poster keeps its size. Accepts and raises the same as `decode_poster`.
    """
    if height < 1:
        raise ValueError(f"A thumbnail {height} pixels high: the height must be at least 1.")
    with _opened(data, max_pixels) as image:
        orientation = _orientation(image)
        across, down = reversed(image.size) if orientation in _SIDEWAYS else image.size
        scale = min(1.0, height / down, 4 * height / across)
        size = (max(1, round(across * scale)), max(1, round(down * scale)))
        small = _resized(image, (size[1], size[0]) if orientation in _SIDEWAYS else size)
        if orientation in _TURNS:
            small = small.transpose(_TURNS[orientation])
        stream = io.BytesIO()
        small.save(stream, format="JPEG", quality=80, optimize=True)
        return stream.getvalue()


def to_jpeg(pixels: np.ndarray) -> bytes:
    """Return decoded pixels, uint8 [height, width, 3], as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=90)
    return stream.getvalue()


def _plain_jpeg(data: bytes, height: int, width: int, max_pixels: int) -> Image.Image | None:
    """Decode a valid, upright, coloured JPEG in half of Pillow's time; return None for other files.

    Pillow decodes the others, so that all errors come from one decoder. Both use libjpeg-turbo at the same fraction of
    the size: the pixels are the same.
    """
    if simplejpeg is None or not data.startswith(b"\xff\xd8\xff"):
        return None
    if _says_more_than_pixels(data):
        return None
    try:
        down, across, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours != "YCbCr" or down * across > min(max_pixels, MAX_PIXELS):
            return None
        # As Pillow's `draft`: the smallest of 1/8, 1/4 and 1/2 that is at least the requested size.
        wide, high = _with_spare((width, height))
        room = min(across // wide, down // high)
        shrink = next((step for step in (8, 4, 2) if step <= room), 1)
        least = {"min_height": -(-down // shrink), "min_width": -(-across // shrink)}
        return Image.fromarray(simplejpeg.decode_jpeg(data, strict=True, **least))
    except (ValueError, MemoryError):
        return None


def _require_few_scans(data: bytes) -> None:
    """Raise PosterError for a JPEG whose scans would take minutes to decode."""
    if data.startswith(b"\xff\xd8\xff") and (scans := data.count(b"\xff\xda")) > _MOST_SCANS:
        raise PosterError(POSTER_TRUNCATED, f"a JPEG of {scans:,} scans; at most {_MOST_SCANS} are decoded")


def _require_whole_jpeg(data: bytes) -> None:
    """Raise PosterError for a JPEG whose picture ends early, which Pillow fills with grey.

    An end marker may have been added to it. Other faults are left to Pillow.
    """
    if _strict is None:
        return
    try:
        down, across, colours, _ = _strict.decode_jpeg_header(data)
        space = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}.get(colours, "RGB")
        eighth = {"min_height": -(-down // 8), "min_width": -(-across // 8)}
        _strict.decode_jpeg(data, colorspace=space, strict=True, **eighth)
    except (ValueError, MemoryError) as error:
        if _CUT in str(error).lower():
            detail = f"a JPEG of {len(data):,} bytes ends before its picture does, which goes on in grey"
            raise PosterError(POSTER_TRUNCATED, detail) from error


def _says_more_than_pixels(data: bytes) -> bool:
    """Return whether a JPEG has EXIF or XMP (APP1), which may hold an orientation."""
    place = 2
    while data[place : place + 1] == b"\xff":
        marker = data[place + 1 : place + 2]
        if marker == b"\xe1":
            return True
        if marker == b"\xda":  # pixels begin
            return False
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return True  # no plain sequence of segments: left to Pillow


def _with_spare(size: tuple[int, int]) -> tuple[int, int]:
    """Return the minimum size at which a JPEG is decoded."""
    more, of = _SPARE
    return -(-more * size[0] // of), -(-more * size[1] // of)


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """Open a poster; raise PosterError for one that is too large or corrupt."""
    if not data:
        raise PosterError(POSTER_NOT_A_PICTURE, "the file is empty (0 bytes)")
    shown = "the file"
    with _no_warnings():
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                across, down = image.size
                shown = f"a {image.format} of {across} x {down} pixels"
                if across * down > max_pixels:
                    raise PosterError(POSTER_TOO_LARGE, f"{shown}; at most {max_pixels:,} pixels are decoded")
                _require_few_scans(data)
                yield image
                if image.format == "JPEG":
                    _require_whole_jpeg(data)
        except PosterError:
            raise
        except Image.DecompressionBombError as error:
            raise PosterError(POSTER_TOO_LARGE, f"{error}; at most {max_pixels:,} are decoded") from None
        except UnidentifiedImageError:
            raise _unidentified(data) from None
        # Pillow raises OSError, SyntaxError, ValueError, struct.error, EOFError, zlib.error, IndexError,
        # TypeError, OverflowError and more for corrupt files, and one film must never end a job.
        except Exception as error:
            detail = f"{shown} of {len(data):,} bytes cannot be decoded ({type(error).__name__}: {error})"
            raise PosterError(POSTER_TRUNCATED, detail) from error


def _unidentified(data: bytes) -> PosterError:
    """Return the error for a truncated header, or for a file that is no picture."""
    if data.startswith(_SIGNATURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        detail = f"begins as a picture does, but its header cannot be read; the file has {len(data):,} bytes"
        return PosterError(POSTER_TRUNCATED, detail)
    return PosterError(POSTER_NOT_A_PICTURE, f"begins with {data[:16]!r}; known are {', '.join(_FORMATS)}")


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Decode an opened image to RGB of `size` (width, height)."""
    image.draft("RGB", _with_spare(size))  # other formats, and pictures in memory, ignore this
    return _shrunk(_plain(image), size).convert("RGB")


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to (width, height)."""
    # `reducing_gap` shrinks a large picture by an integer factor first.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _plain(image: Image.Image) -> Image.Image:
    """Return the decoded image as "RGB", or "L" (8-bit grey, faster to resize)."""
    image.load()
    if image.mode.startswith("I"):
        return _from_16_bit(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(coloured, mask=coloured.getchannel("A"))
        return paper
    if image.mode in ("RGB", "L"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Convert 16-bit grey to 8-bit; Pillow's convert() would clip values above 255 to white."""
    values = np.asarray(image).clip(0, 65535).astype(np.uint32)
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation 1..8; 1 (upright) where it is missing or unreadable."""
    if _ORIENTATION_SOURCES.isdisjoint(image.info):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1  # The pixels may be valid despite corrupt EXIF.
    return orientation if isinstance(orientation, int) else 1


class _NoWarnings:
    """Context manager that silences warnings while any thread is inside.

    Pillow warns of odd metadata and large pictures, which are handled here. `warnings.catch_warnings` alone would
    restore the filters in the wrong order with several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught: warnings.catch_warnings[None] | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._caught is None:
                self._caught = warnings.catch_warnings(action="ignore")
                self._caught.__enter__()
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0 and self._caught is not None:
                    self._caught.__exit__(None, None, None)
                    self._caught = None


_no_warnings = _NoWarnings()


def enlarged(posters: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """Resize posters uint8 [n, h, w, 3] bicubically to uint8 [n, height, width, 3]."""
    if posters.shape[1:3] == (height, width):
        return posters
    pictures = (Image.fromarray(poster).resize((width, height), Image.Resampling.BICUBIC) for poster in posters)
    return np.stack([np.asarray(picture) for picture in pictures])
