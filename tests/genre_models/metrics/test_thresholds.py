"""Thresholds: the best F1 by brute force, and how far a genre's own is trusted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from genre_models.metrics.thresholds import best_f1_threshold, tune_thresholds


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
    """A genre's own threshold weighs n / (n + 10).

    Of 100 films, 20 have A (clear at 0.8), 60 have B (clear at 0.4), 4 have C (clear at 0.8).
    The common one is the best over all 300 pairs: B's cut at 0.4 answers yes to 0.5 and above, so to 20 + 60 + 4
    right ones and to the 80 + 96 others of A and C at 0.7 as well; a cut at 0.8 answers only A's and C's 24.
    F1: 2*84/(260+84) = 0.488 (at 0.4, above 0.3), 2*24/(24+84) = 0.444 (at 0.8, above 0.7) and
    2*84/(300+84) = 0.4375 (all). So 0.4 is common; A gets two thirds of 0.8 and one of 0.4.
    """
    parts = [split_at(0.8, 100, 20), split_at(0.4, 100, 60), split_at(0.8, 100, 4)]
    labels, scores = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
    tuned = tune_thresholds(labels, scores)
    assert tuned == pytest.approx([2 / 3, 0.4, 0.4])


@pytest.mark.parametrize(("positives", "wanted"), [(4, 0.2), (5, 0.3)])
def test_five_films_are_the_fewest(positives: int, wanted: float) -> None:
    """A's 50 films score 0.3, B's few 0.9, all others 0.1: the common threshold, right about all, is 0.2; B's is 0.5.

    With five films B's own weighs 5 / 15: 0.5 / 3 + 0.2 * 2 / 3 = 0.3. With four it weighs nothing.
    """
    labels = np.zeros((100, 2), np.float32)
    labels[:50, 0] = labels[:positives, 1] = 1
    scores = np.where(labels > 0, [0.3, 0.9], 0.1)
    assert tune_thresholds(labels, scores) == pytest.approx([0.2, wanted])


def test_chances_in_place_of_labels() -> None:
    """Of chances 0.9, 0.6, 0.1, sum 1.6, the best 1, 2, 3 have an expected 1.8/2.6, 3/3.6, 3.2/4.6: two."""
    chances = np.array([0.6, 0.1, 0.9])
    assert best_f1_threshold(chances, chances) == pytest.approx(0.35)


def drawn(seed: int, films: int, genres: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are true probabilities, of genres from frequent to rare, and labels drawn by them."""
    draw = np.random.default_rng(seed)
    scores = draw.beta(0.5, np.linspace(1.5, 12, genres), (films, genres))
    return (draw.random((films, genres)) < scores).astype(np.float32), scores


def test_half_the_best_f1() -> None:
    """What Lipton et al. prove of true probabilities: the best threshold is half of the F1 that it reaches."""
    labels, scores = drawn(0, 50_000, genres=1)
    threshold = best_f1_threshold(scores[:, 0], scores[:, 0])
    assert threshold == pytest.approx(f1_score(labels[:, 0], scores[:, 0] >= threshold) / 2, abs=0.01)


def test_chosen_on_few_films_it_holds_on_others() -> None:
    """Twelve times 400 films: other films lose far less of the best macro-F1 than by the thresholds seen to be best."""

    def macro_f1(labels: np.ndarray, answers: np.ndarray) -> float:
        return float(f1_score(labels, answers, average="macro", zero_division=0))

    others, other_scores = drawn(99, 20_000)
    genres = range(others.shape[1])
    best = macro_f1(others, other_scores >= [best_f1_threshold(others[:, g], other_scores[:, g]) for g in genres])
    lost, lost_by_seen = [], []
    for seed in range(12):
        labels, scores = drawn(seed, 400)
        seen = [best_f1_threshold(labels[:, g], scores[:, g]) for g in genres]
        lost_by_seen.append(best - macro_f1(others, other_scores >= seen))
        lost.append(best - macro_f1(others, other_scores >= tune_thresholds(labels, scores)))
    assert np.mean(lost) < 0.6 * np.mean(lost_by_seen)
    assert np.mean(lost) < 0.02


def test_probabilities_that_are_too_sure() -> None:
    """Scores twice too sure and shifted are read as what they mean: the answers stay nearly the same."""
    labels, scores = drawn(3, 2_000)
    bent = 1 / (1 + np.exp(-(2 * np.log(scores / (1 - scores)) + 1)))
    straight, told = scores >= tune_thresholds(labels, scores), bent >= tune_thresholds(labels, bent)
    assert (straight != told).mean() < 0.02
    assert (straight != (bent >= 0.5)).mean() > 0.05  # as a fixed threshold would not
