"""Writing of the comparison as JSON, Markdown and one self-contained HTML page."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genre_models.report.ablation import query as ablation_query
from genre_models.report.comparison.context import context
from genre_models.report.explore.films import scores_csv
from genre_models.report.findings.comparison_query import label, trained
from genre_models.report.findings.overfitting import overfitting
from genre_models.report.findings.verdict import findings
from genre_models.report.style.render import REPORT, html, markdown, strict_json, write_texts
from genre_models.report.style.render import SCRIPTS as OF_TABLES
from genre_models.report.sweep import query as sweep_query

PAGE = "comparison.html"
SCORES = "scores.csv"
FILES = (PAGE, "comparison.json", "comparison.md", SCORES)
"""Names of the files of a comparison, without posters."""
SCRIPTS = (
    *OF_TABLES,
    REPORT / "charts" / "heat.js",
    REPORT / "explore" / "films.js",
    REPORT / "genres" / "threshold.js",
    REPORT / "comparison" / "page.js",
)


def write_report(comparison: dict[str, Any], folder: Path) -> Path:
    """Write `comparison.json`, `.md` and `.html`, `scores.csv` if it has films, and return the page's path.

    The folder is created if missing; the dict is not modified. The files add `verdict`, a list of paragraphs, and
    `overfitting` for each trained model. The JSON leaves the posters out. `sweeps` must come from
    `genre_models.studies.sweep_analysis.analysed`, `ablations` from `genre_models.studies.ablation_effects.analysed`.

    Raises:
        ValueError: If a sweep or an ablation was not analysed.
    """
    for sweep in comparison.get("sweeps") or []:
        sweep_query.require_analysis(sweep)
    for ablation in comparison.get("ablations") or []:
        ablation_query.require_analysis(ablation)
    extended = copy.deepcopy({name: value for name, value in comparison.items() if name != "all_films"})
    extended["verdict"] = [finding.text for finding in findings(extended)]
    for key in trained(extended):
        model = extended["models"][key]
        model["overfitting"] = overfitting(model["history"], name=label(extended, key))
    films = list(comparison.get("all_films") or [])
    shown = context({**extended, "all_films": films})
    posters = shown["films"].files if shown["films"] else {}
    texts = {
        "comparison.json": _json(extended | ({"film_findings": [*map(_without_text, films)]} if films else {})),
        "comparison.md": markdown("page.md", **shown),
        PAGE: html("page.html", script=SCRIPTS, images_beside=bool(posters), **shown),
        SCORES: scores_csv(comparison) if films else None,
    }
    write_texts(folder, texts)
    for name, data in posters.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / PAGE


def _without_text(film: Mapping[str, Any]) -> dict[str, Any]:
    """Return a film's findings; its probabilities are in `scores.csv`, its text in the store."""
    return {name: film[name] for name in ("id", "genres", "surprise", "suspects", "top3_recall") if name in film}


def _json(comparison: Mapping[str, Any]) -> str:
    """Return the comparison without its posters as strict JSON, non-finite numbers as null."""
    example_films = [
        {name: value for name, value in film.items() if name != "poster_jpeg"}
        for film in comparison.get("example_films") or []
    ]
    return strict_json({**comparison, "example_films": example_films})
