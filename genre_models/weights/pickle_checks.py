"""Bounds of a pickle before it is loaded: its operations, its memo, and the size of what it makes."""

from __future__ import annotations

import pickletools
from typing import BinaryIO

_MOST_OPERATIONS = 2_000_000
_MOST_PARTS = 20_000_000
"""Parts of all values, each counted wherever it is: a few lists that hold each other make billions."""
_CONSTANTS = {
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "INT", "LONG1", "LONG", "BINFLOAT", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
    *("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "GLOBAL"),
}
_FROM_MARK = {"TUPLE", "LIST", "DICT"}
_INTO = {"APPENDS", "SETITEMS"}
_POPS = {
    "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "REDUCE": 2, "BUILD": 2, "APPEND": 2, "SETITEM": 3, "BINPERSID": 1,
    "STACK_GLOBAL": 2,
}  # fmt: skip


class PickleError(ValueError):
    """A pickle that is not loaded, because it would take too much time or memory."""


class _Value:
    """A value on the unpickler's stack: the number of its parts."""

    def __init__(self, parts: int = 1) -> None:
        self.parts = parts


def check_pickle(stream: BinaryIO) -> None:
    """Check the pickle that begins at the stream's position, which moves behind it.

    Raises:
        PickleError: it has an operation that no weights need, or would make too many values.
        ValueError, IndexError: it is damaged.
    """
    stack: list[_Value | None] = []  # None is a mark
    memo: dict[int, _Value] = {}
    for number, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        name = operation.name
        if number > _MOST_OPERATIONS:
            raise PickleError(f"has more than {_MOST_OPERATIONS:,} operations")
        if name in ("PROTO", "FRAME", "STOP"):
            continue
        if name == "MARK":
            stack.append(None)
        elif name in _CONSTANTS:
            stack.append(_Value())
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE", "PUT"):
            place = len(memo) if name == "MEMOIZE" else int(str(argument))
            if place > number:  # the unpickler makes room for all places below
                raise PickleError(f"names place {place:,} of its memo after {number:,} operations")
            memo[place] = _top(stack)
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[int(str(argument))])
        elif name in _FROM_MARK or name in _INTO or name in _POPS:
            _join(stack, name)
        else:
            raise PickleError(f"has the operation {name}, which no file of weights needs")


def _join(stack: list[_Value | None], name: str) -> None:
    """Replace the operands of an operation by its result."""
    values: list[_Value] = []
    if name in _POPS:
        values = [_top(stack, pop=True) for _ in range(_POPS[name])]
    else:
        while (value := stack.pop()) is not None:
            values.append(value)
        if name in _INTO:
            values.append(_top(stack, pop=True))
    parts = 1 + sum(value.parts for value in values)
    if parts > _MOST_PARTS:
        raise PickleError(f"would make more than {_MOST_PARTS:,} values out of few")
    # What is changed in place keeps its places in the memo, where it has grown too.
    result = values[-1] if name in (*_INTO, "APPEND", "SETITEM", "BUILD") else _Value()
    result.parts = parts
    stack.append(result)


def _top(stack: list[_Value | None], *, pop: bool = False) -> _Value:
    value = stack.pop() if pop else stack[-1]
    if value is None:
        raise ValueError("an operation without its values")
    return value
