"""Docstrings of the product in plain English, as far as a test can say."""

from __future__ import annotations

import ast
import functools
import re

from tests.test_rooms import ROOMS, ROOT, nodes_of, sources

MOST_WORDS = 15
# A docstring says the thing by its name, not what it does or how it is.
AROUND = re.compile(r"(Return (what|how|whether what)|What|How)\b")


@functools.cache
def docstrings() -> list[tuple[str, str]]:
    """Return where each docstring of a module, class or function is, and its first sentence."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = []
    for path in sources(*ROOMS):
        for node in nodes_of(path):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                first = re.split(r"(?<=[.;:])\s", " ".join(text.split("\n\n")[0].split()))[0]
                found.append((f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", first))
    return found


def test_a_docstring_names_the_thing() -> None:
    assert [(where, first) for where, first in docstrings() if AROUND.match(first)] == []


def test_first_sentences_are_short() -> None:
    assert [(where, first) for where, first in docstrings() if len(first.split()) > MOST_WORDS] == []


def test_the_rule_finds_what_it_should() -> None:
    assert AROUND.match("Return what tells two runs apart.") and AROUND.match("How a model is trained.")
    assert not AROUND.match("Return the key of a run.") and not AROUND.match("Whatever follows.")
