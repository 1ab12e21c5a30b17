"""The one table of metrics: its keys are those that are computed, and choices elsewhere agree with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from genre_models.metrics import bootstrap, classification, names
from genre_models.training.history import EpochMetrics

LABELS = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
SCORES = np.array([[0.9, 0.2], [0.4, 0.7], [0.3, 0.6]])


def flat(metrics: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in metrics.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}_")
        else:
            yield prefix + key


def test_every_metric_that_is_computed_has_a_row() -> None:
    computed = classification.metrics(LABELS, SCORES, np.full(2, 0.5))
    assert sorted(flat(computed)) == sorted(names.BY_KEY)
    assert all(isinstance(names.value(computed, key), float) for key in names.BY_KEY)
    genre = classification.per_genre(LABELS, SCORES, np.full(2, 0.5), ["Drama", "War"])["Drama"]
    assert all(isinstance(names.value(genre, metric.key), float) for metric in names.GENRE_METRICS)


def test_every_metric_with_an_interval_is_resampled() -> None:
    samples = bootstrap.resample(LABELS, SCORES, np.full(2, 0.5), resamples=3)
    assert sorted(samples.metrics) == sorted(metric.key for metric in names.WITH_INTERVAL)


def test_metrics_of_a_run_by_their_short_keys() -> None:
    at_tuned = {"precision": 0.1, "recall": 0.2, "micro_f1": 0.3, "macro_f1": 0.4, "samples_f1": 0.5}
    metrics = {"loss": 0.6, "mean_average_precision": 0.7, "at_tuned": at_tuned, "at_half": {"micro_f1": 0.8}}
    wanted = {"mean_average_precision": 0.7, "micro_f1": 0.3, "macro_f1": 0.4, "loss": 0.6}
    assert names.summary(metrics) == wanted
    assert list(names.summary(metrics)) == list(wanted)  # those of which more is better come first
    assert names.value(metrics, "at_half_micro_f1") == 0.8
    assert names.value(metrics, "at_half_macro_f1") is None is names.value({}, "at_half_micro_f1")


@pytest.mark.parametrize("key", names.SELECTING)
def test_what_selects_is_recorded_of_every_epoch(key: str) -> None:
    assert key in EpochMetrics.__dataclass_fields__
    assert names.other_selecting(key) in set(names.SELECTING) - {key}
