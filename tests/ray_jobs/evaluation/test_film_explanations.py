"""Reasons of predictions on the page: by a checkpoint, by TF-IDF exactly, and by an ensemble of both."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.predictors.folder import ModelFolder, write_tfidf
from ray_jobs.evaluation import film_explanations
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.film_explanations import explain_checkpoint, explanations

GENRES = ("Drama", "Horror")
OVERVIEWS = ["a ghost waits", "", "a wedding"]


@pytest.fixture(scope="module")
def tfidf() -> TfidfBaseline:
    overviews, labels = ["a ghost waits", "a wedding waits"] * 4, np.array([[0, 1], [1, 0]] * 4, np.float32)
    return TfidfBaseline(overviews, labels)


@pytest.fixture
def checkpoint(tfidf: TfidfBaseline, tmp_path: Path) -> str:
    """A model folder in the place of a network's checkpoint, which would take TensorFlow."""
    folder = ModelFolder("tfidf", "Words", GENRES, np.full(2, 0.5), {})
    write_tfidf(tmp_path / "model", folder, tfidf.weights)
    return str(tmp_path / "model")


def test_a_model_explains_the_films_it_can_read(checkpoint: str) -> None:
    posters = np.zeros((3, 4, 4, 3), np.uint8)
    ghost, nothing, wedding = explain_checkpoint(checkpoint, (OVERVIEWS, posters), [(0, 1), (1, 1), (2, 0)])
    assert nothing is None  # it has no overview
    assert ghost is not None and ghost.genre == "Horror" and ghost.heat is None
    words = dict(ghost.words)
    assert words["ghost"] > words["waits"] and wedding is not None and dict(wedding.words)["wedding"] > 0


def explained(checkpoint: str, tfidf: TfidfBaseline, *, poster: int) -> dict[int, list[dict[str, Any]]]:
    """Explanations by two runs as one model, TF-IDF, and a calibrated ensemble of both; posters are of one colour."""
    posters = pa.chunked_array([pa.array([bytes([poster] * 48)] * 3, pa.binary(48))])
    store = SimpleNamespace(
        manifest=SimpleNamespace(genres=GENRES, poster_shape=(4, 4, 3)), table=lambda *_: {"poster": posters}
    )
    films = EvalSet(store, np.eye(3, 2, dtype=np.float32), ["a", "b", "c"], OVERVIEWS, "here", {})  # type: ignore[arg-type]
    horror, drama = np.tile([0.25, 0.75], (3, 1)), np.tile([0.9, 0.2], (3, 1))
    fused = {
        "method": "stack",
        "weights": {"lstm": 0.5, "tfidf": 0.5},
        "coefficients": {"Drama": [0.0, 0.25, 0.5], "Horror": [0.3, 2.0, 1.0]},
    }
    scaling = {"Drama": [2.0, 0.0], "Horror": [1.0, 0.0]}
    of_ensemble = {"label": "Ensemble", "sees": "both", "fused": fused, "scaling": scaling}
    runs = [{"checkpoint": checkpoint}, {"checkpoint": checkpoint}]
    models = [
        EvaluatedModel("lstm", horror, np.full(2, 0.5), {"label": "Words", "sees": "overview", "runs": runs}),
        EvaluatedModel("ensemble", drama, np.full(2, 0.5), of_ensemble),
        EvaluatedModel("prior", drama, np.full(2, 0.5), {"label": "Commonest genres", "sees": "nothing"}),
        EvaluatedModel("tfidf", horror, np.full(2, 0.5), {"label": "TF-IDF", "sees": "overview"}),
    ]
    return explanations(films, models, [0, 1, 2], genres={2: 1}, tfidf=tfidf)


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    here = SimpleNamespace(
        put=lambda value: value,
        get=lambda value: value,
        remote=lambda **_: lambda function: SimpleNamespace(remote=function),
    )
    monkeypatch.setattr(film_explanations, "ray", here)


@pytest.fixture
def reasons(checkpoint: str, tfidf: TfidfBaseline) -> dict[int, list[dict[str, Any]]]:
    return explained(checkpoint, tfidf, poster=0)


def weights(reason: dict[str, Any]) -> list[float]:
    return [weight for _, weight in reason["words"]]


def test_each_model_explains_its_most_probable_genre(reasons: dict[int, list[dict[str, Any]]]) -> None:
    assert [(one["key"], one["genre"], one["probability"]) for one in reasons[0]] == [
        ("lstm", "Horror", 0.75),
        ("ensemble", "Drama", 0.9),
        ("tfidf", "Horror", 0.75),
    ]
    assert reasons[1] == []  # nobody can read a film without overview, and the baseline has no reasons


def test_a_film_that_shows_a_genre_is_explained_for_it(reasons: dict[int, list[dict[str, Any]]]) -> None:
    assert {one["genre"] for one in reasons[2]} == {"Horror"}
    assert reasons[2][1]["probability"] == 0.2  # the ensemble's, which would name Drama


def test_words_of_tfidf_are_exact_and_the_ensemble_adds_them_up(
    reasons: dict[int, list[dict[str, Any]]], tfidf: TfidfBaseline
) -> None:
    exact = tfidf.contributions(OVERVIEWS[0].split())
    runs, ensemble, words = reasons[0]
    assert weights(words) == pytest.approx(exact[1].tolist(), abs=1e-4)
    assert weights(runs) == pytest.approx(exact[1].tolist(), abs=1e-4)  # the mean of two equal runs
    # Drama: a quarter of the runs' and half of TF-IDF's, twice by the calibration.
    assert weights(ensemble) == pytest.approx((1.5 * exact[0]).tolist(), abs=2e-4)
    assert ensemble["poster_share"] == 0  # no member sees posters
    assert all(one["members"] == {} for one in reasons[0])


def test_an_ensemble_gives_no_reasons_while_a_member_that_reads_the_film_has_none(
    checkpoint: str, tfidf: TfidfBaseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [one["key"] for one in explained(checkpoint, tfidf, poster=9)[0]] == ["lstm", "ensemble", "tfidf"]
    monkeypatch.setattr(film_explanations, "explain_checkpoint", lambda _, __, pairs: [None] * len(pairs))
    assert [one["key"] for one in explained(checkpoint, tfidf, poster=9)[0]] == ["tfidf"]
    # Without a poster the network may be one that needs it: then the ensemble is that of the others.
    assert [one["key"] for one in explained(checkpoint, tfidf, poster=0)[0]] == ["ensemble", "tfidf"]
