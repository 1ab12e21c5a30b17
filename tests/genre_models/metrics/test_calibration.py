"""Calibration: errors worked by hand, Platt scaling against scikit-learn, and rare genres held to the common line."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from genre_models.metrics.calibration import fit_logistic, fit_platt, logits, measure, probabilities
from genre_models.metrics.classification import average_precisions, binary_crossentropy


def drawn(scores: np.ndarray, seed: int = 0) -> np.ndarray:
    """Labels that come true as often as the scores say."""
    return (np.random.default_rng(seed).random(scores.shape) < scores).astype(np.float32)


def test_logits_and_back() -> None:
    p = np.array([0.0, 1e-3, 0.5, 0.9, 1.0])
    assert logits(p)[2] == 0
    assert np.isfinite(logits(p)).all()
    assert probabilities(logits(p)) == pytest.approx(p, abs=1e-5)


def test_error_worked_by_hand() -> None:
    """40 pairs at .1 of which 10 % are true, 40 at .5 of which 75 % are true: (40 * 0 + 40 * .25) / 80 = .125.

    By chance: each bin sqrt(2 / pi * 40 p (1 - p)), so sqrt(2 / pi) * (sqrt(3.6) + sqrt(10)) / 80 = .0504.
    """
    scores = np.array([[0.1, 0.5]] * 40)
    labels = np.zeros((40, 2), np.float32)
    labels[:4, 0] = labels[:30, 1] = 1
    told = measure(labels, scores)
    assert told["expected_calibration_error"] == pytest.approx(0.125)
    assert told["by_chance"] == pytest.approx(0.0504, abs=1e-4)
    assert [(b["score"], b["share"], b["pairs"]) for b in told["bins"]] == [
        pytest.approx((0.1, 0.1, 40)),
        pytest.approx((0.5, 0.75, 40)),
    ]
    assert told["macro_genres"] == 1  # the first genre has four films
    assert told["macro"] == pytest.approx(0.25)


def test_bins_are_of_equal_mass() -> None:
    scores = np.random.default_rng(0).random((300, 5)) ** 3
    told = measure(drawn(scores, 1), scores)
    assert [b["pairs"] for b in told["bins"]] == [100] * 15
    assert told["expected_calibration_error"] < 2 * told["by_chance"]  # the scores are right


def test_no_genre_with_enough_films() -> None:
    told = measure(np.zeros((20, 2), np.float32), np.full((20, 2), 0.1))
    assert told["macro"] is None
    assert told["macro_genres"] == 0


def test_logistic_regression_agrees_with_scikit_learn() -> None:
    features = np.random.default_rng(1).normal(size=(200, 3))
    targets = drawn(probabilities(features @ [1.0, -2.0, 0.5]), 2)
    ours = fit_logistic(features, targets, toward=np.zeros(3), precision=0.5)
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10).fit(features, targets).coef_[0]
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_strong_pull_keeps_the_coefficients() -> None:
    features = np.random.default_rng(1).normal(size=(50, 2))
    found = fit_logistic(features, np.ones(50), toward=np.array([0.3, -0.3]), precision=1e9)
    assert found == pytest.approx([0.3, -0.3], abs=1e-6)


def test_separable_films_do_not_run_away() -> None:
    scores = np.where(np.arange(40) < 20, 0.9, 0.1)[:, None]
    scaling = fit_platt((scores > 0.5).astype(np.float32), scores)
    assert np.isfinite(scaling(scores)).all()
    assert (scaling.slopes > 0).all()


def test_wrong_probabilities_are_brought_in_line() -> None:
    """The scores' logits are half of what they should be, and 1 too high: the scaling finds 2 and -2."""
    true = np.random.default_rng(3).random((4000, 4)) * 0.8
    scores = probabilities(0.5 * logits(true) + 1)
    labels = drawn(true)
    scaling = fit_platt(labels[:2000], scores[:2000])
    assert scaling.slopes == pytest.approx([2.0] * 4, abs=0.35)
    assert scaling.intercepts == pytest.approx([-2.0] * 4, abs=0.3)
    before, after = scores[2000:], scaling(scores[2000:])
    assert binary_crossentropy(labels[2000:], after) < binary_crossentropy(labels[2000:], before) - 0.1
    found = measure(labels[2000:], after)
    assert found["expected_calibration_error"] < 3 * found["by_chance"]


def test_the_order_of_films_stays() -> None:
    """Even of a genre that the model has upside down."""
    scores = np.random.default_rng(4).random((200, 3))
    labels = drawn(scores)
    labels[:, 1] = drawn(1 - scores[:, 1])
    after = fit_platt(labels, scores)(scores)
    assert average_precisions(labels, after) == pytest.approx(average_precisions(labels, scores))


def test_a_genre_with_few_films_takes_the_common_line() -> None:
    true = np.random.default_rng(5).random((500, 4)) * 0.6
    labels, scores = drawn(true), probabilities(0.5 * logits(true))
    labels[:, 2:] = 0
    labels[:4, 2] = labels[:3, 3] = 1
    scaling = fit_platt(labels, scores)
    assert scaling.slopes[2] == scaling.slopes[3]
    assert scaling.intercepts[2] == scaling.intercepts[3]
    assert scaling.slopes[0] != scaling.slopes[2]
