"""Which models answer side by side, and that members of an ensemble are asked once and combined as by itself."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.checkpoint import CheckpointError
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.ensemble import EnsemblePredictor
from genre_models.predictors.films import Films
from genre_models.predictors.predictor import combined_info, info_of
from ray_jobs.serving.served_models import ServedModels, unique_names
from tests.ray_jobs.serving.fake_models import THRESHOLDS, FakePredictor


def films() -> Films:
    """Two films with both, one without a poster."""
    posters = np.zeros((3, 8, 6, 3), np.uint8)
    posters[1] = 255
    return Films(["x" * 10, "x" * 60, "x" * 40], {(8, 6): posters}, np.array([True, True, False]))


def ensemble() -> EnsemblePredictor:
    members = {"cnn": FakePredictor("CNN", overview=False), "lstm": FakePredictor("LSTM", poster=False)}
    model = StackingModel("average", ("cnn", "lstm"), np.array([0.25, 0.75]), np.zeros((3, 3)))
    info = combined_info("Ensemble", np.array(THRESHOLDS), [member.info for member in members.values()])
    return EnsemblePredictor(members, model, info)


def test_an_ensemble_is_shown_with_its_members() -> None:
    one = ensemble()
    models = ServedModels.of(["report/models/ensemble"], [one])
    assert list(models.predictors) == ["cnn", "lstm", "ensemble"] and models.main == "ensemble"
    scores = models.scores(films())
    np.testing.assert_array_equal(scores["ensemble"], one.scores(films()))
    assert np.isnan(scores["cnn"]).all(axis=1).tolist() == [False, False, True]
    assert not np.isnan(scores["ensemble"]).any()
    assert one.members["cnn"].batches == [3, 3]  # type: ignore[attr-defined]  # once by each call above


def test_several_models_are_shown_with_their_mean() -> None:
    models = ServedModels.of(["runs/cnn", "other/cnn/"], [FakePredictor("A", overview=False), FakePredictor("B")])
    assert list(models.predictors) == ["cnn", "cnn-1", "mean"] and models.main == "mean"
    scores = models.scores(films())
    # Means of the two rows [0.1, brightness, length / 100]; the poster model has no length, and no third film.
    expected = [[0.1, 0, 0.05], [0.1, 1, 0.3], [0.1, 0, 0.4]]
    np.testing.assert_allclose(scores["mean"], expected, rtol=1e-6)


def test_several_with_an_ensemble_among_them_have_no_mean() -> None:
    """The ensemble's members may be other checkpoints of the same names."""
    other = FakePredictor("Another CNN", overview=False)
    models = ServedModels.of(["runs/cnn", "models/ensemble"], [other, ensemble()])
    assert list(models.predictors) == ["cnn", "ensemble"] and models.main == "ensemble"
    np.testing.assert_array_equal(models.scores(films())["ensemble"], ensemble().scores(films()))


def test_a_single_model_stands_alone() -> None:
    models = ServedModels.of(["runs/cnn/epoch-003"], [FakePredictor("CNN")])
    assert list(models.predictors) == ["model"] == [models.main]
    assert models.poster_sizes == {(8, 6)}


def test_models_of_other_genres_are_refused() -> None:
    other = FakePredictor("Other")
    other.info = info_of("Other", ("Noir",), (0.5,), poster_size=None, uses_overview=True)
    with pytest.raises(CheckpointError, match="different genres"):
        ServedModels.of(["a", "b"], [FakePredictor("A"), other])


def test_names_are_unique() -> None:
    assert unique_names(["a/x", "b/x/", "c/mean", "/"]) == ["x", "x-1", "mean-1", "model"]
    names = unique_names(["x", "x", "x-1", "x"])
    assert len(set(names)) == 4
