"""The comparison as plain data: its keys, and differences that are a minus b."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from genre_models.metrics import names
from genre_models.metrics.comparison import EvaluatedModel, compare

GENRES = ["Action", "Comedy", "Drama", "Western"]  # no film has the last
HEADLINE = {
    "loss", "mean_average_precision", "micro_average_precision", "top3_recall",
    "at_half_micro_f1", "at_half_macro_f1", "at_tuned_micro_f1", "at_tuned_macro_f1",
}  # fmt: skip


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    labels = (np.random.default_rng(0).random((50, 4)) < 0.4).astype(np.float32)
    labels[:, 3] = 0
    return labels


@pytest.fixture(scope="module")
def compared(labels: np.ndarray) -> dict:
    """A model that is nearly right, one that guesses, and one that is nearly wrong."""
    draw = np.random.default_rng(1)
    noise = [draw.uniform(0.0, 0.2, labels.shape) for _ in range(3)]
    scores = {"good": 0.7 * labels + noise[0], "guess": 2.5 * noise[1], "bad": 0.7 * (1 - labels) + noise[2]}
    models = [EvaluatedModel(key, s, np.full(4, 0.4), {"label": key.title()}) for key, s in scores.items()]
    return compare(labels, models, GENRES, resamples=100) | {"scores": scores}


def test_keys(compared: dict) -> None:
    assert compared["genres"] == GENRES
    assert compared["bootstrap"] == {"resamples": 100, "level": 0.95}
    assert list(compared["models"]) == ["good", "guess", "bad"]
    for key, entry in compared["models"].items():
        assert entry["label"] == key.title()
        assert set(entry["intervals"]) == HEADLINE
        assert list(entry["per_genre"]) == GENRES
        assert set(entry["calibration"]) == {
            "expected_calibration_error", "by_chance", "macro", "macro_by_chance", "macro_genres", "bins"
        }  # fmt: skip
        for genre_entry in entry["per_genre"].values():
            assert set(genre_entry) == {
                "films", "average_precision", "threshold", "at_half", "at_tuned", "interval"
            }  # fmt: skip
    assert [(d["a"], d["b"]) for d in compared["differences"]] == [("good", "guess"), ("good", "bad"), ("guess", "bad")]
    for difference in compared["differences"]:
        assert set(difference["metrics"]) == HEADLINE
        assert list(difference["per_genre"]) == GENRES


def test_is_plain_data(compared: dict) -> None:
    """It goes into a JSON file as it is, with no NaN, which JSON does not know."""
    plain = {name: value for name, value in compared.items() if name != "scores"}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_intervals_hold_their_figures(compared: dict) -> None:
    for entry in compared["models"].values():
        for name, (low, high) in entry["intervals"].items():
            assert low - 0.02 <= names.value(entry["metrics"], name) <= high + 0.02
            assert low <= high


def test_differences_are_a_minus_b(labels: np.ndarray, compared: dict) -> None:
    good_to_bad = compared["differences"][1]
    for name, entry in good_to_bad["metrics"].items():
        better = entry["difference"] < 0 if name == "loss" else entry["difference"] > 0
        assert better, name
        low, high = entry["interval"]
        assert (high < 0) if name == "loss" else (low > 0)
        assert low <= entry["difference"] <= high
    scores = compared["scores"]
    for g, genre in enumerate(GENRES[:3]):
        wanted = [average_precision_score(labels[:, g], scores[key][:, g]) for key in ("good", "bad")]
        entry = good_to_bad["per_genre"][genre]
        assert entry["difference"] == pytest.approx(wanted[0] - wanted[1], abs=1e-6)
        assert entry["interval"][0] <= entry["difference"] <= entry["interval"][1]


def test_genre_that_no_film_has(compared: dict) -> None:
    for entry in compared["models"].values():
        western = entry["per_genre"]["Western"]
        assert western["films"] == 0
        assert western["average_precision"] is None
        assert western["interval"] is None
    for difference in compared["differences"]:
        assert difference["per_genre"]["Western"] == {"difference": None, "interval": None}


def test_one_model_differs_from_none(labels: np.ndarray) -> None:
    alone = compare(labels, [EvaluatedModel("cnn", labels * 0.5, np.full(4, 0.4))], GENRES, resamples=100)
    assert list(alone["models"]) == ["cnn"]
    assert alone["differences"] == []
