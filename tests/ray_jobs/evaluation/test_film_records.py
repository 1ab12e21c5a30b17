"""Films as the page of a comparison gets them, and where a comparison comes from."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genre_models.metrics.comparison import EvaluatedModel
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.film_records import film_records
from ray_jobs.runs.provenance import provenance

GENRES = ["Drama", "Horror"]


class ThreeFilms(EvalSet):
    """Films whose posters are plain pictures."""

    def posters(self, films: Any) -> list[bytes]:
        pictures = []
        for film in films:
            stream = io.BytesIO()
            Image.new("RGB", (300, 450), (80 * film, 0, 0)).save(stream, "JPEG")
            pictures.append(stream.getvalue())
        return pictures


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    labels = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
    films = ThreeFilms(None, labels, ["a", "b", "c"], ["one", "two", "three"], "here", {})  # type: ignore[arg-type]
    model = np.array([[0.9, 0.1], [0.8, 0.6], [0.9, 0.2]], np.float32)
    models = [
        EvaluatedModel("cnn", model, np.full(2, 0.5), {"sees": "poster"}),
        EvaluatedModel("prior", np.full((3, 2), 0.67, np.float32), np.full(2, 0.5), {"sees": "nothing"}),
    ]
    return film_records(films, models, GENRES)


def test_the_film_that_models_got_wrong_comes_first(records: list[dict[str, Any]]) -> None:
    assert [film["id"] for film in records] == ["c", "b", "a"]
    # The prior, which sees no film, is not asked: -(log .9 + log .9) / 2.
    assert records[2]["surprise"] == pytest.approx(-np.log(0.9), rel=1e-6)
    assert records[0]["genres"] == ["Horror"] and records[0]["overview"] == "three"
    assert records[0]["suspects"] == [{"genre": "Drama", "kind": "missing"}]
    assert records[1]["probabilities"]["cnn"] == pytest.approx([0.8, 0.6])
    assert set(records[1]["top3_recall"]) == {"cnn", "prior"}


def test_a_thumbnail_is_small_and_the_film_s_own(records: list[dict[str, Any]]) -> None:
    with Image.open(io.BytesIO(base64.b64decode(records[0]["poster_jpeg"]))) as image:
        assert image.size == (88, 132)
        red = image.getpixel((40, 60))[0]  # type: ignore[index]
    assert abs(red - 160) < 8


def test_a_comparison_says_where_it_comes_from() -> None:
    origin = provenance()
    assert {"command", "folder", "versions", "commit", "machine"} <= set(origin)
    assert origin["versions"]["python"].startswith("3.") and origin["machine"]["cpus"] > 0
