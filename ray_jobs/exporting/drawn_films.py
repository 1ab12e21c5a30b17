"""Films drawn at random, on which an artefact is compared with its model."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

_SIZES = ((40, 27), (300, 200), (700, 450), (90, 160))  # pixels; below, near and far above those of models
_WORDS = ("the", "a", "murdered", "detective's", "1942", "café", "zzyzx", "love-story.", "Über", "nights")


def drawn_films(vocabulary: Sequence[str], *, seed: int = 0) -> tuple[list[bytes], list[str]]:
    """Draw films: files of JPEG and PNG, and overviews of known and unknown words; some lack one or the other.

    Args:
        vocabulary: words of the model, some of which are drawn.
        seed: seeds the films.
    """
    draw = np.random.default_rng(seed)
    words = [*_WORDS, *(draw.choice(vocabulary, 40).tolist() if len(vocabulary) else [])]
    posters = [_file(draw, height, width, form) for height, width in _SIZES for form in ("JPEG", "PNG")]
    overviews = [" ".join(draw.choice(words, length).tolist()) for length in (1, 3, 12, 40, 90, 400, 25, 8)]
    return [*posters, b"", posters[0]], [*overviews, overviews[3], " "]


def _file(draw: np.random.Generator, height: int, width: int, form: str) -> bytes:
    """Return the file of a picture of coloured areas."""
    areas = draw.integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(areas).resize((width, height), Image.Resampling.BICUBIC).save(stream, form)
    return stream.getvalue()
