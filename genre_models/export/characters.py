"""Python's Unicode data as tables and as character classes of RE2.

TensorFlow brings Unicode data of its own, and its regular expressions know words of ASCII alone. Overviews must be cut
into the words of training, so that the graph is given Python's data.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Callable, Iterable

SIGMA, FINAL_SIGMA = "\u03a3", "\u03c2"


def _all() -> Iterable[str]:
    """Yield all characters but surrogates, which no text in UTF-8 holds."""
    return (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def _class_of(is_in: Callable[[str], bool]) -> str:
    """Return the ranges of a character class of RE2, without its brackets."""
    ranges: list[list[int]] = []
    for character in filter(is_in, _all()):
        code = ord(character)
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in ranges)


@functools.cache
def word() -> str:
    r"""Return the class of `\\w` in Python."""
    return _class_of(lambda c: c.isalnum() or c == "_")


@functools.cache
def decimal() -> str:
    r"""Return the class of `\\d` in Python."""
    return _class_of(str.isdecimal)


@functools.cache
def other_digit() -> str:
    """Return the class of digits that are no decimals, such as those of Ethiopic."""
    return _class_of(lambda c: c.isdigit() and not c.isdecimal())


@functools.cache
def space() -> str:
    """Return the class of white space, at which `str.split` splits and which `str.strip` removes."""
    return _class_of(str.isspace)


@functools.cache
def ignorable() -> str:
    """Return the class of case-ignorable characters, which a capital sigma's lower case passes over."""
    return _class_of(_is_ignorable)


@functools.cache
def cased() -> str:
    """Return the class of cased characters that are not case-ignorable."""
    return _class_of(_is_cased)


def _is_cased(c: str) -> bool:
    return f"a{SIGMA}{c}".lower()[1] != FINAL_SIGMA


def _is_ignorable(c: str) -> bool:
    return not _is_cased(c) and f"a{SIGMA}{c}a".lower()[1] != FINAL_SIGMA


@functools.cache
def lower_cases() -> dict[str, str]:
    """Return the lower case of all characters that have another one."""
    return {c: low for c in _all() if (low := c.lower()) != c}


@functools.cache
def without_accents() -> dict[str, str]:
    """Return the decompositions (NFKD) of characters, without combining marks, where they differ."""
    plain = {}
    for c in _all():
        # In ranges without a decomposition nothing is to be done: three quarters of the time.
        if unicodedata.decomposition(c) or unicodedata.combining(c) or "\uac00" <= c <= "\ud7a3":
            normal = unicodedata.normalize("NFKD", c)
            plain[c] = "".join(part for part in normal if not unicodedata.combining(part))
    return {c: new for c, new in plain.items() if new != c}
