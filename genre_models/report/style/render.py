"""Rendering of HTML pages and Markdown from templates, and writing of their files."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from genre_models.report.style import formats
from genre_models.report.style.table import Cell, Table

REPORT = Path(__file__).parents[1]

TEMPLATES = ("style", "charts", "study", "explore", "genres", "cards", "comparison", "prediction", "serving")
"""Subpackages of the report that contain templates."""


OF_COMPARISON = ("style", "charts", "explore", "genres", "cards", "comparison")
"""Subpackages whose templates, style sheets and scripts make the page of a comparison."""
SCRIPTS = (REPORT / "style" / "sort.js", REPORT / "charts" / "charts.js")
"""Scripts of a page with tables and charts."""


def html(
    template: str,
    *,
    script: Path | Sequence[Path] = SCRIPTS,
    images_beside: bool = False,
    sources: Mapping[str, str] | None = None,
    **context: object,
) -> str:
    """Render an HTML template; its content security policy allows only the script, joined of several, and `sources`.

    With `images_beside` images may also be files in the page's folder.
    """
    paths = [script] if isinstance(script, Path) else script
    code = "".join(path.read_text("utf-8") for path in paths)
    fingerprint = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    images = "data: 'self'" if images_beside else "data:"
    # The browser blocks every other script and request.
    allowed = {
        "default-src": "'none'",
        "img-src": images,
        "style-src": "'unsafe-inline'",
        "script-src": f"'sha256-{fingerprint}'",
    }
    policy = "; ".join(f"{kind} {source}" for kind, source in {**allowed, **(sources or {})}.items())
    environment = _environment(autoescape=True, finalize=_together)
    environment.filters["with_terms"] = with_terms
    return environment.get_template(template).render(**context, script=Markup(code), policy=policy)


def with_terms(text: str, terms: Iterable[str]) -> Markup:
    """Return a text as HTML; the first occurrence of each term opens its meaning."""
    text, found = _keep_together(text), set[str]()

    def button(match: re.Match[str]) -> str:
        term = match.group(0)
        if term in found:
            return str(Markup.escape(term))
        found.add(term)
        place = formats.slug(term)
        return f'<button type="button" class="term" popovertarget="term-{place}">{Markup.escape(term)}</button>'

    longest_first = sorted(filter(None, terms), key=len, reverse=True)
    pattern = "|".join(rf"(?<!\w){re.escape(term)}(?!\w)" for term in longest_first) or r"(?!)"
    parts, end = [], 0
    for match in re.finditer(pattern, text):
        parts += [str(Markup.escape(text[end : match.start()])), button(match)]
        end = match.end()
    return Markup("".join([*parts, str(Markup.escape(text[end:]))]))


def _together(value: object) -> object:
    return _keep_together(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _keep_together(text: str) -> str:
    """Keep a number and its percent sign on one line."""
    return text.replace(" %", "\u00a0%")


def look_of_comparison() -> str:
    """Return a digest of the templates, styles and scripts of the comparison page.

    It stands on the page, too.
    """
    digest = hashlib.sha256()
    for room in OF_COMPARISON:
        for path in sorted((REPORT / room).iterdir()):
            if path.suffix in (".html", ".css", ".js"):
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def markdown(template: str, **context: object) -> str:
    """Render a Markdown template; every value is escaped, and blank lines are single."""
    environment = _environment(finalize=lambda value: value if isinstance(value, Markup) else escape(value))
    environment.filters["table"] = markdown_table
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(template).render(**context)).strip() + "\n"


def _environment(**options: Any) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([REPORT / name for name in TEMPLATES]), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, **options,
    )  # fmt: skip
    environment.globals.update(
        count=formats.count, percent=formats.percent, sentence=formats.sentence, slug=formats.slug
    )
    return environment


def escape(text: object) -> str:
    """Escape a text for Markdown, on one line, without markup, table cells or HTML."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)


def markdown_table(table: Table) -> Markup:
    """Return a Markdown table, all columns but the first right-aligned."""
    head = [escape(text) for text in table.full_head]
    align = [":--", *["--:"] * (len(head) - 1)]
    return Markup("\n".join(f"| {' | '.join(row)} |" for row in (head, align, *map(_markdown_row, table.rows))))


def _markdown_row(cells: Sequence[Cell]) -> list[str]:
    row = []
    for cell in cells:
        text = f"**{escape(cell.text)}**" if cell.best else escape(cell.text)
        small = ", ".join([*cell.marks, *filter(None, [cell.small])])
        row.append(f"{text} ({escape(small)})" if small else text)
    return row


def write_texts(folder: Path, texts: Mapping[str, str | None]) -> None:
    """Write texts by file name into a folder, created if missing; the file of None is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        if text is None:
            (folder / name).unlink(missing_ok=True)
        else:
            # A lone surrogate in a film's text must not fail the whole report.
            (folder / name).write_bytes(text.encode("utf-8", "replace"))


def strict_json(value: Mapping[str, Any]) -> str:
    """Return the value as strict JSON, with the conversions of `strict`."""
    return json.dumps(strict(value), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


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
