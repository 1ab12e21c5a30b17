"""Markdown report of a sweep: findings, plots by file name, settings and trials."""

from collections.abc import Mapping, Sequence
from typing import Any

from genre_models.report.style.markdown_text import escape, table
from genre_models.report.sweep.findings import findings, headline
from genre_models.report.sweep.query import START, require_analysis
from genre_models.report.sweep.section import PICTURES
from genre_models.report.sweep.tables import gain_rows, setting_rows, trial_columns, trial_rows


def trials_markdown(sweep: Mapping[str, Any], pictures: Sequence[str] = ()) -> str:
    """Return the sweep as GitHub Markdown; trials best first, plots linked as NAME.svg in the same folder."""
    require_analysis(sweep)
    gains = gain_rows(sweep)
    parts = [
        f"# {escape(headline(sweep))}",
        *(f"**{finding.title}.** {escape(finding.text)}" for finding in findings(sweep)),
        table(["on the test films", "start", "best trial", "difference", "interval"], gains) if gains else "",
        *(f"![{PICTURES[name][1]}]({name}.svg)" for name in pictures),
        "## Settings",
        settings_table(sweep),
        "## Trials",
        _trials(sweep),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _trials(sweep: Mapping[str, Any]) -> str:
    reasons = {trial["number"]: escape(trial.get("reason") or "") for trial in sweep["trials"]}
    head = ["trial", *map(escape, trial_columns(sweep)), "reason"]
    rows = []
    for trial in trial_rows(sweep):
        names = {"start": "starting point", "best": "best"}
        suffix = f" ({', '.join(names[mark] for mark in trial.marks)})" if trial.marks else ""
        cells = [f"**{cell.text}**" if cell.best else escape(cell.text) for cell in trial.cells]
        rows.append([f"{trial.number}{suffix}", *cells, reasons[trial.number]])
    if not rows:
        return "No trial has started."
    return table(head, rows) + f"\n\nTrial {START} is the model's starting point. Best first."


def settings_table(sweep: Mapping[str, Any]) -> str:
    """Return the searched settings as a Markdown table, with their start and best values."""
    rows = (
        [escape(text) for text in (row.name, row.start, row.best, row.values, row.unit, row.why)]
        for row in setting_rows(sweep)
    )
    return table(["setting", "start", "best", "searched", "unit", "why"], rows)
