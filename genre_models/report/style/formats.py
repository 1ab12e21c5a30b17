"""Number formats of sentences, tables and plots: one way each, for the page and for Markdown."""

import math
import re
from collections.abc import Sequence

NOTHING = "–"


def number(value: object) -> float | None:
    """The value as a finite float, or None where there is none (None, NaN, infinity, not a number)."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def show(value: object, digits: int = 3) -> str:
    """`0.349`, `−0.020`, or a dash where there is no figure."""
    found = number(value)
    if found is None:
        return NOTHING
    text = f"{found:.{digits}f}"
    # A tiny negative rounds to "-0.000", which reads as a finding where there is none.
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: object, digits: int = 3) -> str:
    """`+0.142` or `−0.020`."""
    found = number(value)
    if found is None:
        return NOTHING
    text = show(found, digits)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"


def ends(interval: object) -> tuple[float, float] | None:
    """Both ends of an interval as floats, or None unless both are there."""
    if not isinstance(interval, Sequence) or isinstance(interval, str) or len(interval) != 2:
        return None
    low, high = number(interval[0]), number(interval[1])
    return None if low is None or high is None else (low, high)


def span(interval: object, digits: int = 3, joint: str = " to ") -> str:
    """`0.121 to 0.163`, or an empty string where there is no interval."""
    both = ends(interval)
    return "" if both is None else f"{show(both[0], digits)}{joint}{show(both[1], digits)}"


def narrow(interval: object, digits: int = 3) -> str:
    """`.231–.268`: an interval in the small type of a table, where every pixel of width counts."""
    return re.sub(r"(?<!\d)0\.", ".", span(interval, digits, joint="–"))


def percent(share: object, digits: int = 0) -> str:
    """A share of 1 as `42 %`."""
    found = number(share)
    return NOTHING if found is None else f"{show(found * 100, digits)} %"


def count(value: object) -> str:
    """A whole number with thousands set off: `3,464,601`."""
    found = number(value)
    return NOTHING if found is None else f"{round(found):,}"


def films(value: int) -> str:
    """`1 film`, `961 films`."""
    return f"{value:,} film" if value == 1 else f"{value:,} films"


def duration(seconds: object) -> str:
    """`12 s`, `34 min`, `1 h 05 min`."""
    found = number(seconds)
    if found is None:
        return NOTHING
    if found < 0.1:
        return "under 0.1 s"
    if found < 9.95:
        return f"{found:.1f} s"
    if found < 120:
        return f"{found:.0f} s"
    minutes = round(found / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def sentence(text: object) -> str:
    """A text that starts with a capital and ends with a full stop."""
    words = str(text or "").strip()
    if not words:
        return ""
    return f"{words[0].upper()}{words[1:]}{'' if words.endswith(('.', '!', '?')) else '.'}"


def listed(items: Sequence[str], most: int | None = None) -> str:
    """`A, B and C`; with `most`, the first ones and how many more there are."""
    shown = list(items)
    if most is not None and len(shown) > most + 1:
        shown = [*shown[:most], f"{len(shown) - most} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def cut(text: str, most: float) -> str:
    """A text of at most so many characters."""
    kept = max(2, int(most))
    return text if len(text) <= kept else f"{text[: kept - 1]}…"
