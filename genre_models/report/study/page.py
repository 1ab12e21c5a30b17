"""Files of a study: JSON, Markdown, plots and a self-contained HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genre_models.report.charts.chart import standalone
from genre_models.report.study.terms import TERMS
from genre_models.report.style.render import html, markdown, strict_json, write_texts
from genre_models.report.style.table import Finding, Plot, Table


@dataclass(frozen=True)
class StudyPart:
    """Contents of a study, for its own page and for the comparison page."""

    headline: str
    css: str
    """Colour of its model, as a CSS value."""
    findings: Sequence[Finding]
    summary: Table | None
    plots: Mapping[str, Plot]
    """By the names of their files."""
    tables: Sequence[Table]
    failures: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True)
class StudyPage:
    """Further contents of a study's own page."""

    kicker: str
    facts: Sequence[tuple[str, object]]
    """Names and values; without a value, a fact is left out."""
    commands: Sequence[tuple[str, str]] = ()
    """Next commands, each as (reason, command)."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files by name."""


def write_study(
    study: Mapping[str, Any],
    part: StudyPart,
    page: StudyPage,
    folder: Path,
    *,
    plots: Iterable[str],
    names: Sequence[str],
) -> None:
    """Write the files of a study into the folder, created if missing.

    Args:
        study: the plain results.
        part: all that is shown of it everywhere.
        page: all that is shown on its own page.
        folder: where the files go.
        plots: names of all plots there may be; the file of one that was not drawn is removed.
        names: file names of JSON, Markdown and HTML.
    """
    facts = [(name, str(value)) for name, value in page.facts if value is not None and str(value) not in ("", "–")]
    context: dict[str, Any] = {
        "study": study,
        "part": part,
        "kicker": page.kicker,
        "commands": page.commands,
        "facts": facts,
        "terms": TERMS,
    }
    texts = (strict_json(study), markdown("study.md", **context), html("study.html", **context))
    drawn = {f"{name}.svg": standalone(part.plots[name].svg) if name in part.plots else None for name in plots}
    write_texts(folder, {**dict(zip(names, texts, strict=True)), **page.files, **drawn})
