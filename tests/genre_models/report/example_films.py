"""Films of an invented comparison, as `ray_jobs/evaluate.py` hands them over, and all that is computed from them."""

from __future__ import annotations

import base64
import io
import random
from typing import Any

import numpy as np
from PIL import Image

from genre_models.metrics.classification import top3_recalls
from genre_models.metrics.film_findings import surprise, suspects
from genre_models.metrics.genre_details import GRID, genre_details
from tests.genre_models.report.example import JUDGED, STORIES, example_comparison

ALIKE = {"prior": 0.0, "cnn": 0.9, "lstm": 1.4, "tfidf": 1.8, "fusion": 2.0, "ensemble": 2.4}
"""How far the logits of a model follow the labels, by key."""


def comparison_with_films(
    films: int = 24, models: list[str] | None = None, *, poster: bytes | None = None, **more: Any
) -> dict[str, Any]:
    """A comparison of invented figures with invented films, scores, details of genres and origin.

    `poster` is the JPEG of every film; small coloured ones are drawn without it.
    """
    comparison = example_comparison(models=models, **more)
    chance, genres = np.random.default_rng(0), list(JUDGED)
    keys = list(comparison["models"])
    share = np.array([JUDGED[genre] / 961 for genre in genres])
    labels = (chance.random((films, len(genres))) < share).astype(np.float32)
    labels[:, genres.index("Drama")] = np.maximum(labels[:, genres.index("Drama")], labels.sum(axis=1) == 0)
    base, noise = np.log(share + 1e-3), chance.normal(size=(films, len(genres)))
    scores = {key: 1 / (1 + np.exp(-(base + ALIKE[key] * (2 * labels - 0.5 + noise)))) for key in keys}
    thresholds = np.full(len(genres), 0.3)
    for key in keys:
        for genre, entry in comparison["models"][key]["per_genre"].items():
            entry["threshold"] = 0.3 if JUDGED[genre] else 0.5
    details = {key: genre_details(labels, scores[key], thresholds, genres) for key in keys}
    seeing = [scores[key] for key in keys if key != "prior"]
    surprises, doubts = surprise(labels, seeing), suspects(labels, seeing)
    recalls = {key: top3_recalls(labels, scores[key]) for key in keys}
    records = [
        {
            "id": f"film{place:03d}",
            "overview": "{}. {}".format(*(STORIES[place % len(STORIES)][part] for part in (0, 2))),
            "genres": [genres[g] for g in np.flatnonzero(labels[place])],
            "probabilities": {key: scores[key][place].tolist() for key in keys},
            "top3_recall": {key: float(recalls[key][place]) for key in keys},
            "surprise": float(surprises[place]),
            "suspects": [{"genre": genres[one.genre], "kind": one.kind} for one in doubts[place]],
            "poster_jpeg": None if place == 3 else base64.b64encode(poster or _poster(place)).decode(),
        }
        for place in np.argsort(-surprises, kind="stable").tolist()
    ]
    heat, words = [[0.0, 0.5], [1.0, 0.0]], [["four", 0.1], ["hundred", -0.4], ["kilos", 0.0], ["icing", 1.2]]
    why = {"genre": "Drama", "probability": 0.7, "heat": heat, "words": words, "poster_share": 0.25, "members": {}}
    of_words = {"key": "tfidf", "label": "TF-IDF", "heat": None, "poster_share": None, "words": words[::-1]}
    records[0]["explanations"] = [why | {"key": keys[0], "label": comparison["models"][keys[0]]["label"]}]
    records[0]["explanations"] += [why | of_words] if "tfidf" in keys else []
    return comparison | {
        "all_films": records,
        "genre_films": {genre: records[0]["id"] for genre in records[0]["genres"][:1]},
        "genre_details": {"thresholds": list(GRID), "models": details},
        "drawn_sample": True,
        "commit": "0123456789abcdef",
        "folder": "/home/somebody/film-genres",
        "machine": {"system": "Linux x86_64", "cpus": 2},
        "seed": 0,
        "split": {"seed": 0, "shares": {"train": 0.7, "validation": 0.1, "test": 0.2}},
        "rejects": {"no poster": 3},
    }


def _poster(place: int) -> bytes:
    chance, stream = random.Random(place), io.BytesIO()
    Image.new("RGB", (8, 12), tuple(chance.randrange(256) for _ in range(3))).save(stream, "JPEG")
    return stream.getvalue()


def photo(seed: int, size: tuple[int, int] = (88, 132)) -> bytes:
    """A JPEG as large as a photo's thumbnail: smooth noise, compressed as the job compresses."""
    coarse = np.random.default_rng(seed).integers(0, 256, (22, 15, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=55)
    return stream.getvalue()
