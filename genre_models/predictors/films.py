"""Films as predictors take them: decoded posters and cleaned overviews, either of which may be missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from datasets.raw.posters import MAX_PIXELS, PosterError, decode_poster, resize_picture
from datasets.raw.rejects import POSTER_MISSING
from datasets.storage import files
from datasets.tables.sources import shown

Size = tuple[int, int]
"""Height and width of posters, in pixels."""
Poster = str | Path | bytes | Image.Image | np.ndarray | None
"""A poster: path or URI of a file, the file's bytes, a Pillow picture, or pixels uint8 [height, width, 3] (grey:
[height, width], with transparency: [height, width, 4]); None where there is none."""


@dataclass(frozen=True)
class Films:
    """Films as a predictor takes them."""

    overviews: Sequence[str]
    """Empty where the film has none."""
    posters: Mapping[Size, np.ndarray]
    """uint8 [films, height, width, 3] for each size that the predictor takes; 0 where the film has none."""
    has_poster: np.ndarray
    """bool [films]."""

    def __len__(self) -> int:
        return len(self.overviews)

    @property
    def has_overview(self) -> np.ndarray:
        """Return bool [films]."""
        return np.array([bool(overview) for overview in self.overviews], bool)

    def take(self, rows: np.ndarray) -> Films:
        """Return the films at these indices."""
        return Films(
            [self.overviews[row] for row in rows.tolist()],
            {size: pixels[rows] for size, pixels in self.posters.items()},
            self.has_poster[rows],
        )


def paired(
    posters: Iterable[Poster] | None, overviews: Iterable[str | None] | None
) -> tuple[list[Poster], list[str | None]]:
    """Return posters and overviews as lists of equal length, None where missing.

    Raises:
        ValueError: neither posters nor overviews are given, or not equally many.
        TypeError: one of them is a single poster or overview.
    """
    if posters is None and overviews is None:
        raise ValueError("give posters, overviews or both")
    pictures, texts = _listed(posters, "posters"), _listed(overviews, "overviews")
    if posters is None:
        return [None] * len(texts), texts
    if overviews is None:
        return pictures, [None] * len(pictures)
    if len(pictures) != len(texts):
        raise ValueError(
            f"{len(pictures)} posters and {len(texts)} overviews: give one of each for every film, "
            "None where it has none"
        )
    return pictures, texts


def _listed(values: Iterable[Any] | None, name: str) -> list[Any]:
    if isinstance(values, (str, bytes, Path, Image.Image)):
        raise TypeError(f"{name} is a list with one entry for each film; put a single one in brackets: {name}=[...]")
    return [] if values is None else list(values)


def read_films(
    posters: Sequence[Poster],
    overviews: Sequence[str | None],
    *,
    sizes: Collection[Size],
    max_pixels: int = MAX_PIXELS,
    first: int = 0,
    pool: Executor | None = None,
    read: Callable[[str], bytes] = files.read_bytes,
) -> tuple[Films, dict[int, str]]:
    """Decode posters as a film store does, and clean overviews.

    Args:
        posters: a poster of each film, None where it has none.
        overviews: an overview of each film. None, NaN or white space is none.
        sizes: heights and widths to which posters are decoded; without any they are not read.
        max_pixels: a poster of more pixels is not decoded.
        first: number of the first film, for messages.
        pool: decodes posters; by default this thread does.
        read: reads a poster that is given as a path.

    Returns:
        The films, and by a film's index the reason why its poster cannot be used; such a film has none.

    Raises:
        TypeError: a poster or an overview is of another type.
    """
    texts = [_clean(overview, first + film) for film, overview in enumerate(overviews)]
    pixels = {size: np.zeros((len(texts), *size, 3), np.uint8) for size in sizes}
    has_poster = np.zeros(len(texts), bool)

    def decode(film: int) -> str:
        """Write the pixels of a film's poster; return why it cannot be used."""
        if posters[film] is None:
            return ""
        try:
            for size, decoded in poster_pixels(posters[film], sizes, max_pixels=max_pixels, read=read).items():
                pixels[size][film] = decoded
        except PosterError as error:
            return str(error)
        except TypeError as error:
            raise TypeError(f"posters[{first + film}]: {error}") from None
        has_poster[film] = True
        return ""

    reasons = (pool.map if pool else map)(decode, range(len(texts) if sizes else 0))
    unusable = {film: reason for film, reason in enumerate(reasons) if reason}
    return Films(texts, pixels, has_poster), unusable


def poster_pixels(
    poster: Any,
    sizes: Iterable[Size],
    *,
    max_pixels: int = MAX_PIXELS,
    read: Callable[[str], bytes] = files.read_bytes,
) -> dict[Size, np.ndarray]:
    """Decode one poster to each size: uint8 [height, width, 3].

    Raises:
        PosterError: it does not exist, is no picture, or a corrupt or too large one.
        TypeError: it is none of the types of `Poster`.
    """
    if isinstance(poster, (str, Path)):
        poster = _read(str(poster), read)
    if isinstance(poster, (bytes, bytearray, memoryview)):
        data = bytes(poster)
        return {(h, w): decode_poster(data, height=h, width=w, max_pixels=max_pixels) for h, w in sizes}
    picture = poster if isinstance(poster, Image.Image) else _picture(poster)
    return {(h, w): resize_picture(picture, height=h, width=w, max_pixels=max_pixels) for h, w in sizes}


def _read(path: str, read: Callable[[str], bytes]) -> bytes:
    try:
        return read(path)
    except FileNotFoundError:
        raise PosterError(POSTER_MISSING, f"there is no file {shown(path)}") from None
    except OSError as error:
        raise PosterError(POSTER_MISSING, f"{shown(path)} cannot be read ({error})") from error


def _picture(pixels: Any) -> Image.Image:
    """Return an array of pixels as a Pillow picture."""
    shape, dtype = getattr(pixels, "shape", None), getattr(pixels, "dtype", None)
    if shape is None or dtype is None:
        raise TypeError(
            f"a poster is a path, bytes, a Pillow picture, uint8 pixels or None, not {type(pixels).__name__}"
        )
    grey, colour = len(shape) == 2, len(shape) == 3 and shape[-1] in (3, 4)
    if dtype != np.uint8 or not (grey or colour) or 0 in shape:
        raise TypeError(f"pixels of a poster are uint8 [height, width, 3], not {dtype} {list(shape)}")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _clean(overview: object, film: int) -> str:
    """Return an overview in one line, as the films of a store have it; empty where there is none."""
    if overview is None or (isinstance(overview, float) and np.isnan(overview)):
        return ""
    if not isinstance(overview, str):
        raise TypeError(f"overviews[{film}]: an overview is a text or None, not {type(overview).__name__}")
    return " ".join(filter(None, map(str.strip, overview.splitlines())))
