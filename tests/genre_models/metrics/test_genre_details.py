"""Details of genres and films, against counts by hand and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve

from genre_models.metrics.film_findings import EXTRA, MISSING, Suspect, surprise, suspects
from genre_models.metrics.genre_details import GRID, genre_details, wilson

GENRES = ["Drama", "Horror", "War"]
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], np.float32)
SCORES = np.array([[0.9, 0.6, 0.0], [0.4, 0.7, 0.0], [0.8, 0.2, 0.0], [0.1, 0.2, 0.9]], np.float32)
THRESHOLDS = np.full(3, 0.5)


def test_answers_are_counted_at_every_threshold() -> None:
    drama = genre_details(LABELS, SCORES, THRESHOLDS, GENRES)["Drama"]
    at = dict(zip(GRID, drama["answers"], strict=True))
    # Named from .05 on: all four films, two of them right; from .5 on: the first and the third, one right.
    assert (at[0.05], at[0.5], at[0.85], at[0.95]) == ([4, 2], [2, 1], [1, 1], [0, 0])
    assert drama["tuned"] == at[0.5] and drama["films"] == 2


def test_first_picks_are_as_many_as_the_genre_has_films() -> None:
    details = genre_details(LABELS, SCORES, THRESHOLDS, GENRES)
    # Two films each. Drama: picked are the first, right, and the third. Horror: the second, right, and the first.
    assert (details["Drama"]["first"], details["Horror"]["first"]) == (1, 1)
    # All alike, as with the commonest genres: of 8 films with 6 of the genre, 6 are picked, 6 * 6 / 8 = 4.5 right.
    labels = np.array([[1]] * 6 + [[0]] * 2, np.float32)
    assert genre_details(labels, np.full((8, 1), 0.7), np.full(1, 0.5), ["Drama"])["Drama"]["first"] in (4, 5)


def test_a_genre_without_a_film_is_left_out() -> None:
    assert set(genre_details(LABELS, SCORES, THRESHOLDS, GENRES)) == {"Drama", "Horror"}


def test_curve_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    labels = (chance.random((50, 1)) < 0.3).astype(np.float32)
    scores = chance.random((50, 1)).round(1)
    curve = genre_details(labels, scores, np.array([0.5]), ["Drama"])["Drama"]["curve"]
    precision, recall, _ = precision_recall_curve(labels[:, 0], scores[:, 0])
    known = {(round(float(r), 4), round(float(p), 4)) for p, r in zip(precision, recall, strict=True)}
    assert {(r, p) for r, p in curve} <= known
    assert curve[-1][0] == 1.0 and [point[0] for point in curve] == sorted(point[0] for point in curve)


def test_confusions_are_counted_by_hand() -> None:
    details = genre_details(LABELS, SCORES, THRESHOLDS, GENRES)
    # Horror was missed in the third film, where Drama was named wrongly; it was named wrongly in the first, a Drama.
    assert details["Horror"]["named_instead"] == [["Drama", 1]]
    assert details["Horror"]["true_instead"] == [["Drama", 1]]
    # Drama was missed in the second film, where only Horror was named, rightly.
    assert details["Drama"]["named_instead"] == []
    assert details["Drama"]["true_instead"] == [["Horror", 1]]


def test_calibration_bins_hold_all_films() -> None:
    bins = genre_details(LABELS, SCORES, THRESHOLDS, GENRES)["Drama"]["calibration"]
    assert sum(entry["films"] for entry in bins) == 4
    assert [entry["share"] for entry in bins] == [0, 1, 0, 1]  # at .1, .4, .8 and .9


@pytest.mark.parametrize(("hits", "number"), [(0, 10), (3, 10), (10, 10), (1, 400)])
def test_interval_of_a_share_is_scipy_s(hits: int, number: int) -> None:
    expected = binomtest(hits, number).proportion_ci(method="wilson")
    assert wilson(hits, number) == pytest.approx([expected.low, expected.high], abs=1e-6)


def test_the_film_that_models_got_wrong_surprises_most() -> None:
    # -log of .9 and .1 for two films of one genre, and the mean over two models.
    labels, one, other = np.array([[1.0], [1.0]]), np.array([[0.9], [0.1]]), np.array([[0.9], [0.9]])
    wanted = [-np.log(0.9), -(np.log(0.1) + np.log(0.9)) / 2]
    assert surprise(labels, [one, other]) == pytest.approx(wanted)


def test_a_label_is_suspect_where_all_models_contradict_it() -> None:
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.float32)
    sure = np.array([[0.9, 0.8], [0.05, 0.9], [0.9, 0.9], [0.9, 0.1]])
    torn = np.array([[0.9, 0.4], [0.10, 0.9], [0.6, 0.9], [0.4, 0.1]])
    # Half of the films have the first genre: a film that is said to have it is suspect below .125.
    assert suspects(labels, [sure, torn]) == [[], [Suspect(0, EXTRA)], [Suspect(0, MISSING)], []]
