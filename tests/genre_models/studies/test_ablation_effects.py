"""An ablation of runs: mean and spread over seeds, the effect of each component, and its certainty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss

from genre_models.studies.ablation_effects import METRIC_KEYS, SPLITS, RunScores, effect, evaluate_run, over_seeds


def run_with(value: float, draws: np.ndarray) -> RunScores:
    """A run with one value for every figure, and these values on the resamples."""
    return RunScores(
        {split: dict.fromkeys(METRIC_KEYS, value) for split in SPLITS},
        {split: dict.fromkeys(METRIC_KEYS, draws) for split in SPLITS},
    )


def test_a_run_is_evaluated_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(1)
    labels = {split: (rng.random((40, 3)) < 0.4).astype(np.float32) for split in SPLITS}
    scores = {split: rng.random((40, 3)) for split in SPLITS}
    run = evaluate_run(labels, scores, resamples=100)
    for split in SPLITS:
        wanted = average_precision_score(labels[split], scores[split], average="macro")
        assert run.metrics[split]["mean_average_precision"] == pytest.approx(wanted)
        loss = np.mean([log_loss(labels[split][:, g], scores[split][:, g]) for g in range(3)])
        assert run.metrics[split]["loss"] == pytest.approx(loss, rel=1e-5)
        assert {len(draws) for draws in run.drawn[split].values()} == {100}


def test_mean_and_spread_over_seeds() -> None:
    draws = np.zeros(100)
    spread = over_seeds([run_with(value, draws) for value in (0.1, 0.2, 0.6)])
    assert spread is not None
    entry = spread["test"]["loss"]
    assert entry["mean"] == pytest.approx(0.3)
    assert (entry["low"], entry["high"]) == (0.1, 0.6)
    assert entry["deviation"] == pytest.approx(0.2646, abs=1e-4)  # by hand: sqrt((.04 + .01 + .09) / 2)
    one = over_seeds([run_with(0.1, draws)])
    assert one is not None and one["test"]["loss"]["deviation"] is None
    assert over_seeds([]) is None


def test_a_difference_is_paired_by_seed_and_clear_only_where_every_seed_agrees() -> None:
    draws = np.linspace(-0.001, 0.001, 101)
    zero = np.zeros(101)
    with_component = {0: run_with(0.30, draws), 1: run_with(0.32, draws), 7: run_with(0.9, draws)}
    without = {0: run_with(0.25, zero), 1: run_with(0.25, zero)}
    spread = effect(with_component, without)
    assert spread is not None
    entry = spread["test"]["mean_average_precision"]
    assert entry["difference"] == pytest.approx(0.06)  # the seed without a partner has no say
    assert entry["by_seed"] == pytest.approx([0.05, 0.07])
    assert entry["interval"] == pytest.approx([0.06 - 0.00095, 0.06 + 0.00095])
    assert entry["clear"]
    with_component[1] = run_with(0.249, draws)
    split = effect(with_component, without)
    assert split is not None
    # The mean over seeds lies beyond its interval, which knows nothing of seeds; but they do not agree.
    assert split["test"]["mean_average_precision"]["interval"][0] > 0
    assert not split["test"]["mean_average_precision"]["clear"]
    assert effect(with_component, {5: without[0]}) is None
