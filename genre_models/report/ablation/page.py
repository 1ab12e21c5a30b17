"""Report files of an ablation: JSON, CSV, Markdown, plots and a self-contained HTML page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genre_models.report.ablation.findings import findings, headline
from genre_models.report.ablation.plots import effect_plot
from genre_models.report.ablation.query import require_analysis
from genre_models.report.ablation.tables import components_tables, presets_table, runs_csv, variants_csv
from genre_models.report.study.page import StudyPage, StudyPart, write_study
from genre_models.report.style.colours import css
from genre_models.report.style.formats import count, duration
from genre_models.report.style.table import Plot

# File name of each plot, with its group and its caption.
PLOTS = {
    "effect": ("without", "Effect of each component in the preset on mean average precision; hollow: not clear"),
    "left-off": ("with", "Effect that each component left off would have on mean average precision; hollow: not clear"),
    "on-coursework": ("coursework with", "Effect of each component alone on the coursework; hollow: not clear"),
}
FILES = (
    *("ablation.json", "ablation.html", "ablation.md", "ablation.csv", "ablation_runs.csv"),
    *(f"{name}.svg" for name in PLOTS),
)
"""Names of all files that the report of an ablation may have."""
NOTE = (
    "In small type: 95 % intervals over films, or the lowest and highest seed. Bold: better beyond the interval, at "
    "every seed. ↓: less is better."
)


def ablation_part(ablation: Mapping[str, Any]) -> StudyPart:
    """Return all that is shown of an ablation.

    `ablation` comes from `genre_models.studies.ablation_effects.analysed`.
    """
    require_analysis(ablation)
    drawn = {name: (effect_plot(ablation, which), caption) for name, (which, caption) in PLOTS.items()}
    return StudyPart(
        headline=headline(ablation),
        css=css(ablation),
        findings=findings(ablation),
        summary=presets_table(ablation),
        plots={name: Plot(caption, svg) for name, (svg, caption) in drawn.items() if svg},
        tables=components_tables(ablation),
        note=NOTE,
    )


def write_ablation(ablation: Mapping[str, Any], folder: Path) -> None:
    """Write ablation.json, .csv, .md and .html, ablation_runs.csv and the plots into the folder.

    The folder is created if missing; plots without data are not written. ValueError unless the ablation comes from
    `genre_models.studies.ablation_effects.analysed`.
    """
    part = ablation_part(ablation)
    label = ablation.get("label") or ablation["kind"]
    page = StudyPage(
        f"an ablation of the {label} in {count(len(ablation['variants']))} variants",
        _facts(ablation),
        files={"ablation.csv": variants_csv(ablation), "ablation_runs.csv": runs_csv(ablation)},
    )
    names = ("ablation.json", "ablation.md", "ablation.html")
    write_study(ablation, part, page, folder, plots=PLOTS, names=names)


def _facts(ablation: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the metadata of the ablation."""
    store = ablation.get("store") or {}
    runs = [run for variant in ablation["variants"] for run in variant["runs"]]
    return [
        ("ablation", ablation.get("path")),
        ("store", store.get("path")),
        ("films", ", ".join(f"{count(total)} {name}" for name, total in (store.get("films") or {}).items())),
        ("preset", ablation["preset"]),
        ("best epoch by", str(ablation.get("metric") or "").replace("_", " ")),
        ("seeds", count(ablation.get("seeds"))),
        ("trainings", f"{count(sum(run['status'] == 'finished' for run in runs))} of {count(len(runs))} finished"),
        ("training time", duration(sum(run["seconds"] for run in runs))),
        ("resamples", count(ablation.get("resamples"))),
    ]
