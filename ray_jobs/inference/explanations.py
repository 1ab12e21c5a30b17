"""Explanations of a prediction on its page and on screen."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np

from datasets.raw.posters import thumbnail_jpeg
from datasets.storage import atomic, files
from genre_models.explain.explanation import Explanation

MOST_EXPLAINED = 48
"""Films of a page that are explained, at most: the first ones. A picture of heat takes some 10 kB."""
_WORDS = 5  # for and against, on screen
_HEIGHT = 888  # pixels of a single film's heat, at most
_LEAST = 0.05  # logits: weaker words are not shown


def explain_first(predictor: Any, films: Any, scores: np.ndarray) -> dict[int, dict[str, Any]]:
    """Explain the most probable genre of the first films that have scores.

    Args:
        predictor: the model, of `genre_models.predictors`.
        films: its `Films`.
        scores: float32 [films, genres], NaN for films without.

    Returns:
        By the film's index, `Explanation.to_plain` without members.
    """
    from genre_models.predictors.explain_films import explain_films

    scored = np.flatnonzero(~np.isnan(scores).any(axis=1))[:MOST_EXPLAINED]
    pairs = [(int(film), int(scores[film].argmax())) for film in scored]
    explained = explain_films(predictor, films, pairs)
    films_explained = zip(pairs, explained, strict=True)
    return {film: {**one.to_plain(), "members": {}} for (film, _), one in films_explained}


def heat_jpeg(plain: dict[str, Any], poster: bytes) -> bytes | None:
    """Draw the heat of a plain explanation over a poster's thumbnail, as JPEG; None without heat."""
    if plain["heat"] is None:
        return None
    explanation = Explanation(plain["genre"], plain["probability"], np.array(plain["heat"], np.float32))
    stream = io.BytesIO()
    explanation.heat_on(poster).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def in_words(explanation: Explanation) -> list[str]:
    """Return the lines that explain a genre on screen."""
    lines = [f"Why {explanation.genre} ({explanation.probability:.0%})"]
    if explanation.poster_share is not None:
        share = round(100 * explanation.poster_share)
        lines[0] += f": poster {share} %, overview {100 - share} %"
    for label, against in (("for", False), ("against", True)):
        ranked = explanation.top_words(_WORDS, against=against)
        if shown := [f"{word} {value:+.1f}" for word, value in ranked if abs(value) >= _LEAST]:
            lines.append(f"  words {label} it: {', '.join(shown)}".replace(" -", " −"))
    return lines


def write_heat(explanation: Explanation, poster: str, folder: str) -> str | None:
    """Write the heat over a poster as a PNG into a folder; return its path, None if there is no heat.

    Raises:
        OSError, PosterError: the poster cannot be read.
    """
    if explanation.heat is None:
        return None
    picture = explanation.heat_png(thumbnail_jpeg(files.read_bytes(poster), height=_HEIGHT))
    path = files.join(folder, f"why-{re.sub(r'[^a-z0-9]+', '-', explanation.genre.lower()).strip('-')}.png")
    atomic.write_bytes(path, picture)
    return path
