"""Every figure of the evaluate agrees with scikit-learn, which computes it in another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from genre_models.metrics import classification

GENRES = 7
NO_FILM = 5  # the genre that no film has
CONSTANT = 6  # the genre that every film has the same score for


def evaluated(seed: int, *, films: int = 60, digits: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random labels, scores and thresholds; with few digits, many scores are equal.

    No film has one genre, one genre's scores are constant, three films have no genre, three
    reach no threshold and three have five genres.
    """
    draw = np.random.default_rng(seed)
    labels = (draw.random((films, GENRES)) < 0.5 * 0.7 ** np.arange(GENRES)).astype(np.float32)
    labels[:, NO_FILM] = 0
    labels[:3] = 0
    labels[6:9, :5] = 1
    scores = np.round(np.clip(0.5 * labels + draw.normal(0.25, 0.3, labels.shape), 0, 1), digits).astype(np.float32)
    scores[:, CONSTANT] = 0.3
    scores[3:6] = 0.01
    return labels, scores, draw.uniform(0.2, 0.7, GENRES)


CASES = [evaluated(seed, digits=digits) for seed in range(2) for digits in (6, 1)]
cases = pytest.mark.parametrize(("labels", "scores", "thresholds"), CASES)


def answers(scores: np.ndarray, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    return {"at_half": scores >= np.full(GENRES, 0.5), "at_tuned": scores >= thresholds}


def test_cases_hold_the_hard_ones() -> None:
    for labels, scores, thresholds in CASES:
        assert not labels[:, NO_FILM].any()
        assert (labels.sum(axis=1) == 0).any()
        assert (labels.sum(axis=1) > 3).any()
        for predicted in answers(scores, thresholds).values():
            assert (~predicted.any(axis=1)).any()
    assert any(len(np.unique(scores[:, 0])) < 15 for _, scores, _ in CASES)


@cases
def test_average_precisions(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> None:
    del thresholds
    present = labels.any(axis=0)
    found = classification.metrics(labels, scores, np.full(GENRES, 0.5))
    macro = sk.average_precision_score(labels[:, present], scores[:, present], average="macro")
    assert found["mean_average_precision"] == pytest.approx(macro, abs=1e-6)
    micro = sk.average_precision_score(labels, scores, average="micro")
    assert found["micro_average_precision"] == pytest.approx(micro, abs=1e-6)


@cases
def test_answers(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> None:
    found = classification.metrics(labels, scores, thresholds)
    present = labels.any(axis=0)
    for name, predicted in answers(scores, thresholds).items():
        wanted = {
            "precision": sk.precision_score(labels, predicted, average="micro", zero_division=0),
            "recall": sk.recall_score(labels, predicted, average="micro", zero_division=0),
            "micro_f1": sk.f1_score(labels, predicted, average="micro", zero_division=0),
            "macro_f1": sk.f1_score(labels[:, present], predicted[:, present], average="macro", zero_division=0),
            "samples_f1": sk.f1_score(labels, predicted, average="samples", zero_division=0),
        }
        assert found[name] == pytest.approx(wanted, abs=1e-6)


@cases
def test_loss(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> None:
    """Keras clips probabilities at 1e-7 from 0 and 1; scikit-learn is given them so clipped, in double precision."""
    p = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    wanted = sk.log_loss(labels.ravel(), np.stack([1 - p.ravel(), p.ravel()], axis=1), labels=[0, 1])
    assert classification.metrics(labels, scores, thresholds)["loss"] == pytest.approx(wanted, abs=1e-6)


@cases
def test_top3_recall(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> None:
    recalls = []
    for film in range(len(labels)):
        likeliest = sorted(range(GENRES), key=lambda g, film=film: (-scores[film, g], g))[:3]
        true = [g for g in range(GENRES) if labels[film, g]]
        recalls.append(len(set(likeliest) & set(true)) / min(3, len(true)) if true else 0.0)
    assert classification.top3_recalls(labels, scores).tolist() == pytest.approx(recalls, abs=1e-6)
    found = classification.metrics(labels, scores, thresholds)["top3_recall"]
    assert found == pytest.approx(sum(recalls) / len(recalls), abs=1e-6)


@cases
def test_per_genre(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> None:
    names = [f"genre {g}" for g in range(GENRES)]
    found = classification.per_genre(labels, scores, thresholds, names)
    assert list(found) == names
    for g, name in enumerate(names):
        entry = found[name]
        assert entry["films"] == np.count_nonzero(labels[:, g])
        assert entry["threshold"] == thresholds[g]
        if g == NO_FILM:
            assert entry["average_precision"] is None
        else:
            wanted = sk.average_precision_score(labels[:, g], scores[:, g])
            assert entry["average_precision"] == pytest.approx(wanted, abs=1e-6)
        for at, predicted in answers(scores, thresholds).items():
            precision, recall, f1, _ = sk.precision_recall_fscore_support(
                labels[:, g], predicted[:, g], average="binary", zero_division=0
            )
            expected = {"precision": precision, "recall": recall, "f1": f1, "predicted": predicted[:, g].sum()}
            assert entry[at] == pytest.approx(expected, abs=1e-6)


@cases
def test_weighted_average_precisions(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> None:
    """Weights that say how often a film was drawn do what drawing the films does."""
    del thresholds
    counts = np.random.default_rng(1).multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=10)
    found = classification.average_precisions(labels, scores, counts.astype(np.float64))
    assert found.shape == (10, GENRES)
    assert np.isnan(found[:, NO_FILM]).all()
    for row, count in zip(found, counts, strict=True):
        drawn_labels, drawn_scores = np.repeat(labels, count, axis=0), np.repeat(scores, count, axis=0)
        for g in range(GENRES):
            if drawn_labels[:, g].any():
                wanted = sk.average_precision_score(drawn_labels[:, g], drawn_scores[:, g])
                assert row[g] == pytest.approx(wanted, abs=1e-6)
            else:
                assert np.isnan(row[g])


def test_worked_by_hand() -> None:
    """Two films, four genres. Film 0 has genres 0 and 1 and its top three are 0, 2, 3: 1 of 2. Film 1: 3 of 3.

    At 0.5 film 0 answers 0 and 2, film 1 answers 1 and 3: 3 hits of 4 answers and 6 truths
    (film 1 has four genres): precision 3/4, recall 1/2, micro-F1 2*3/(4+6) = 0.6,
    samples-F1 the mean of 2*1/(2+2) and 2*2/(2+4): 7/12.
    """
    labels = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], np.float32)
    scores = np.array([[0.9, 0.1, 0.8, 0.2], [0.2, 0.7, 0.4, 0.6]], np.float32)
    found = classification.metrics(labels, scores, np.full(4, 0.5))
    assert found["top3_recall"] == pytest.approx(0.75)
    figures: dict[str, Any] = found["at_half"]
    assert [figures[k] for k in ("precision", "recall", "micro_f1", "samples_f1")] == pytest.approx(
        [0.75, 0.5, 0.6, 7 / 12]
    )


def test_top3_recalls_are_float64() -> None:
    """So that the figure and the bootstrap's, which works in float64, agree beyond single precision."""
    labels, scores = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)
    assert classification.top3_recalls(labels, scores).dtype == np.float64


def test_nothing_true_and_nothing_answered() -> None:
    labels, scores = np.zeros((4, 3), np.float32), np.full((4, 3), 0.2, np.float32)
    found = classification.decisions(labels, scores >= 0.5)
    assert classification.mean_average_precision(labels, scores) == 0.0
    assert found == {"precision": 0.0, "recall": 0.0, "micro_f1": 0.0, "macro_f1": 0.0, "samples_f1": 0.0}
