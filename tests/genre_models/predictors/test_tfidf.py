"""A TF-IDF model in a folder: read again it scores as it did, without fitting, and nothing is unpickled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genre_models.metrics.baselines import TfidfBaseline
from genre_models.predictors.films import read_films
from genre_models.predictors.tfidf import TfidfPredictor, read_weights, tfidf_info, write_weights

# Genres: a space word, a love word, no film, every film.
OVERVIEWS = [
    "A spaceship, far away",
    "a wedding in spring",
    "The spaceship returns home",
    "one wedding too many — élan",
]
LABELS = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1]], np.float32)
ASKED = ["another spaceship", "a wedding, far away", "nothing known", "elan spaceship wedding"]


def through_files(model: TfidfBaseline, folder: Path) -> TfidfBaseline:
    write_weights(folder, model.weights)
    return TfidfBaseline.from_weights(read_weights(folder))


@pytest.mark.parametrize("films", [4, 600], ids=["few", "many"])
def test_scores_are_the_fitted_model_s(films: int, tmp_path: Path) -> None:
    fitted = TfidfBaseline((OVERVIEWS * 150)[:films], np.tile(LABELS, (150, 1))[:films])
    again = through_files(fitted, tmp_path)
    assert again.scores(ASKED).tolist() == fitted.scores(ASKED).tolist()
    assert np.ptp(fitted.scores(ASKED)[:, 0]) > 0.1
    assert again.parameters == fitted.parameters


def test_model_that_learned_nothing_but_frequencies(tmp_path: Path) -> None:
    """Overviews without a word of two letters leave no term."""
    again = through_files(TfidfBaseline(["a", "b", "c", "d"], LABELS), tmp_path)
    assert again.scores(["a spaceship"]).tolist() == [[0.5, 0.5, 0.0, 1.0]]


def test_film_without_an_overview_has_no_score() -> None:
    model = TfidfPredictor(TfidfBaseline(OVERVIEWS, LABELS), tfidf_info("TF-IDF", "abcd", np.full(4, 0.5)))
    films, problems = read_films([None] * 5, ["another spaceship", "", None, float("nan"), " \n"], sizes=())  # type: ignore[list-item]
    scores = model.scores(films)
    assert scores.dtype == np.float32
    assert np.isnan(scores).all(axis=1).tolist() == [False, True, True, True, True]
    assert scores[0] == pytest.approx(model.model.scores(["another spaceship"])[0], abs=1e-7)
    assert problems == {}


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_weights(tmp_path, TfidfBaseline(OVERVIEWS, LABELS).weights)
    (tmp_path / "terms.txt").write_text("spaceship\n")
    with pytest.raises(ValueError, match="arrays of"):
        read_weights(tmp_path)
    np.savez(tmp_path / "weights.npz", idf=np.array([{}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_weights(tmp_path)
