"""The films to show: what is called right is right, what is called wrong is wrong, and kinds take turns."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from genre_models.metrics.example_films import choose, showing

GENRES = 8
REGISTRY = {"cnn right, lstm wrong", "lstm right, cnn wrong", "both right", "both wrong"}


def films(number: int, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Films of one to four genres, and two models that are each right about some."""
    draw = np.random.default_rng(seed)
    labels = np.zeros((number, GENRES), np.float32)
    for row in labels:
        row[draw.choice(GENRES, draw.integers(1, 5), replace=False)] = 1
    scores = {}
    for key in ("cnn", "lstm"):
        knows = draw.random((number, 1)) < 0.5
        scores[key] = np.where(knows, labels, 1 - labels) * 0.5 + draw.random(labels.shape) * 0.4
    return labels, scores


def recall_of(labels: np.ndarray, scores: np.ndarray) -> float:
    """One film's true genres among its three likeliest, of its genres or of three."""
    likeliest = set(np.argsort(-scores)[:3].tolist())
    true = set(np.flatnonzero(labels).tolist())
    return len(likeliest & true) / min(3, len(true))


def verdicts(kind: str) -> dict[str, str]:
    """Which model is said to be what: "both wrong" -> {"cnn": "wrong", "lstm": "wrong"}."""
    if kind.startswith("both "):
        return dict.fromkeys(("cnn", "lstm"), kind.removeprefix("both "))
    return {words.split()[0]: words.split()[1] for words in kind.split(", ")}


@pytest.mark.parametrize("seed", range(3))
def test_right_and_wrong_are_so(seed: int) -> None:
    labels, scores = films(200, seed)
    chosen = choose(labels, scores)
    assert len(chosen) == 12
    assert len({shown.film for shown in chosen}) == 12
    assert Counter(shown.kind for shown in chosen) == dict.fromkeys(REGISTRY, 3)
    for shown in chosen:
        for key, verdict in verdicts(shown.kind).items():
            recall = recall_of(labels[shown.film], scores[key][shown.film])
            assert recall == 1 if verdict == "right" else recall <= 1 / 3 + 1e-9


def test_one_model() -> None:
    labels, scores = films(200)
    chosen = choose(labels, {"lstm": scores["lstm"]})
    assert Counter(shown.kind for shown in chosen) == {"lstm right": 6, "lstm wrong": 6}
    for shown in chosen:
        recall = recall_of(labels[shown.film], scores["lstm"][shown.film])
        assert recall == 1 if shown.kind == "lstm right" else recall <= 1 / 3 + 1e-9


def test_fewer_films_than_wanted() -> None:
    """Three films: both right, both wrong, and one half right, which is neither right nor wrong."""
    labels = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 1]], np.float32)
    scores = np.tile(np.array([0.9, 0.8, 0.7, 0.2, 0.1]), (3, 1))
    chosen = choose(labels, {"cnn": scores, "lstm": scores.copy()})
    assert sorted((shown.film, shown.kind) for shown in chosen) == [(0, "both right"), (1, "both wrong")]


def test_kind_with_few_films_leaves_its_places() -> None:
    """19 films that both are right about and one that both are wrong about make 11 and 1."""
    labels = np.zeros((20, 5), np.float32)
    labels[:19, 0] = 1
    labels[19, 4] = 1
    scores = np.tile(np.array([0.9, 0.8, 0.7, 0.2, 0.1]), (20, 1))
    chosen = choose(labels, {"cnn": scores, "lstm": scores.copy()})
    assert Counter(shown.kind for shown in chosen) == {"both right": 11, "both wrong": 1}


def test_spans_the_genres() -> None:
    """97 films of one genre and one each of three others, all right: the three are among the first four."""
    labels = np.zeros((100, 4), np.float32)
    labels[:, 0] = 1
    labels[97:] = np.eye(4)[1:]
    chosen = choose(labels, {"cnn": labels * 0.9}, films=4)
    assert {int(np.argmax(labels[shown.film])) for shown in chosen} == {0, 1, 2, 3}


def test_number_of_films() -> None:
    labels, scores = films(200)
    assert [len(choose(labels, scores, films=n)) for n in (0, 1, 5, 20)] == [0, 1, 5, 20]


def test_a_film_shows_why_a_model_leads() -> None:
    labels = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    best = np.array([[0.6, 0.1, 0.1, 0.1], [0.7, 0.2, 0.1, 0.1], [0.1, 0.9, 0.8, 0.7], [0.9, 0.9, 0.1, 0.1]])
    rival = np.array([[0.3, 0.4, 0.5, 0.6], [0.2, 0.1, 0.1, 0.1], [0.1, 0.9, 0.8, 0.7], [0.0, 0.9, 0.9, 0.9]])
    # Both name it for the second film, where the lead in probability is larger; only the first is missed by the rival.
    assert showing(labels, best, rival, 0) == 0
    assert showing(labels[1:], best[1:], rival[1:], 0) == 0  # of the other two: the one that is found
    assert showing(labels, best, None, 0) == 1  # without a rival the surest
    assert showing(labels, best, rival, 2) is None  # no film has it


def test_no_films() -> None:
    assert choose(np.zeros((0, 5), np.float32), {"cnn": np.zeros((0, 5))}) == []
