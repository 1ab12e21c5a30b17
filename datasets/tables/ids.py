"""Names of columns and ids of films, in the notations of public data sets."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

_SIMPLE = re.compile(r"[\s_\-]+")
_NUMBER = re.compile(r"(?:tt)?0*(\d+)(?:\.0+)?", re.IGNORECASE)
_IMDB = re.compile(r"tt\d{5,}", re.IGNORECASE)
_IMDB_NAMES = frozenset({"imdb", "imdbid", "imdbtitleid", "tconst", "const"})
_TMDB_NAMES = frozenset({"tmdb", "tmdbid"})


def simple(name: str) -> str:
    """Return a column's name without case, spaces, hyphens and underscores."""
    return _SIMPLE.sub("", name).casefold()


def exact_key(name: str) -> str:
    """Return a name in Unicode's composed form, as some systems store names decomposed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def loose_key(name: str) -> str:
    """Return a name without case and, of a number, without tt, leading zeros and .0: equal for `862.0` and `862`."""
    match = _NUMBER.fullmatch(name)
    return match.group(1) if match else exact_key(name).casefold()


def id_kind(name: str, values: Sequence[Any]) -> str:
    """Return whose ids a column holds: "imdb", "tmdb", or the column's `simple` name.

    Args:
        name: of the column.
        values: some of its values; IMDb's ids are recognised under any name.
    """
    plain = simple(name)
    if plain in _IMDB_NAMES:
        return "imdb"
    if plain in _TMDB_NAMES:
        return "tmdb"
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    return "imdb" if texts and all(map(_IMDB.fullmatch, texts)) else plain


def id_text(value: Any) -> str:
    """Return a value as text without surrounding white space; "" for None and NaN.

    A whole number of floating point, as a column with gaps has them, loses its .0, and MongoDB's `{"$oid": …}` its
    braces.
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith("$"):
        return id_text(next(iter(value.values())))
    return str(value)
