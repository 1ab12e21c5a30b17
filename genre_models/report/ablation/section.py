"""Template context of `ablation_part.html`; findings and tables of an ablation as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from genre_models.report.ablation.findings import findings, headline
from genre_models.report.ablation.plots import effect_plot
from genre_models.report.ablation.query import CURED, has_findings, require_analysis
from genre_models.report.ablation.tables import HEAD, PRESET_HEAD, TITLES, ComponentRow, component_rows, preset_rows
from genre_models.report.style.colours import css
from genre_models.report.style.finding import Finding
from genre_models.report.style.markdown_text import escape, table

# File name of each plot, with its group and its caption.
PICTURES = {
    "effect": ("without", "Effect of each component in the preset on mean average precision; hollow: not clear"),
    "left-off": ("with", "Effect that each component left off would have on mean average precision; hollow: not clear"),
    "on-coursework": ("coursework with", "What each component alone buys on the coursework; hollow: not clear"),
}


@dataclass(frozen=True)
class AblationSection:
    """Template context of one ablation."""

    css: str
    headline: str
    findings: list[Finding]
    plots: list[tuple[str, Markup]]
    preset_head: list[str]
    presets: list[ComponentRow]
    head: list[str]
    tables: list[tuple[str, list[ComponentRow]]]


def ablation_section(ablation: Mapping[str, Any], prefix: str) -> AblationSection:
    """Return the template context of an ablation; `prefix` makes its SVG ids unique."""
    require_analysis(ablation)
    drawn = [(title, effect_plot(ablation, which, f"{prefix}-{name}")) for name, (which, title) in PICTURES.items()]
    return AblationSection(
        css=css(ablation),
        headline=headline(ablation),
        findings=findings(ablation),
        plots=[(title, Markup(svg)) for title, svg in drawn if svg],
        preset_head=[*PRESET_HEAD, "seeds"],
        presets=preset_rows(ablation),
        head=HEAD,
        tables=[(TITLES[which], rows) for which in CURED if (rows := component_rows(ablation, which))],
    )


def ablation_sections(comparison: Mapping[str, Any]) -> list[AblationSection]:
    """Return the template context of each ablation that has findings, in order."""
    ablations = [ablation for ablation in comparison.get("ablations") or [] if has_findings(ablation)]
    return [ablation_section(ablation, f"ablation-{place}") for place, ablation in enumerate(ablations, start=1)]


def ablation_parts(ablation: Mapping[str, Any]) -> list[str]:
    """Return the findings and tables of an ablation as parts of a Markdown text."""
    require_analysis(ablation)
    parts = [f"**{finding.title}.** {escape(finding.text)}" for finding in findings(ablation)]
    if rows := preset_rows(ablation):
        head = ["mean over seeds (lowest–highest)", *PRESET_HEAD, "seeds"]
        parts.append(table(head, ([escape(row.name), *map(_cell, row.cells)] for row in rows)))
    for which in CURED:
        if rows := component_rows(ablation, which):
            lines = ([escape(": ".join(filter(None, (row.name, row.what)))), *map(_cell, row.cells)] for row in rows)
            parts += [
                f"**{TITLES[which]}** (intervals in parentheses, clear gains in bold)",
                table(["component", *HEAD], lines),
            ]
    return parts


def _cell(cell: Any) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.interval})" if cell.interval else text
