"""Thresholds: the best F1 by brute force, and how far a genre's own is trusted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from genre_models.thresholds import best_f1_threshold, tune_thresholds


def brute_force(labels: np.ndarray, scores: np.ndarray) -> float:
    """The best F1 that any threshold reaches, by trying each."""
    return max(float(f1_score(labels, scores >= t)) for t in np.unique(scores))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("digits", [1, 6])
def test_best_f1_against_brute_force(seed: int, digits: int) -> None:
    draw = np.random.default_rng(seed)
    labels = (draw.random(40) < 0.3).astype(np.float32)
    labels[0] = 1
    scores = np.round(np.clip(0.3 * labels + draw.random(40) * 0.7, 0, 1), digits).astype(np.float32)
    threshold = best_f1_threshold(labels, scores)
    assert f1_score(labels, scores >= threshold) == pytest.approx(brute_force(labels, scores))
    assert threshold not in scores  # between two scores, so that rounding cannot turn an answer round


def test_worked_by_hand() -> None:
    """Answering yes to the best 1, 2, 3, 4 of 1, 1, 0, 1 gives F1 2/4, 4/5, 4/6, 6/7: all four, 0 to 0.2 midway."""
    scores = np.array([0.2, 0.8, 0.4, 0.6])
    assert best_f1_threshold(np.array([1, 1, 0, 1]), scores) == pytest.approx(0.1)
    # Of 0, 1, 0, 1 from the lowest: 2/3, 2/4, 4/5, 4/6: the best three, so midway from 0.4 to 0.2.
    assert best_f1_threshold(np.array([0, 1, 1, 0]), scores) == pytest.approx(0.3)


def test_no_film_of_the_genre() -> None:
    assert best_f1_threshold(np.zeros(5), np.linspace(0.1, 0.9, 5)) == 0.5
    assert tune_thresholds(np.zeros((5, 2)), np.full((5, 2), 0.3)).tolist() == [0.5, 0.5]


def split_at(threshold: float, films: int, positives: int) -> tuple[np.ndarray, np.ndarray]:
    """A genre with a clear cut: its films score 0.1 above the threshold, all others 0.1 below."""
    labels = np.zeros(films, np.float32)
    labels[:positives] = 1
    return labels, np.where(labels > 0, threshold + 0.1, threshold - 0.1)


def test_shrunk_toward_the_common_one() -> None:
    """A genre's own threshold weighs n / (n + 20).

    Of 100 films, 20 have A (clear at 0.8), 60 have B (clear at 0.4), 4 have C (clear at 0.8).
    The common one is the best over all 300 pairs: B's cut at 0.4 answers yes to 0.5 and above, so to 20 + 60 + 4
    right ones and to the 80 + 96 others of A and C at 0.7 as well; a cut at 0.8 answers only A's and C's 24.
    F1: 2*84/(260+84) = 0.488 (at 0.4, above 0.3), 2*24/(24+84) = 0.444 (at 0.8, above 0.7) and
    2*84/(300+84) = 0.4375 (all). So 0.4 is common; A gets half of 0.8 and half of 0.4.
    """
    parts = [split_at(0.8, 100, 20), split_at(0.4, 100, 60), split_at(0.8, 100, 4)]
    labels, scores = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
    tuned = tune_thresholds(labels, scores)
    assert tuned == pytest.approx([0.6, 0.4, 0.4])


@pytest.mark.parametrize(("positives", "wanted"), [(4, 0.2), (5, 0.26)])
def test_five_films_are_the_fewest(positives: int, wanted: float) -> None:
    """A's 50 films score 0.3, B's few 0.9, all others 0.1: the common threshold, right about all, is 0.2; B's is 0.5.

    With five films B's own weighs 5 / 25: 0.2 * 0.5 + 0.8 * 0.2 = 0.26. With four it weighs nothing.
    """
    labels = np.zeros((100, 2), np.float32)
    labels[:50, 0] = labels[:positives, 1] = 1
    scores = np.where(labels > 0, [0.3, 0.9], 0.1)
    assert tune_thresholds(labels, scores) == pytest.approx([0.2, wanted])
