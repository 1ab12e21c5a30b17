"""Late fusion: weights against brute force, rare genres held to the average, honest out-of-fold scores."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.metrics.calibration import logits, probabilities
from genre_models.metrics.classification import binary_crossentropy
from genre_models.metrics.stacking import average_weights, fuse


def films(number: int, seed: int = 0, genres: int = 4) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Labels, two models that each see one of two independent halves of what makes a genre, and one of noise."""
    draw = np.random.default_rng(seed)
    poster, overview = draw.normal(size=(2, number, genres))
    labels = (draw.random((number, genres)) < probabilities(1.5 * poster + 1.5 * overview - 1)).astype(np.float32)
    return labels, {
        "poster": probabilities(1.2 * poster - 0.8),
        "overview": probabilities(1.2 * overview - 0.8),
        "noise": probabilities(draw.normal(size=(number, genres)) - 0.8),
    }


def test_weights_against_brute_force() -> None:
    labels, scores = films(300)
    z = np.stack([logits(p) for p in scores.values()], axis=-1)
    weights = average_weights(labels, z)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 51) for b in np.linspace(0, 1 - a, 51)]
    best = min(grid, key=lambda w: binary_crossentropy(labels, probabilities(z @ np.array(w))))
    assert weights == pytest.approx(best, abs=0.03)


def test_together_they_are_better_than_either_on_films_never_seen() -> None:
    labels, scores = films(600)
    found = fuse(labels, {key: scores[key] for key in ("poster", "overview")})
    tested, new = films(600, seed=1)
    loss = binary_crossentropy(tested, found.model(new))
    assert loss < min(binary_crossentropy(tested, new[key]) for key in ("poster", "overview")) - 0.05
    assert found.model.method == "stack"  # the two logits must be added, not averaged
    assert [way["loss"] for way in found.tried] == sorted(way["loss"] for way in found.tried)


def test_out_of_fold_scores_are_honest() -> None:
    """Their loss is that on new films and not that on the films learned from, which is lower."""
    labels, scores = films(60, genres=8)
    found = fuse(labels, scores)
    tested, new = films(4000, seed=1, genres=8)
    told, learned, true = (
        binary_crossentropy(*pair)
        for pair in ((labels, found.out_of_fold), (labels, found.model(scores)), (tested, found.model(new)))
    )
    assert learned < told
    assert abs(told - true) < 0.05


def test_a_genre_with_few_films_stays_near_the_average() -> None:
    labels, scores = films(400)
    labels[:, 3] = 0
    labels[:3, 3] = 1
    model = fuse(labels, scores).model
    assert model.method == "stack"
    average = np.concatenate([[0.0], model.weights])
    apart = np.abs(model.coefficients[:, 1:] - average[1:]).max(axis=1)
    assert apart[3] < apart[:3].min()


def test_an_optional_model_takes_part_only_where_it_helps() -> None:
    labels, scores = films(400)
    two = {key: scores[key] for key in ("poster", "noise")}
    helped = fuse(labels, two | {"overview": scores["overview"]}, optional=["overview"])
    assert helped.model.members == ("poster", "noise", "overview")
    labels, scores = films(60)
    alone = fuse(labels, scores, optional=["noise"])
    assert alone.model.members == ("poster", "overview")
    assert {tuple(way["voices"]) for way in alone.tried} == {("poster", "overview"), ("poster", "overview", "noise")}


def test_the_same_seed_gives_the_same_fusion() -> None:
    labels, scores = films(100)
    one, two = fuse(labels, scores, seed=3), fuse(labels, scores, seed=3)
    assert (one.out_of_fold == two.out_of_fold).all()
    assert one.tried == two.tried


def test_a_genre_without_films_and_scores_of_0_and_1_are_borne() -> None:
    labels, scores = films(40)
    labels[:, 0] = 0
    scores["poster"] = np.round(scores["poster"])
    found = fuse(labels, scores)
    assert np.isfinite(found.model(scores)).all()
    assert ((found.out_of_fold >= 0) & (found.out_of_fold <= 1)).all()


def test_too_few_films_are_refused() -> None:
    labels, scores = films(9)
    with pytest.raises(ValueError, match="9 validation films are too few"):
        fuse(labels, scores)
