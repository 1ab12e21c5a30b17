"""Occlusion, the joint model's gate and ensembles, each by hand."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.explain.combination import combined, rescaled, scaled
from genre_models.explain.explanation import Explanation
from genre_models.explain.gate import poster_shares
from genre_models.explain.occlusion import GRID, left_out_words, occluded_regions


def test_occlusion_finds_the_region_that_counts() -> None:
    """The logits are the red of one cell, and a constant: covering takes the red down to the mean."""
    poster = np.zeros((64, 32, 3), np.uint8)
    poster[24:32, 12:16, 0] = 255  # the cell of row 3 and column 3

    def score(posters: np.ndarray) -> np.ndarray:
        red = posters[:, 24:32, 12:16, 0].mean(axis=(1, 2))
        return np.stack([red, np.full(len(posters), 7.0)], axis=1)

    found = occluded_regions(poster, score)
    assert found.shape == (2, GRID, GRID) and (found[1] == 0).all()
    # The mean red is 255 / 64, rounded 4. All windows over the cell lose 251; half of those over its neighbour do.
    assert found[0, 3, 3] == 251
    assert found[0, 3, 4] == pytest.approx(251 / 2) and found[0, 4, 4] == pytest.approx(251 / 4)
    assert found[0, 0, 0] == 0 and found[0].argmax() == 3 * GRID + 3


def test_a_word_left_out_loses_what_it_says() -> None:
    def score(overviews: list[str]) -> np.ndarray:
        return np.array([[text.split().count("ship") - text.split().count("not"), 1.0] for text in overviews], float)

    assert left_out_words(["a", "ship", "not"], score).tolist() == [[0, 1, -1], [0, 0, 0]]


def test_the_gate_by_hand() -> None:
    """Two units; the first genre takes both, the second only the last, and adds a bag of words."""
    gate, seen, read = np.array([[0.25, 0.5]]), np.array([[1.0, -1.0]]), np.array([[0.5, 1.0]])
    weights, mask, votes = np.array([[2.0, 0.0], [1.0, -1.0]]), np.array([[1.0]]), np.array([[0.0, 0.25]])
    # Poster: 2 * .25 - .5 = 0 and .5. Overview: 2 * .375 + .5 = 1.25 and -.5 + .25 = -.25.
    assert poster_shares([gate, seen, read, mask, votes], weights).tolist() == [[0.0, pytest.approx(2 / 3)]]
    assert poster_shares([gate, seen, read, mask], weights).tolist() == [[0.0, 0.5]]
    assert poster_shares([gate, seen, read, 0 * mask, votes], weights).tolist() == [[1.0, 1.0]]


def test_an_ensemble_by_hand() -> None:
    """Words add up; heats are averaged on the finest grid; the joint model's share counts with its weight."""
    members = {
        "cnn": Explanation("War", 0.5, np.array([[1, 0], [0, 0]], np.float32)),
        "lstm": Explanation("War", 0.6, None, [("a", 1.0), ("b", -1.0)]),
        "fusion": Explanation("War", 0.7, np.array([[0.5]], np.float32), [("a", 2.0), ("b", 0.5)], 0.25),
    }
    weights = {"cnn": 0.5, "lstm": -0.25, "fusion": 0.25}
    found = combined("War", 0.4, members, weights, takes_both=True)
    assert found.words == [("a", 0.25), ("b", 0.375)]
    assert found.heat is not None
    assert found.heat == pytest.approx(np.array([[0.625, 0.125], [0.125, 0.125]]) / 0.625)
    assert found.poster_share == pytest.approx((0.5 * 1 + 0.25 * 0 + 0.25 * 0.25) / 1)
    assert found.members == members and found.probability == 0.4
    assert rescaled(found, 2).words == [("a", 0.5), ("b", 0.75)]
    only = combined("War", 0.4, {"lstm": members["lstm"]}, {"lstm": 1.0}, takes_both=False)
    assert only.heat is None and only.poster_share is None


def test_heat_is_relative_to_its_largest_value() -> None:
    assert scaled(np.array([[-1.0, 2.0, 4.0]])).tolist() == [[0.0, 0.5, 1.0]]
    assert scaled(np.array([[-1.0, 0.0]])).tolist() == [[0.0, 0.0]]
