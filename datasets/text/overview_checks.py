"""Checks of overviews: their language, and genre names among their words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Of 2,000 English overviews 96 % have one of these. Not "is", "of", "to" or "for", which Dutch, Polish or Danish has.
_ENGLISH = frozenset(["the", "and", "his", "with", "who", "when", "after", "from", "their", "into"])
_FEWEST_WORDS = 6  # shorter texts do not show their language
_WORD = re.compile(r"[^\W\d_]+")


def foreign_share(overviews: Sequence[str]) -> float:
    """Return the share of overviews that are not English: no common word, or mostly letters that are not Latin."""
    foreign = counted = 0
    for overview in overviews:
        words = _WORD.findall(overview.casefold())
        latin = latin_share(overview)
        if len(words) < _FEWEST_WORDS and latin > 0.5:
            continue
        counted += 1
        foreign += latin <= 0.5 or _ENGLISH.isdisjoint(words)
    return foreign / counted if counted else 0.0


def latin_share(text: str) -> float:
    """Return the share of a text's letters that are Latin; 1 for a text without letters."""
    letters = [letter for letter in text if letter.isalpha()]
    if not letters or text.isascii():
        return 1.0
    return sum(letter < "\u0250" or "LATIN" in unicodedata.name(letter, "") for letter in letters) / len(letters)


def leak_share(overviews: Sequence[str], genres: Sequence[Sequence[str]]) -> float:
    """Return the share of overviews that name one of their film's own genres.

    Args:
        overviews: one a film.
        genres: names of each film's genres.
    """
    patterns: dict[str, re.Pattern[str]] = {}
    leaks = 0
    for overview, names in zip(overviews, genres, strict=True):
        lower = overview.casefold()
        for name in names:
            if name.casefold() not in lower:  # most are not, and a pattern costs more
                continue
            if name not in patterns:
                patterns[name] = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
            if patterns[name].search(overview):
                leaks += 1
                break
    return leaks / len(overviews) if overviews else 0.0
