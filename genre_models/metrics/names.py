"""The one table of metrics: key, label, direction and meaning.

A new metric is a row here and its computation in `classification.py` (with an interval, in `bootstrap.py` too).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RANKING, HALF, TUNED = "without threshold", "at 0.5", "tuned"
_PREFIXES = {HALF: "at_half_", TUNED: "at_tuned_"}
NAMED_FROM = {
    HALF: "A genre is named from a probability of 0.5 on.",
    TUNED: "A genre is named from its own threshold on, chosen on the validation films.",
}
"""Meaning of the groups of metrics that need thresholds."""


@dataclass(frozen=True)
class Metric:
    """One metric of a model."""

    key: str
    """Flat key, such as `at_tuned_micro_f1` for `micro_f1` in the group `at_tuned`."""
    label: str
    """Short name, for the head of a column."""
    meaning: str
    group: str = RANKING
    """The thresholds behind it: RANKING (none), HALF or TUNED."""
    words: str = ""
    """Name in a sentence, where the label abbreviates it."""
    lower_is_better: bool = False
    interval: bool = False
    """Whether it gets a bootstrap interval, and paired differences between models."""
    summary: bool = False
    """Whether each training run of an ablation, a sweep or an average is reported with it."""
    selects: bool = False
    """Whether it is also computed on the validation films after every epoch, so that it can select the best."""

    @property
    def short_key(self) -> str:
        """Key without the group."""
        return self.key.removeprefix(_PREFIXES.get(self.group, ""))

    @property
    def title(self) -> str:
        """Label with the thresholds, such as `micro-F1, tuned`."""
        return self.label + {HALF: " at 0.5", TUNED: ", tuned"}.get(self.group, "")

    @property
    def arrow(self) -> str:
        """Arrow for the head of a column where lower is better, or nothing."""
        return " ↓" if self.lower_is_better else ""


def _with_thresholds(*rows: Metric) -> tuple[Metric, ...]:
    """Return each row once for each kind of threshold. Only tuned thresholds are in the summary of a run."""
    return tuple(
        Metric(
            f"{prefix}{row.key}", row.label, row.meaning, group, interval=row.interval,
            summary=row.summary and group == TUNED,
        )
        for group, prefix in _PREFIXES.items()
        for row in rows
    )  # fmt: skip


METRICS = (
    Metric(
        "loss", "loss", "Binary cross-entropy of a genre and film; 0 is perfect.", lower_is_better=True, interval=True,
        summary=True, selects=True,
    ),
    Metric(
        "mean_average_precision", "mean AP",
        "Average precision of each genre, averaged over genres: how well films are put in order, without a threshold. "
        "Blind guessing scores the genre's share of films.",
        words="mean average precision", interval=True, summary=True, selects=True,
    ),
    Metric(
        "micro_average_precision", "micro AP",
        "Average precision over all pairs of film and genre in one list; frequent genres decide it.", interval=True,
    ),
    Metric(
        "top3_recall", "top-3 recall",
        "Share of a film's genres among the model's first three (of at most three), averaged over films.",
        interval=True,
    ),
    *_with_thresholds(
        Metric("precision", "precision", "Of the genres the model named, the share that is true."),
        Metric("recall", "recall", "Of the true genres, the share that the model named."),
        Metric(
            "micro_f1", "micro-F1", "Harmonic mean of precision and recall of all answers; frequent genres decide it.",
            interval=True, summary=True,
        ),
        Metric(
            "macro_f1", "macro-F1", "Mean of the F1 of every genre; a rare genre counts as much as Drama.",
            interval=True, summary=True,
        ),
        Metric("samples_f1", "samples-F1", "Mean of the F1 of every film."),
    ),
)  # fmt: skip
"""All metrics of a model, in the order of the page."""

GENRE_METRICS = (
    Metric("average_precision", "AP", "Average precision, without any threshold"),
    Metric("at_tuned_precision", "precision", "Precision at the genre's tuned threshold", TUNED),
    Metric("at_tuned_recall", "recall", "Recall at the genre's tuned threshold", TUNED),
    Metric("at_tuned_f1", "F1", "F1 at the genre's tuned threshold", TUNED),
    Metric("at_half_f1", "F1 at 0.5", "F1 at the plain threshold of 0.5", HALF),
)
"""The metrics of a model at one genre that the page shows."""

BY_KEY = {metric.key: metric for metric in METRICS}
MEAN_AP = BY_KEY["mean_average_precision"]
WITH_INTERVAL = tuple(metric for metric in METRICS if metric.interval)
MAIN = tuple(metric for metric in WITH_INTERVAL if metric.group != HALF)
"""The metrics by which two models are compared."""
SUMMARY = tuple(sorted((metric for metric in METRICS if metric.summary), key=lambda metric: metric.lower_is_better))
"""The metrics of each training run, those of which more is better first."""
SELECTING = {f"validation_{m.key}": "min" if m.lower_is_better else "max" for m in METRICS if m.selects}
"""Metrics of an epoch by which epochs, runs and trials are compared, each with its better end."""


def value(metrics: Mapping[str, Any], key: str) -> Any:
    """Return a metric by its flat key from nested ones, or None."""
    for prefix in _PREFIXES.values():
        if key.startswith(prefix):
            return (metrics.get(prefix.rstrip("_")) or {}).get(key.removeprefix(prefix))
    return metrics.get(key)


def summary(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of SUMMARY by their short keys from nested ones."""
    return {metric.short_key: float(value(metrics, metric.key)) for metric in SUMMARY}


def other_selecting(key: str) -> str:
    """Return the metric of SELECTING that is reported beside the one that selects."""
    return next(other for other in SELECTING if other != key)
