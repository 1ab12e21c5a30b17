"""Checks of options against their types and ranges, wherever their values come from."""

from __future__ import annotations

import json
import math
import reprlib
import types
import typing
from collections.abc import Collection
from dataclasses import fields
from typing import Any, Literal

LARGEST_SEED = 2**32 - 1
"""Numpy's own limit."""
_LARGEST = 2**31 - 1  # what TensorFlow counts to
_MOST_SHOWN = 100
_LONGEST_YAML, _MOST_VALUES = 1 << 20, 100_000
_known: dict[type[Any], dict[str, Any]] = {}


def check_types(options: Any) -> None:
    """Check that the options in a dataclass are of their types: a command line checks that, a file does not.

    Raises:
        ValueError: naming the option and the values that it may have.
    """
    hints = _hints(type(options))
    for field in fields(options):
        value = getattr(options, field.name)
        if why := _fault(value, hints[field.name]):
            raise ValueError(f"{field.name} must be {why}, not {shown(value)}")


def check_numbers(options: Any, *, at_least_1: Collection[str] = ()) -> None:
    """Check that the numbers in a dataclass are finite and not negative.

    Args:
        options: the dataclass, whose types were checked.
        at_least_1: names of numbers that must not be 0 either.

    Raises:
        ValueError: naming the option and its range.
    """
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name in at_least_1 and value < 1:
            raise ValueError(f"{field.name} must be at least 1, not {value}")
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise ValueError(f"{field.name} must be at least 0, not {value}")
        if isinstance(value, tuple) and any(item < 1 for item in value):
            raise ValueError(f"{field.name} must be numbers of at least 1, not {shown(value)}")
        largest = LARGEST_SEED if field.name == "seed" else _LARGEST
        if any(isinstance(item, int) and item > largest for item in (value if isinstance(value, tuple) else (value,))):
            raise ValueError(f"{field.name} must be at most {largest}, not {shown(value)}")


def _hints(of: type[Any]) -> dict[str, Any]:
    if of not in _known:  # reading them is slow: the annotations are texts
        _known[of] = typing.get_type_hints(of)
    return _known[of]


def _fault(value: Any, hint: Any) -> str:
    """Return the values that an option may have, "" if it has one."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "" if isinstance(value, str) and value in arguments else f"one of {', '.join(map(str, arguments))}"
    if origin in (typing.Union, types.UnionType):
        faults = [_fault(value, argument) for argument in arguments]
        return "" if "" in faults else " or ".join(faults)
    if origin is tuple:
        whole = isinstance(value, tuple) and all(map(_is_whole, value))
        return "" if whole else "a list of whole numbers"
    if hint is bool:
        return "" if isinstance(value, bool) else "true or false"
    if hint is int:
        return "" if _is_whole(value) else "a whole number"
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if number else "a number"
    if hint is str:
        return "" if isinstance(value, str) else "a text"
    return ""


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def parse_json(text: str) -> Any:
    """Parse JSON. Raises ValueError for a text that is none, or has brackets in thousands of brackets."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None


def parse_yaml(text: str) -> Any:
    """Parse YAML of at most a megabyte and 100,000 values; a few lines can name billions.

    Raises:
        ValueError: it is none, or holds more; the message is one line.
    """
    import yaml

    if len(text) > _LONGEST_YAML:
        raise ValueError(f"it has {len(text):,} characters, more than settings have")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None and _values_below(node, {}) > _MOST_VALUES:
            raise ValueError(f"it holds more than {_MOST_VALUES:,} values")
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:  # of dates and numbers that are none the last two
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or (str(error) or repr(error)).splitlines()[0]
        raise ValueError(f"{str(why)[:_MOST_SHOWN]}{f', line {mark.line + 1}' if mark else ''}") from error


def _values_below(node: Any, known: dict[int, float]) -> float:
    """Count the values in a node of YAML, each as often as it is named."""
    if id(node) not in known:
        known[id(node)] = math.inf  # of a list that holds itself
        children = node.value if isinstance(node.value, list) else ()
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        known[id(node)] = 1 + sum(_values_below(part, known) for part in parts)
    return known[id(node)]


def in_short(error: BaseException) -> str:
    """Return an error's type and text in short: that of a text that is none holds all its bytes."""
    return f"{type(error).__name__}: {str(error)[:_MOST_SHOWN]}"


def shown(value: Any) -> str:
    """Return a value for a message, in short: a file may name one list a billion times."""
    text = reprlib.repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
