"""Several predictors as one: the numbers are those of a calculation by hand, and a film may lack an input."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.ensemble import EnsemblePredictor, MeanPredictor
from genre_models.predictors.films import Films
from genre_models.predictors.predictor import ModelInfo, combined_info, info_of

GENRES = ("Action", "Drama")
SIZE = (2, 2)


class Constant:
    """Gives every film that it can score the same probabilities."""

    def __init__(self, values: tuple[float, ...], sees: str, genres: tuple[str, ...] = GENRES) -> None:
        size = SIZE if sees == "poster" else None
        self.info = info_of("constant", genres, [0.5, 0.5], poster_size=size, uses_overview=size is None)
        self.values, self.sees = values, sees

    def scores(self, films: Films) -> np.ndarray:
        there = films.has_poster if self.sees == "poster" else films.has_overview
        return np.where(there[:, None], np.array([self.values], np.float32), np.nan).astype(np.float32)


def info(*members: Constant) -> ModelInfo:
    return combined_info("all", np.array([0.3, 0.4]), [member.info for member in members])


# One film with both, one with a poster alone, one with an overview alone, one with neither.
FILMS = Films(["a film", "", "a film", ""], {SIZE: np.zeros((4, 2, 2, 3), np.uint8)}, np.array([1, 1, 0, 0], bool))
POSTER, OVERVIEW = Constant((0.5, 0.8), "poster"), Constant((0.9, 0.2), "overview")


def sigmoid(z: float) -> float:
    return 1 / (1 + np.exp(-z))


def logit(p: float) -> float:
    return np.log(p / (1 - p))


def stack() -> EnsemblePredictor:
    """logit = 1 + 2 poster + 0 overview of the first genre, -1 + overview of the second."""
    coefficients = np.array([[1.0, 2.0, 0.0], [-1.0, 0.0, 1.0]])
    model = StackingModel("stack", ("cnn", "tfidf"), np.array([0.25, 0.75]), coefficients)
    return EnsemblePredictor({"tfidf": OVERVIEW, "cnn": POSTER}, model, info(OVERVIEW, POSTER))


def test_stack_by_hand_and_the_average_where_a_member_is_missing() -> None:
    scores = stack().scores(FILMS)
    assert scores.dtype == np.float32
    assert scores[0] == pytest.approx([sigmoid(1 + 2 * logit(0.5)), sigmoid(-1 + logit(0.2))], abs=1e-6)
    assert scores[1] == pytest.approx([0.5, 0.8], abs=1e-6)
    assert scores[2] == pytest.approx([0.9, 0.2], abs=1e-6)
    assert np.isnan(scores[3]).all()


def test_average_of_some_members_keeps_their_proportions() -> None:
    """Weights of .2 and .6 become a quarter and three quarters where the third model has no input."""
    members = {"a": Constant((0.6, 0.6), "overview"), "b": Constant((0.7, 0.2), "overview"), "c": POSTER}
    weights = np.array([0.2, 0.6, 0.2])
    model = StackingModel("average", ("a", "b", "c"), weights, np.tile([0.0, *weights], (2, 1)))
    scores = EnsemblePredictor(members, model, info(*members.values())).scores(FILMS)
    wanted = [sigmoid(0.25 * logit(0.6) + 0.75 * logit(p)) for p in (0.7, 0.2)]
    assert scores[2] == pytest.approx(wanted, abs=1e-6)


def test_members_of_weight_0_alone_count_equally() -> None:
    model = StackingModel("average", ("cnn", "tfidf"), np.array([0.0, 1.0]), np.tile([0.0, 0.0, 1.0], (2, 1)))
    scores = EnsemblePredictor({"cnn": POSTER, "tfidf": OVERVIEW}, model, info(POSTER, OVERVIEW)).scores(FILMS)
    assert scores[0] == pytest.approx([0.9, 0.2], abs=1e-6)
    assert scores[1] == pytest.approx([0.5, 0.8], abs=1e-6)


def test_scaling_is_a_line_on_the_logit() -> None:
    scaling = PlattScaling(np.array([2.0, 1.0]), np.array([0.0, 0.5]))
    mean = MeanPredictor([POSTER, OVERVIEW], info(POSTER, OVERVIEW), scaling=scaling)
    assert mean.scores(FILMS)[0] == pytest.approx([sigmoid(2 * logit(0.7)), sigmoid(logit(0.5) + 0.5)], abs=1e-6)


def test_mean_of_those_that_can_score() -> None:
    scores = MeanPredictor([POSTER, OVERVIEW], info(POSTER, OVERVIEW)).scores(FILMS)
    assert scores[:3] == pytest.approx(np.array([[0.7, 0.5], [0.5, 0.8], [0.9, 0.2]]), abs=1e-6)
    assert np.isnan(scores[3]).all()


def test_inputs_are_those_of_the_members() -> None:
    both = info(POSTER, OVERVIEW)
    assert (both.poster_sizes, both.uses_overview) == ({SIZE}, True)
    assert both.scorable == {(True, True), (True, False), (False, True)}
    assert both.why_not(False, False) == "neither poster nor overview"
    assert POSTER.info.why_not(False, True) == "no poster"
    assert OVERVIEW.info.why_not(True, False) == "no overview"
    assert both.why_not(True, False) == ""


@pytest.mark.parametrize(("needs_all", "scorable"), [(True, {(True, True)}), (False, {(1, 1), (1, 0), (0, 1)})])
def test_inputs_of_a_joint_model(needs_all: bool, scorable: set[tuple[bool, bool]]) -> None:
    joint = info_of("joint", GENRES, [0.5, 0.5], poster_size=SIZE, uses_overview=True, needs_all=needs_all)
    assert joint.scorable == scorable
    assert joint.why_not(True, False) == ("no overview" if needs_all else "")


def test_models_of_different_genres_are_refused() -> None:
    with pytest.raises(ValueError, match="different genres"):
        info(POSTER, Constant((0.1, 0.2), "poster", genres=("Drama", "Action")))
