"""Markdown escaping and tables."""

import re
from collections.abc import Iterable, Sequence


def escape(text: object) -> str:
    """Escape a text for Markdown, on one line, without markup, table cells or HTML."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of escaped texts, all columns but the first right-aligned."""
    align = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))
