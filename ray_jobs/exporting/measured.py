"""Metrics of a model for its card: of the evaluation that it took part in, or of its validation films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.storage import files
from genre_models.export.card import Measured
from genre_models.export.parts import NetworkPart, Part
from genre_models.metrics import names
from genre_models.predictors.find import evaluated_models

_COMPARISON = "comparison.json"


def measured(models: Sequence[str], part: Part) -> Measured | None:
    """Return a model's metrics with their intervals; without an evaluation those of its validation films.

    Args:
        models: folders of checkpoints or models.
        part: the model read from them.
    """
    if len(models) > 1:
        return None
    for comparison, key in _comparisons(files.absolute(models[0])):
        if found := _from_comparison(comparison, key):
            return found
    if not isinstance(part, NetworkPart) or not part.checkpoint.history:
        return None
    last, films = part.checkpoint.metrics, part.checkpoint.store.get("films", {}).get("validation")
    rows = [(names.BY_KEY[key.removeprefix("validation_")].title, key) for key in names.SELECTING]
    return Measured(
        f"{films} validation films, which chose the epoch and the thresholds",
        tuple((label, float(getattr(last, key)), None) for label, key in rows),
    )


def _comparisons(place: str) -> list[tuple[dict[str, Any], str]]:
    """Return the comparisons of a model folder or checkpoint, each with its key there."""
    parent = files.parent(place)
    if files.name(parent) == "models":
        return [(files.read_json_object(files.join(files.parent(parent), _COMPARISON)), files.name(place))]
    runs = files.parent(parent)
    reports = {files.parent(files.parent(model)) for model in evaluated_models(runs).values()} if runs else set()
    comparisons = [files.read_json_object(files.join(report, _COMPARISON)) for report in sorted(reports)]
    return [
        (comparison, key)
        for comparison in comparisons
        for key, model in comparison.get("models", {}).items()
        if model.get("checkpoint") and files.absolute(model["checkpoint"]) == place
    ]


def _from_comparison(comparison: dict[str, Any], key: str) -> Measured | None:
    model = comparison.get("models", {}).get(key)
    if not model:
        return None
    intervals = model.get("intervals", {})
    rows = []
    for metric in names.MAIN:
        value, interval = names.value(model["metrics"], metric.key), intervals.get(metric.key)
        if value is not None:
            rows.append((metric.title, float(value), (float(interval[0]), float(interval[1])) if interval else None))
    films, seen = comparison.get("films", {}).get("evaluated"), comparison.get("seen_in_training")
    known = f", {seen} of which it learned from" if seen else " that it did not learn from"
    return Measured(f"{films} films{known}", tuple(rows))
