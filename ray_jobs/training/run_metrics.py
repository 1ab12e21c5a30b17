"""Figures of a run as Ray's metrics, which its dashboard, Prometheus and Grafana show.

`deploy/grafana.json` has a chart of each.
"""

from __future__ import annotations

import functools
import urllib.parse
from typing import Any

from datasets.storage import files
from genre_models.training.history import EpochMetrics

TAGS = ("run",)
GAUGES = {
    "film_genres_epoch": ("epoch", "Last epoch that ended"),
    "film_genres_loss": ("loss", "Training loss of the last epoch"),
    "film_genres_validation_loss": ("validation_loss", "Cross-entropy on the validation films"),
    "film_genres_validation_mean_average_precision": (
        "validation_mean_average_precision",
        "Mean average precision on the validation films",
    ),
    "film_genres_films_per_second": ("films_per_second", "Training films a second over all workers"),
}
"""By the metric's name: its field of `EpochMetrics`, and its description."""
COUNTER = "film_genres_epochs"
"""Counter of epochs that ended; Prometheus knows it by this name and `_total`."""


class RunMetrics:
    """Writer of a run's metrics, of which rank 0 has one."""

    def __init__(self, run: str) -> None:
        """Tag the metrics with the last two names of the run's folder; Ray's tags take ASCII alone."""
        name = f"{files.name(files.parent(run))}/{files.name(run)}"
        self._tags = {"run": urllib.parse.quote(name, safe="/ ")}

    def write(self, metrics: EpochMetrics) -> None:
        """Set the gauges to an epoch's figures, and count it."""
        gauges, counter = _instruments()
        for name, (field, _) in GAUGES.items():
            gauges[name].set(float(getattr(metrics, field)), tags=self._tags)
        counter.inc(1.0, tags=self._tags)


@functools.cache
def _instruments() -> tuple[dict[str, Any], Any]:
    """Return this process's gauges and counter: a sweep's trials share them."""
    from ray.util.metrics import Counter, Gauge

    gauges = {name: Gauge(name, description, tag_keys=TAGS) for name, (_, description) in GAUGES.items()}
    return gauges, Counter(COUNTER, "Epochs that ended", tag_keys=TAGS)
