"""Report files of an ablation: JSON, CSV, Markdown, plots and a self-contained HTML page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genre_models.report.ablation.findings import headline
from genre_models.report.ablation.plots import effect_plot
from genre_models.report.ablation.query import require_analysis
from genre_models.report.ablation.section import PICTURES, ablation_parts, ablation_section
from genre_models.report.ablation.tables import runs_csv, variants_csv
from genre_models.report.style.formats import count, duration
from genre_models.report.style.html import render, strict_json
from genre_models.report.style.markdown_text import escape
from genre_models.report.style.svg import standalone


def write_ablation(ablation: Mapping[str, Any], folder: Path) -> None:
    """Write ablation.json, .csv, .md and .html, ablation_runs.csv and the plots into the folder.

    The folder is created if missing; plots without data are not written. ValueError unless the ablation comes from
    `genre_models.studies.ablation_effects.analysed`.
    """
    require_analysis(ablation)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: effect_plot(ablation, which, name) for name, (which, _) in PICTURES.items()}
    texts = {f"{name}.svg": standalone(svg) for name, svg in drawn.items() if svg}
    texts |= {
        "ablation.json": strict_json(ablation),
        "ablation.csv": variants_csv(ablation),
        "ablation_runs.csv": runs_csv(ablation),
        "ablation.md": _markdown(ablation, [name for name, svg in drawn.items() if svg]),
        "ablation.html": as_html(ablation),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8", "replace"))


def as_html(ablation: Mapping[str, Any]) -> str:
    """Return the HTML page of an ablation, with all external text escaped."""
    part = ablation_section(ablation, "ablation")
    return render("ablation.html", study=ablation, part=part, facts=_facts(ablation))


def _markdown(ablation: Mapping[str, Any], pictures: list[str]) -> str:
    parts = [f"# {escape(headline(ablation))}", *ablation_parts(ablation)]
    parts += [f"![{PICTURES[name][1]}]({name}.svg)" for name in pictures]
    return "\n\n".join(parts) + "\n"


def _facts(ablation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the known metadata of the ablation as (name, text)."""
    store = ablation.get("store") or {}
    runs = [run for variant in ablation["variants"] for run in variant["runs"]]
    films = store.get("films") or {}
    facts = [
        ("ablation", str(ablation.get("path") or "")),
        ("store", str(store.get("path") or "")),
        ("films", ", ".join(f"{count(total)} {name}" for name, total in films.items())),
        ("preset", str(ablation["preset"])),
        ("best epoch by", str(ablation.get("metric") or "").replace("_", " ")),
        ("seeds", count(ablation.get("seeds"))),
        ("trainings", f"{count(sum(run['status'] == 'finished' for run in runs))} of {count(len(runs))} finished"),
        ("training time", duration(sum(run["seconds"] for run in runs))),
        ("resamples", count(ablation.get("resamples"))),
    ]
    return [(name, text) for name, text in facts if text not in ("", "–")]
