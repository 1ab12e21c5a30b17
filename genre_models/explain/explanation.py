"""The explanation of one predicted genre of a film."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageOps

# Colours of the heat from 0 to 1, and its opacity at 1: cold regions show the poster in grey.
_COLOURS = np.array([[255, 236, 61], [255, 150, 20], [214, 24, 24]], np.float32)
_OPAQUE = 0.75


@dataclass(frozen=True, eq=False)
class Explanation:
    """The importance of a film's poster and words for one genre."""

    genre: str
    probability: float
    """As predicted, 0 to 1."""
    heat: np.ndarray | None = None
    """Importance of the poster's regions, top to bottom and left to right: float32 [rows, columns] in 0..1, relative
    to the most important one, all 0 if none speaks for the genre. None without a poster."""
    words: list[tuple[str, float]] = field(default_factory=list)
    """The overview's words as written, in order, each with its contribution to the genre's logit: above 0 it speaks
    for the genre, below 0 against it; 0 for words that the model does not know or read."""
    poster_share: float | None = None
    """Share of the poster against the overview, 0 to 1: of a joint model by its gate, of an ensemble by its members'
    weights. None for a model that takes only one of them."""
    members: Mapping[str, Explanation] = field(default_factory=dict)
    """Of an ensemble or mean: the explanation by each member that can predict the film."""

    def top_words(self, n: int = 5, *, against: bool = False) -> list[tuple[str, float]]:
        """Return at most n words that speak most for the genre, or against it.

        The strongest is first. A word that occurs several times counts with the sum of its contributions; it is
        written as at its first occurrence, without punctuation around it.
        """
        sums: dict[str, float] = {}
        written: dict[str, str] = {}
        for word, contribution in self.words:
            bare = _bare(word)
            written.setdefault(bare.casefold(), bare)
            sums[bare.casefold()] = sums.get(bare.casefold(), 0.0) + contribution
        sign = -1 if against else 1
        ranked = sorted((key for key in sums if key and sign * sums[key] > 0), key=lambda key: -sign * sums[key])
        return [(written[key], sums[key]) for key in ranked[:n]]

    def heat_on(self, poster: Any) -> Image.Image:
        """Draw the heat over a poster.

        Args:
            poster: a Pillow picture, the bytes or the path of a picture file, or pixels uint8 [height, width, 3].

        Returns:
            An RGB picture of the poster's size, in grey, yellow to red where it speaks for the genre.

        Raises:
            ValueError: there is no heat, as the film has no poster or the model takes none.
            OSError: the poster is no picture.
        """
        if self.heat is None:
            raise ValueError(f"the explanation of {self.genre} has no heat: no poster was looked at")
        picture = _picture(poster)
        heat = Image.fromarray(self.heat.astype(np.float32)).resize(picture.size, Image.Resampling.BILINEAR)
        values = np.clip(np.asarray(heat), 0, 1)
        places = np.linspace(0, 1, len(_COLOURS))
        colours = np.stack([np.interp(values, places, channel) for channel in _COLOURS.T], axis=-1)
        opacity = (_OPAQUE * values)[..., None]
        grey = np.asarray(picture.convert("L"), np.float32)[..., None]
        pixels = (1 - opacity) * grey + opacity * colours
        return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))

    def heat_png(self, poster: Any) -> bytes:
        """Return the picture of `heat_on` as a PNG file; raises as it."""
        file = io.BytesIO()
        self.heat_on(poster).save(file, "PNG")
        return file.getvalue()

    def to_plain(self) -> dict[str, Any]:
        """Return the explanation as values that JSON takes: heat in rows, words as [word, contribution]."""
        return {
            "genre": self.genre,
            "probability": self.probability,
            "heat": None if self.heat is None else [[round(float(one), 3) for one in row] for row in self.heat],
            "words": [[word, round(contribution, 4)] for word, contribution in self.words],
            "poster_share": self.poster_share,
            "members": {key: member.to_plain() for key, member in self.members.items()},
        }


def _bare(word: str) -> str:
    """Return a word without the punctuation around it."""
    letters = [place for place, letter in enumerate(word) if letter.isalnum()]
    return word[letters[0] : letters[-1] + 1] if letters else ""


def _picture(poster: Any) -> Image.Image:
    if isinstance(poster, bytes):
        poster = io.BytesIO(poster)
    if isinstance(poster, np.ndarray):
        return Image.fromarray(poster).convert("RGB")
    picture = poster if isinstance(poster, Image.Image) else Image.open(poster)
    return ImageOps.exif_transpose(picture).convert("RGB")
