"""Axis limits and trial colours shared by the plots of a sweep."""

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from genre_models.report.style.colours import INK, MUTED, colour
from genre_models.report.style.formats import number
from genre_models.report.sweep.query import START, best, lower_is_better, marks, row


def limits(sweep: Mapping[str, Any], values: Sequence[float]) -> tuple[float, float]:
    """Return axis limits of the metric, without outliers on the bad side (Tukey's fences, 1977)."""
    low, high = min(values), max(values)
    if len(values) > 3:
        first, _, third = quantiles(values)
        reach = 1.5 * (third - first)
        # The starting point and the best trial are always inside the limits.
        reference = [
            value for which in (START, best(sweep)) if (value := number(row(sweep, which).get("value"))) is not None
        ]
        if lower_is_better(sweep):
            high = min(high, max([third + reach, *reference]))
        else:
            low = max(low, min([first - reach, *reference]))
    room = (high - low) * 0.07 or abs(high) * 0.02 or 0.01
    return low - room, high + room


def tone(sweep: Mapping[str, Any], trial: Mapping[str, Any]) -> str:
    """Return a trial's colour: the model's for the best and the finished, ink for the start, else grey."""
    marked = marks(sweep, trial["number"])
    if "best" in marked:
        return colour(sweep)
    return INK if marked else colour(sweep) if trial["status"] == "finished" else MUTED


def thin(drawn: int) -> float:
    """Return an opacity from 1 down to 0.35: the more lines or dots, the fainter."""
    return 1.0 if drawn <= 40 else max(0.35, (40 / drawn) ** 0.5)


def within(value: float, low: float, high: float) -> float:
    """Return the value clipped to the axis."""
    return min(max(value, low), high)
