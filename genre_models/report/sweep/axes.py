"""What the pictures of a sweep share: where the axis of the metric ends, which colour a trial has."""

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from genre_models.report.style.colours import INK, MUTED, colour
from genre_models.report.style.formats import number
from genre_models.report.sweep.query import START, best, lower_is_better, marks, row


def limits(sweep: Mapping[str, Any], values: Sequence[float]) -> tuple[float, float]:
    """The axis of the metric: whole on the good side, without stragglers on the other (Tukey's fences, 1977)."""
    low, high = min(values), max(values)
    if len(values) > 3:
        first, _, third = quantiles(values)
        reach = 1.5 * (third - first)
        # The two trials of interest are never cut off, however bad.
        kept = [
            found for which in (START, best(sweep)) if (found := number(row(sweep, which).get("value"))) is not None
        ]
        if lower_is_better(sweep):
            high = min(high, max([third + reach, *kept]))
        else:
            low = max(low, min([first - reach, *kept]))
    room = (high - low) * 0.07 or abs(high) * 0.02 or 0.01
    return low - room, high + room


def tone(sweep: Mapping[str, Any], trial: Mapping[str, Any]) -> str:
    """The colour of a trial: the model's for the best and for those that finished, else ink or grey."""
    marked = marks(sweep, trial["number"])
    if "best" in marked:
        return colour(sweep)
    return INK if marked else colour(sweep) if trial["status"] == "finished" else MUTED


def thin(drawn: int) -> float:
    """Many lines or dots are drawn fainter, or they become one blot."""
    return 1.0 if drawn <= 40 else max(0.35, (40 / drawn) ** 0.5)


def within(value: float, low: float, high: float) -> float:
    """The value, or the end of the axis that it lies beyond."""
    return min(max(value, low), high)
