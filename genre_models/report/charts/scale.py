"""Scales of charts: from values to places, and round ticks whose labels are exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from genre_models.report.style.formats import show, signed

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_SLACK = 1e-9


@dataclass(frozen=True)
class Scale:
    """A map from values to places in pixels."""

    low: float
    high: float
    start: float
    end: float
    kind: str = "linear"
    """Or "log", or "root", which spreads small values."""

    def __call__(self, value: float) -> float:
        """Return the place of a value; outside the scale, that of the nearer end."""
        inside = min(max(value, self.low), self.high)
        low, high, at = (self._spread(v) for v in (self.low, self.high, inside))
        return self.start + (at - low) / ((high - low) or 1.0) * (self.end - self.start)

    def outside(self, value: float) -> int:
        """Return -1 for a value below the scale, 1 for one above it, else 0."""
        slack = _SLACK * (abs(self.high - self.low) or 1.0)
        return -1 if value < self.low - slack else 1 if value > self.high + slack else 0

    def _spread(self, value: float) -> float:
        if self.kind == "log":
            return math.log10(value)
        return math.sqrt(max(0.0, value)) if self.kind == "root" else value

    def ticks(self, most: int, *, whole: bool = False) -> list[float]:
        """Return at most `most` + 1 round values on the scale; `whole` allows no fractions."""
        if self.kind == "log":
            return _log_ticks(self.low, self.high, most)
        return round_ticks(self.low, self.high, most, whole=whole)


def round_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return round values between two ends, at most `most` + 1."""
    if high <= low:
        return [low]
    rough = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in _ROUND if factor * power >= rough * (1 - _SLACK))
    if whole:
        step = max(1.0, math.ceil(step - _SLACK))
    first = math.ceil(low / step - 1e-6)
    count = math.floor(high / step + 1e-6) - first + 1
    return [(first + place) * step for place in range(max(0, count))]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        values = [step * 10.0**decade for decade in decades for step in steps]
        inside = [value for value in values if low * (1 - _SLACK) <= value <= high * (1 + _SLACK)]
        if len(inside) >= 2:
            break
    return inside[:: math.ceil(len(inside) / most) or 1] if inside else [low]


def tick_labels(ticks: Sequence[float], *, plus: bool = False) -> list[str]:
    """Return labels with as many decimals as the ticks need, so that none is rounded; `plus` shows the sign."""
    digits = next((n for n in range(7) if all(abs(round(t, n) - t) < 10.0 ** -(n + 4) for t in ticks)), 7)
    return [signed(tick, digits) if plus else show(tick, digits) for tick in ticks]
