"""Rendering of HTML pages from templates, and strict JSON."""

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
"""Subpackages of the report that contain templates."""


def strict_json(value: Mapping[str, Any]) -> str:
    """Return the value as strict JSON, with the conversions of `strict`."""
    return json.dumps(strict(value), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def render(template: str, **context: object) -> str:
    """Render a template; its content security policy allows only the table sort script."""
    environment = Environment(
        loader=FileSystemLoader([REPORT / name for name in TEMPLATES]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(count=formats.count, percent=formats.percent, sentence=formats.sentence)
    environment.filters["together"] = lambda text: text.replace(" %", "\u00a0%")
    return environment.get_template(template).render(
        **context, script=Markup(SORTING),
        # The browser blocks every other script and request.
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src '{_fingerprint(SORTING)}'",
    )  # fmt: skip


def strict(value: object) -> object:
    """Convert a value to plain JSON types. Numbers that are not finite become None, other objects their text."""
    if isinstance(value, Mapping):
        return {str(key): strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    if value is None or isinstance(value, bool | str | int):
        return value
    finite = formats.number(value)
    if finite is not None or isinstance(value, float):
        return finite
    return str(value)


def _fingerprint(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
