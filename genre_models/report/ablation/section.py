"""What both pages show of an ablation: sentences, pictures and tables, ready for `ablation_part.html`; as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from genre_models.report.ablation.findings import findings, headline
from genre_models.report.ablation.plots import bought_plot
from genre_models.report.ablation.query import CURED, has_findings, require_analysis
from genre_models.report.ablation.tables import HEAD, PRESET_HEAD, TITLES, CureRow, cure_rows, preset_rows
from genre_models.report.style.colours import css
from genre_models.report.style.finding import Finding
from genre_models.report.style.markdown_text import escape, table

# The name of each picture, as a file too, with its group and with what stands over it.
PICTURES = {
    "bought": ("without", "What each cure in the preset bought in mean average precision; hollow: not clear"),
    "left-off": ("with", "What each cure left off would buy in mean average precision; hollow: not clear"),
    "on-coursework": ("coursework with", "What each cure alone buys on the coursework; hollow: not clear"),
}


@dataclass(frozen=True)
class AblationSection:
    """Everything that the template shows of one ablation."""

    css: str
    headline: str
    findings: list[Finding]
    plots: list[tuple[str, Markup]]
    preset_head: list[str]
    presets: list[CureRow]
    head: list[str]
    tables: list[tuple[str, list[CureRow]]]


def ablation_section(ablation: Mapping[str, Any], prefix: str) -> AblationSection:
    """What is shown of an ablation; `prefix` keeps its ids apart on the page."""
    require_analysis(ablation)
    drawn = [(title, bought_plot(ablation, which, f"{prefix}-{name}")) for name, (which, title) in PICTURES.items()]
    return AblationSection(
        css=css(ablation),
        headline=headline(ablation),
        findings=findings(ablation),
        plots=[(title, Markup(svg)) for title, svg in drawn if svg],
        preset_head=[*PRESET_HEAD, "seeds"],
        presets=preset_rows(ablation),
        head=HEAD,
        tables=[(TITLES[which], rows) for which in CURED if (rows := cure_rows(ablation, which))],
    )


def ablation_sections(comparison: Mapping[str, Any]) -> list[AblationSection]:
    """What is shown of each ablation that the comparison brings and that has findings, in order; none is fine."""
    found = [one for one in comparison.get("ablations") or [] if has_findings(one)]
    return [ablation_section(one, f"ablation-{place}") for place, one in enumerate(found, start=1)]


def ablation_parts(ablation: Mapping[str, Any]) -> list[str]:
    """The findings and tables of an ablation as parts of a Markdown text."""
    require_analysis(ablation)
    parts = [f"**{finding.title}.** {escape(finding.text)}" for finding in findings(ablation)]
    if rows := preset_rows(ablation):
        head = ["mean over seeds (lowest–highest)", *PRESET_HEAD, "seeds"]
        parts.append(table(head, ([escape(row.name), *map(_cell, row.cells)] for row in rows)))
    for which in CURED:
        if rows := cure_rows(ablation, which):
            lines = ([escape(": ".join(filter(None, (row.name, row.what)))), *map(_cell, row.cells)] for row in rows)
            parts += [
                f"**{TITLES[which]}** (intervals in parentheses, clear gains in bold)",
                table(["cure", *HEAD], lines),
            ]
    return parts


def _cell(cell: Any) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.interval})" if cell.interval else text
