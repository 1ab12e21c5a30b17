"""The genres of one film, in the notations of public data sets."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Sequence
from typing import Any

BLANK = frozenset({"", "nan", "n/a", "na", "none", "null", "<na>", "\\n", "-"})
"""Values that say nothing, in lower case."""
NO_GENRE_NAMES = frozenset({*BLANK, "(no genres listed)", "no genres listed", "unknown"})
"""Names that say that no genre is known, in lower case."""
SEPARATORS = ("|", ";", ",", "、", "，", "；", "/", "／")
_YES = frozenset({"1", "1.0", "true", "yes"})
_NO = frozenset({"0", "0.0", "false", "no", "", "nan", "n/a", "na", "none", "null", "<na>", "\\n"})
TMDB_GENRES = {
    **{"28": "Action", "12": "Adventure", "16": "Animation", "35": "Comedy", "80": "Crime", "99": "Documentary"},
    **{"18": "Drama", "10751": "Family", "14": "Fantasy", "36": "History", "27": "Horror", "10402": "Music"},
    **{"9648": "Mystery", "10749": "Romance", "878": "Science Fiction", "10770": "TV Movie", "53": "Thriller"},
    **{"10752": "War", "37": "Western", "10759": "Action & Adventure", "10762": "Kids", "10763": "News"},
    **{"10764": "Reality", "10765": "Sci-Fi & Fantasy", "10766": "Soap", "10767": "Talk"},
    **{"10768": "War & Politics", "10769": "Foreign"},
}
"""Names of the genres by the numbers that TMDB's lists of films have in `genre_ids`."""
_NAME_KEYS = ("name", "genre", "label", "title", "tag")
# A list as NumPy prints it: no commas between the names.
_NUMPY_LIST = re.compile(r"""^\[\s*(['"]).*\1\s*\]$""", re.DOTALL)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


_KNOWN = "|".join(re.escape(name) for name in sorted(TMDB_GENRES.values(), key=len, reverse=True))
_KNOWN_LIST = re.compile(rf"(?:{_KNOWN})(?:[ -](?:{_KNOWN}))*", re.IGNORECASE)
_KNOWN_NAME = re.compile(_KNOWN, re.IGNORECASE)
KNOWN_NAMES = "TMDB's names"
"""In place of a separator: genres of TMDB with spaces or hyphens between them, `Action Science Fiction`."""
_MOST_OTHERS = 0.02  # share of texts with another name


def binary_label(value: Any) -> int | None:
    """Return 1 for a yes in any spelling, 0 for a no, blank or NaN; else None."""
    if isinstance(value, str):
        text = value.strip().casefold()
        return 1 if text in _YES else 0 if text in _NO else None
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        if isinstance(value, float) and math.isnan(value):
            return 0
        return int(value) if value in (0, 1) else None
    return None


def names_of(value: Any, separator: str = "") -> tuple[str, ...] | None:
    """Return the names of a film's genres; None if the value is no list of names.

    Args:
        value: a list of names or of objects with a name, the same as JSON or Python text, or names with a separator.
        separator: between the names of a plain text, or `KNOWN_NAMES`; "" takes the first of `SEPARATORS` that occurs.
    """
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in "[{(" and text[-1:] in "]})" and text.casefold() not in NO_GENRE_NAMES:
            return _listed(text)
        if text.casefold() in NO_GENRE_NAMES:
            return (" ".join(text.split()),) if text else ()
        if separator == KNOWN_NAMES:
            return tuple(_KNOWN_NAME.findall(text)) if _KNOWN_LIST.fullmatch(text) else (" ".join(text.split()),)
        separator = separator or next((mark for mark in SEPARATORS if mark in text), ",")
        return tuple(name for part in text.split(separator) if (name := " ".join(part.split())))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ()
    return _flat(value)


def _listed(text: str) -> tuple[str, ...] | None:
    names = [a or b for a, b in _QUOTED.findall(text)] if _NUMPY_LIST.match(text) else []
    if len(names) > 1 and "," not in re.sub(_QUOTED, "", text):
        return tuple(names)
    for parse in (json.loads, ast.literal_eval):
        try:
            return _flat(parse(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    inner = text[1:-1].strip()
    # [Drama, Comedy] without quotes.
    return names_of(inner) if inner and not set("[]{}:'\"") & set(inner) else None


def _flat(value: Any) -> tuple[str, ...] | None:
    """Return the names in a parsed value."""
    if isinstance(value, dict):
        key = next((name for name in _NAME_KEYS if isinstance(value.get(name), str)), None)
        items: Sequence[Any] = [value[key]] if key else list(value.values())
    elif isinstance(value, (list, tuple, set)):
        items = list(value)
    elif isinstance(value, (str, int, float)):
        return (" ".join(str(value).split()),)
    else:
        return None
    found: list[str] = []
    for item in items:
        if isinstance(item, (dict, list, tuple)):
            inner = _flat(item)
            if inner is None:
                return None
            found += inner
        elif item is not None:
            found.append(" ".join(str(item).split()))
    return tuple(name for name in found if name)


def separator_of(values: Sequence[Any]) -> str:
    """Return the separator of a column's plain texts: the first of `SEPARATORS` that occurs in any of them.

    Where none does, and nearly all are rows of TMDB's names, it is `KNOWN_NAMES`.
    """
    texts = [text.strip() for text in values if isinstance(text, str)]
    plain = [text for text in texts if text[:1] not in ("[", "{") and text.casefold() not in NO_GENRE_NAMES]
    if mark := next((mark for mark in SEPARATORS if any(mark in text for text in plain)), ""):
        return mark
    several = any(len(_KNOWN_NAME.findall(text)) > 1 for text in plain)
    others = sum(not _KNOWN_LIST.fullmatch(text) for text in plain)
    return KNOWN_NAMES if several and others <= _MOST_OTHERS * len(plain) else ","
