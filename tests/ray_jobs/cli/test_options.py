"""The options of the jobs agree with the tables that they choose from."""

from __future__ import annotations

from typing import get_args

from genre_models.metrics.names import SELECTING
from ray_jobs.cli.options import Metric


def test_best_epochs_are_chosen_by_the_metrics_of_the_table() -> None:
    assert get_args(Metric) == tuple(SELECTING)
