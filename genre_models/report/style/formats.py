"""Number and text formats shared by sentences, tables and plots, in HTML and Markdown."""

import math
import re
from collections.abc import Sequence

NOTHING = "–"
_MOST_DIGITS = 9


def number(value: object) -> float | None:
    """Return the value as a finite float, or None if it is not one. Booleans and strings are not numbers."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    try:
        converted = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) else None


def show(value: object, digits: int = 3) -> str:
    """Format a number as `0.349` or `−0.020`, or as a dash if there is none."""
    finite = number(value)
    if finite is None:
        return NOTHING
    text = f"{finite:.{digits}f}"
    # A tiny negative rounds to "-0.000", which would look like a negative difference.
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: object, digits: int = 3) -> str:
    """Format a number with its sign, `+0.142` or `−0.020`."""
    finite = number(value)
    if finite is None:
        return NOTHING
    text = show(finite, digits)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"


def ends(interval: object) -> tuple[float, float] | None:
    """Return both ends of an interval as floats, or None unless both exist."""
    if not isinstance(interval, Sequence) or isinstance(interval, str) or len(interval) != 2:
        return None
    low, high = number(interval[0]), number(interval[1])
    return None if low is None or high is None else (low, high)


def span(interval: object, digits: int = 3, joint: str = " to ") -> str:
    """Format an interval as `0.121 to 0.163`, or as an empty string if missing."""
    both = ends(interval)
    return "" if both is None else f"{_bound(both[0], digits)}{joint}{_bound(both[1], digits)}"


def _bound(value: float, digits: int) -> str:
    """Format the end of an interval; one that is not 0 gets the decimals that show it."""
    while value and digits < _MOST_DIGITS and float(f"{value:.{digits}f}") == 0:
        digits += 1
    return show(value, digits)


def narrow(interval: object, digits: int = 3) -> str:
    """Format an interval as `.231–.268`, for narrow table columns."""
    return re.sub(r"(?<!\d)0\.", ".", span(interval, digits, joint="–"))


def percent(share: object, digits: int = 0) -> str:
    """Format a fraction as `42 %`."""
    finite = number(share)
    return NOTHING if finite is None else f"{show(finite * 100, digits)} %"


def some_percent(share: object, digits: int = 0) -> str:
    """Format a fraction as `42 %`; one that is not 0 but rounds to it as `under 1 %`."""
    finite = number(share)
    if finite and float(f"{abs(100 * finite):.{digits}f}") == 0:
        return f"under {10.0**-digits:g} %"
    return percent(share, digits)


def count(value: object) -> str:
    """Format a whole number with thousands separators, `3,464,601`."""
    finite = number(value)
    return NOTHING if finite is None else f"{round(finite):,}"


def films(value: int) -> str:
    """Format a number of films, `1 film` or `961 films`."""
    return f"{value:,} film" if value == 1 else f"{value:,} films"


def duration(seconds: object) -> str:
    """Format seconds as `12 s`, `34 min` or `1 h 05 min`."""
    elapsed = number(seconds)
    if elapsed is None:
        return NOTHING
    if elapsed < 0.1:
        return "under 0.1 s"
    if elapsed < 9.95:
        return f"{elapsed:.1f} s"
    if elapsed < 120:
        return f"{elapsed:.0f} s"
    minutes = round(elapsed / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def sentence(text: object) -> str:
    """Capitalize a text and end it with a full stop."""
    words = str(text or "").strip()
    if not words:
        return ""
    return f"{words[0].upper()}{words[1:]}{'' if words.endswith(('.', '!', '?')) else '.'}"


def listed(items: Sequence[str], most: int | None = None) -> str:
    """Join items as `A, B and C`; after `most` of them, only the number of the rest is given."""
    shown = list(items)
    if most is not None and len(shown) > most + 1:
        shown = [*shown[:most], f"{len(shown) - most} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def slug(text: str) -> str:
    """Return a text as a part of an anchor: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def cut(text: str, most: float) -> str:
    """Truncate a text to `most` characters."""
    limit = max(2, int(most))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
