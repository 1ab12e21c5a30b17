"""Text and tables as Markdown shows them."""

import re
from collections.abc import Iterable, Sequence


def escape(text: object) -> str:
    """Text that Markdown shows as it is: on one line, with nothing read as markup, a table cell or HTML."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of ready texts, all columns but the first to the right."""
    align = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))
