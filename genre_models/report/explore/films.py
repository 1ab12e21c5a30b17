"""The films of the page: tiles, the data behind them, and the files beside the page."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from genre_models.report.findings.comparison_query import label
from genre_models.report.style.colours import styles
from genre_models.report.style.formats import cut, number
from genre_models.report.style.render import strict

MOST_INSIDE = 1_000
"""Films whose posters are inside the page; with more, they are files beside it."""
MOST_FILMS = 5_000
"""Films on the page; `scores.csv` has all."""
POSTERS = "posters"
_STEPS = 65_535  # a probability is kept in 16 bits
_LONGEST = 900  # characters of an overview
TRUTH = "truth"


@dataclass(frozen=True)
class Tile:
    """A film among the thumbnails."""

    place: int
    film: str
    poster: str
    """Address of the thumbnail, or an empty string."""
    genres: list[str]
    suspect: bool


@dataclass(frozen=True)
class Films:
    """All that the page and its folder need of the films."""

    tiles: list[Tile]
    data: Markup
    """JSON for the page's script."""
    files: dict[str, bytes]
    """Files beside the page by name: posters that are not inside it."""
    total: int


def films_shown(comparison: Mapping[str, Any]) -> Films | None:
    """Return the films of a comparison, most surprising first; None where it has none."""
    everything = comparison.get("all_films") or []
    if not everything:
        return None
    shown = everything[:MOST_FILMS]
    inside = len(shown) <= MOST_INSIDE
    posters = [film.get("poster_jpeg") or "" for film in shown]
    names = {place: f"{POSTERS}/{place:05d}.jpg" for place, poster in enumerate(posters) if poster and not inside}
    tiles = [
        Tile(
            place,
            str(film["id"]),
            names.get(place) or (f"data:image/jpeg;base64,{posters[place]}" if posters[place] else ""),
            list(film["genres"]),
            bool(film["suspects"]),
        )
        for place, film in enumerate(shown)
    ]
    files = {name: base64.b64decode(posters[place]) for place, name in names.items()}
    return Films(tiles, _data(comparison, shown), files, len(everything))


def _data(comparison: Mapping[str, Any], films: Sequence[Mapping[str, Any]]) -> Markup:
    genres, look = list(comparison["genres"]), styles(comparison)
    keys = [key for key in comparison["models"] if all(key in film["probabilities"] for film in films)]
    models = [
        {
            "key": key,
            "label": label(comparison, key),
            "css": look[key].css,
            "sign": look[key].glyph,
            "thresholds": [
                number((comparison["models"][key].get("per_genre", {}).get(genre) or {}).get("threshold"))
                for genre in genres
            ],
        }
        for key in keys
    ]
    return script_json(
        {"genres": genres, "models": models, "films": [_film(film, genres, keys) for film in films]},
    )


def _film(film: Mapping[str, Any], genres: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    probabilities = np.array([film["probabilities"][key] for key in keys], np.float64)
    steps = np.round(np.nan_to_num(probabilities) * _STEPS).clip(0, _STEPS).astype("<u2")
    return {
        "id": str(film["id"]),
        "overview": cut(str(film.get("overview") or ""), _LONGEST),
        "genres": [genres.index(genre) for genre in film["genres"]],
        "scores": base64.b64encode(steps.tobytes()).decode("ascii"),
        "found": [number((film.get("top3_recall") or {}).get(key)) for key in keys],
        "surprise": number(film.get("surprise")),
        "suspects": [[genres.index(one["genre"]), one["kind"]] for one in film["suspects"]],
        "why": film.get("explanations") or [],
    }


def script_json(value: object) -> Markup:
    """Return strict JSON for a script element of a page; nothing in it can end the element."""
    text = json.dumps(strict(value), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def scores_csv(comparison: Mapping[str, Any]) -> str:
    """Return a CSV line for each film and model: id, model, and the probability of every genre.

    Before them stands a line of the film's labels, 0 or 1, with the model `truth`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "model", *comparison["genres"]])
    for film in comparison.get("all_films") or []:
        writer.writerow([film["id"], TRUTH, *(int(genre in film["genres"]) for genre in comparison["genres"])])
        for key, probabilities in film["probabilities"].items():
            writer.writerow([film["id"], key, *(f"{p:.6g}" for p in probabilities)])
    return text.getvalue()
