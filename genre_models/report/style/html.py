"""Pages from templates, one way for all of them, and strict JSON."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from genre_models.report.style import formats
from genre_models.report.style.sort_script import SORTING

REPORT = Path(__file__).parents[1]

TEMPLATES = ("style", "comparison", "sweep", "ablation")
"""Rooms of the report whose folders hold templates."""


def strict_json(value: Mapping[str, Any]) -> str:
    """The value as strict JSON: what is not a finite number is null, other objects are their text."""
    return json.dumps(strict(value), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def render(template: str, **shown: object) -> str:
    """A page from one of the rooms' templates, with the script that sorts tables and no way for another."""
    environment = Environment(
        loader=FileSystemLoader([REPORT / room for room in TEMPLATES]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(count=formats.count, percent=formats.percent, sentence=formats.sentence)
    environment.filters["together"] = lambda text: text.replace(" %", "\u00a0%")
    return environment.get_template(template).render(
        **shown, script=Markup(SORTING),
        # The browser itself refuses whatever else would be asked for or run.
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src '{_fingerprint(SORTING)}'",
    )  # fmt: skip


def strict(value: object) -> object:
    """The value with plain types only: numbers that are not finite become None, other objects their text."""
    if isinstance(value, Mapping):
        return {str(key): strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    if value is None or isinstance(value, bool | str | int):
        return value
    found = formats.number(value)
    if found is not None or isinstance(value, float):
        return found
    return str(value)


def _fingerprint(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
