"""The bootstrap: metrics of each resample are those of the films drawn, and models are compared film by film."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.metrics import bootstrap, classification

FILMS, GENRES = 40, 5
SEED = 3


@pytest.fixture(scope="module")
def films() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with one film of the last genre, so that resamples without any occur; scores with ties; thresholds."""
    draw = np.random.default_rng(0)
    labels = (draw.random((FILMS, GENRES)) < 0.4).astype(np.float32)
    labels[:, -1] = 0
    labels[0, -1] = 1
    scores = np.round(np.clip(0.4 * labels + draw.random(labels.shape) * 0.6, 0, 1), 2).astype(np.float32)
    return labels, scores, np.array([0.3, 0.4, 0.5, 0.6, 0.2])


def drawn_films(resamples: int) -> list[np.ndarray]:
    """The films of each resample: as many as there are, with replacement, from one seeded generator."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, FILMS, FILMS) for _ in range(resamples)]


def test_metrics_are_those_of_the_films_drawn(films: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, thresholds = films
    found = bootstrap.resample(labels, scores, thresholds, resamples=30, seed=SEED)
    without_last = 0
    for i, rows in enumerate(drawn_films(30)):
        # The same films as counts repeated: the order of films means nothing to a metric.
        rows = np.repeat(np.arange(FILMS), np.bincount(rows, minlength=FILMS))
        wanted = classification.metrics(labels[rows], scores[rows], thresholds)
        for group in ("at_half", "at_tuned"):
            for name in ("micro_f1", "macro_f1"):
                assert found.metrics[f"{group}_{name}"][i] == pytest.approx(wanted[group][name], abs=1e-9)
        for name in ("loss", "mean_average_precision", "micro_average_precision", "top3_recall"):
            assert found.metrics[name][i] == pytest.approx(wanted[name], abs=1e-6)
        expected = classification.average_precisions(labels[rows], scores[rows])
        assert found.average_precisions[i] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        without_last += np.isnan(expected[-1])
    assert 0 < without_last < 30


def test_pieces_do_not_change_the_draws(
    films: tuple[np.ndarray, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bootstrap.resample(*films, resamples=30, seed=SEED)
    monkeypatch.setattr(bootstrap, "_CELLS", 7 * FILMS)  # seven resamples at a time, one for the micro ranking
    pieces = bootstrap.resample(*films, resamples=30, seed=SEED)
    assert whole.metrics.keys() == pieces.metrics.keys()
    for name, values in whole.metrics.items():
        assert len(values) == 30
        assert pieces.metrics[name] == pytest.approx(values, abs=1e-12)


def test_a_model_does_not_differ_from_itself(films: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, thresholds = films
    one = bootstrap.resample(labels, scores, thresholds, resamples=60, seed=SEED)
    same = bootstrap.resample(labels, scores.copy(), thresholds, resamples=60, seed=SEED)
    other_draws = bootstrap.resample(labels, scores, thresholds, resamples=60, seed=SEED + 1)
    for name in one.metrics:
        assert bootstrap.interval(one.metrics[name] - same.metrics[name]) == [0.0, 0.0]
    assert bootstrap.interval(one.metrics["loss"] - other_draws.metrics["loss"]) != [0.0, 0.0]


def test_paired_interval_is_tighter_than_the_spread_of_each() -> None:
    """A model that is better by 0.01 in each film's loss is better on every resample, however films differ."""
    draw = np.random.default_rng(0)
    labels = np.ones((200, 1), np.float32)
    losses = draw.uniform(0.2, 3.0, (200, 1))
    better, worse = np.exp(-losses), np.exp(-losses - 0.01)
    drawn = [bootstrap.resample(labels, s, np.full(1, 0.5), resamples=100) for s in (better, worse)]
    assert bootstrap.interval(drawn[0].metrics["loss"] - drawn[1].metrics["loss"]) == pytest.approx(
        [-0.01, -0.01], abs=1e-9
    )
    low, high = bootstrap.interval(drawn[0].metrics["loss"]) or (0.0, 0.0)
    assert high - low > 0.1


def test_interval_of_a_known_case() -> None:
    """Recall is 1 for a quarter of 200 films and 0 for the rest.

    Its mean over resamples is binomial(200, 0.25) / 200: the 95 % interval is 0.25 -+ 1.96 * sqrt(0.25 * 0.75 / 200),
    0.19 to 0.31. Five hundred resamples tell its ends to about 0.004.
    """
    labels = np.zeros((200, 4), np.float32)
    labels[:50, 0] = 1
    labels[50:, 3] = 1
    scores = np.tile(np.array([0.9, 0.8, 0.7, 0.1]), (200, 1))  # genre 3 is never among the top three
    drawn = bootstrap.resample(labels, scores, np.full(4, 0.5), resamples=500, seed=0)
    assert bootstrap.interval(drawn.metrics["top3_recall"]) == pytest.approx([0.19, 0.31], abs=0.015)


def test_interval_of_too_few_values() -> None:
    values = np.full(200, np.nan)
    values[:49] = 0.5
    assert bootstrap.interval(values) is None
    values[:101] = np.linspace(0, 1, 101)
    assert bootstrap.interval(values) == pytest.approx([0.025, 0.975])


def test_fewer_resamples_of_very_many_films() -> None:
    assert bootstrap.resamples_for(1000) == 1000
    assert bootstrap.resamples_for(1_000_000) == 400
    assert bootstrap.resamples_for(400_000_000) == 100
    assert bootstrap.resamples_for(0, 500) == 500


def test_interval_is_freed_of_the_bias_that_the_resamples_show() -> None:
    values = np.linspace(0.4, 0.6, 101)  # percentiles 0.405 and 0.595, around 0.5
    assert bootstrap.interval(values, 0.3) == pytest.approx([0.205, 0.395])
    assert bootstrap.interval(values, 0.05, most=1) == pytest.approx([0.0, 0.145])
    assert bootstrap.interval(values, 0.95, most=1) == pytest.approx([0.855, 1.0])
