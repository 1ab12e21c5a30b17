"""Explanations of every kind of model: words as written, shapes, members that add up, and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import genre_models as gm
from datasets.text.vocabulary import Tokenizer, Vocabulary
from genre_models.explain.explanation import Explanation
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.folder import ModelFolder, write_combination, write_tfidf
from genre_models.predictors.model import Model
from tests.genre_models.predictors.tiny_models import GENRES, OVERVIEWS, posters, save

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

COEFFICIENTS = np.array([[0.1, 1.0, 0.5, 0.25], [0.0, 0.2, 0.3, 0.5], [-0.2, 2.0, 0.0, 1.0]])
SLOPES = np.array([1.0, 0.5, 2.0])


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A stack of an untrained CNN and joint model with TF-IDF, scaled."""
    folder = tmp_path_factory.mktemp("models")
    labels = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]], np.float32)
    tfidf = TfidfBaseline(OVERVIEWS, labels)
    write_tfidf(folder / "tfidf", ModelFolder("tfidf", "TF-IDF", GENRES, np.full(3, 0.5), {}), tfidf.weights)
    save("cnn", folder / "cnn")
    save("fusion", folder / "fusion", seed=1)
    stacking = StackingModel("stack", ("cnn", "fusion", "tfidf"), np.array([0.25, 0.5, 0.25]), COEFFICIENTS)
    members = {key: f"members/{key}" for key in stacking.members}
    scaling = PlattScaling(SLOPES, np.array([0.5, 0.0, -0.5]))
    about = ModelFolder("ensemble", "Ensemble", GENRES, np.full(3, 0.5), {}, scaling, members, stacking)
    write_combination(folder / "ensemble", about, {key: folder / key for key in members})
    return gm.load(folder / "ensemble")


def numbers(explanation: Explanation) -> np.ndarray:
    return np.array([contribution for _, contribution in explanation.words])


def test_an_ensemble_adds_up_its_members(ensemble: Model) -> None:
    pixels = list(posters(3))
    explained = ensemble.explain(pixels, OVERVIEWS, genres=["Sci-Fi", "N/A"])
    frame = ensemble.predict(pixels, OVERVIEWS)
    for film, pair in enumerate(explained):
        for genre, why in zip((2, 1), pair, strict=True):
            assert why.genre == GENRES[genre]
            assert why.probability == pytest.approx(frame.loc[film, GENRES[genre]], abs=1e-6)
            assert [word for word, _ in why.words] == OVERVIEWS[film].split()
            assert why.heat is not None and why.heat.shape == (4, 3) and why.heat.dtype == np.float32
            assert why.heat.min() >= 0 and why.heat.max() in (0, 1)
            assert set(why.members) == {"cnn", "fusion", "tfidf"} and why.members["cnn"].words == []
            weights = COEFFICIENTS[genre, 1:]
            added = weights[1] * numbers(why.members["fusion"]) + weights[2] * numbers(why.members["tfidf"])
            assert numbers(why) == pytest.approx(SLOPES[genre] * added) and np.abs(added).max() > 1e-3
            gate = why.members["fusion"].poster_share
            assert gate is not None and 0 < gate < 1
            assert why.poster_share == pytest.approx((weights[0] + weights[1] * gate) / weights.sum())


def test_films_that_lack_something(ensemble: Model) -> None:
    [[poster]], [[overview]] = (
        ensemble.explain([posters(1)[0]], [""], genres=["Action"]),
        ensemble.explain([None], ["the spaceship returns home"], genres=["Action"]),
    )
    assert poster.words == [] and set(poster.members) == {"cnn", "fusion"} and poster.poster_share == 1
    assert overview.heat is None and set(overview.members) == {"tfidf", "fusion"} and overview.poster_share == 0
    # Of the average of those that are there, the joint model has two parts, TF-IDF one.
    added = [2 / 3 * numbers(overview.members["fusion"]), 1 / 3 * numbers(overview.members["tfidf"])]
    assert numbers(overview) == pytest.approx(np.sum(added, axis=0))


def test_chosen_genres_are_explained_or_the_most_probable(ensemble: Model) -> None:
    pixels = list(posters(3))
    frame = ensemble.predict(pixels, OVERVIEWS)
    for film, explained in enumerate(ensemble.explain(pixels, OVERVIEWS)):
        ranked = frame.loc[film].sort_values(ascending=False)
        wanted = [genre for genre in ranked.index if ranked[genre] >= 0.5] or [ranked.index[0]]
        assert [why.genre for why in explained] == wanted


def test_errors_name_what_is_wrong(ensemble: Model) -> None:
    with pytest.raises(ValueError, match="no genre 'Noir': the model predicts Action, N/A, Sci-Fi"):
        ensemble.explain(overviews=["a film"], genres=["Noir"])
    with pytest.raises(TypeError, match=r'put a single one in brackets: genres=\["Action"\]'):
        ensemble.explain(overviews=["a film"], genres="Action")
    with pytest.raises(ValueError, match=r"cannot predict 1 film as given \(film 1: neither.*leave them out$"):
        ensemble.explain(overviews=["the spaceship", " "])


def test_words_are_those_of_the_overview_as_written(tmp_path: Path) -> None:
    """ "home-coming" is two tokens, "--" none; words beyond the ninth token are not read."""
    save("lstm", tmp_path)
    text = "The (spaceship), -- unheard home-wedding’s the the the the spaceship"
    [[why]] = gm.load(tmp_path).explain(overviews=[text], genres=["Action"])
    assert [word for word, _ in why.words] == text.split()
    known = [contribution != 0 for _, contribution in why.words]
    assert known == [True, True, False, False, True, True, True, True, True, False]
    assert why.heat is None and why.poster_share is None and why.members == {}


@pytest.mark.parametrize("tokenizer", ["split", "words", "stems", "subwords"])
def test_tokens_of_words_are_those_of_the_overview(tokenizer: Tokenizer) -> None:
    """Odd texts: accents that become spaces, possessives, numbers, a final sigma, letters outside the alphabet."""
    pieces = ["wed", "##ding", "the", "s", "##s", "a", "##b"] if tokenizer == "subwords" else ["the", "wedding"]
    words = Vocabulary(pieces, tokenizer=tokenizer)
    for text in (
        "The wedding's (2nd) 19.45 ...", "´a `b ΣΑΣ ΟΔΟΣ", "l’été d'été's --", "ﬁn Ⅷ İstanbul 中文 字",
        "a\u00a0b the\u3000wedding", "weddings abs' a-b_c",
    ):  # fmt: skip
        _, lengths = words.encode([text], max_tokens=99)
        assert sum(words.count_tokens(text.split())) == lengths[0]
