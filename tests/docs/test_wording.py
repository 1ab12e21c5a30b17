"""Docstrings of the product in plain English, as far as a test can say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("datasets", "genre_models", "ray_jobs")
MOST_WORDS = 15
# A docstring says the thing by its name, not what it does or how it is.
AROUND = re.compile(r"(Return (what|how|whether what)|What|How)\b")


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield where each docstring of a module, class or function is, and its first sentence."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                first = re.split(r"(?<=[.;:])\s", " ".join(text.split("\n\n")[0].split()))[0]
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", first


def test_a_docstring_names_the_thing() -> None:
    assert [(where, first) for where, first in docstrings() if AROUND.match(first)] == []


def test_first_sentences_are_short() -> None:
    assert [(where, first) for where, first in docstrings() if len(first.split()) > MOST_WORDS] == []


def test_the_rule_finds_what_it_should() -> None:
    assert AROUND.match("Return what tells two runs apart.") and AROUND.match("How a model is trained.")
    assert not AROUND.match("Return the key of a run.") and not AROUND.match("Whatever follows.")
