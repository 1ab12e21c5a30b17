"""Writing of the comparison as JSON, Markdown and one self-contained HTML page."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from genre_models.report.ablation import query as ablation_query
from genre_models.report.ablation.section import ablation_sections
from genre_models.report.comparison import film_cards, plots, tables
from genre_models.report.comparison.markdown import markdown
from genre_models.report.comparison.metric_columns import COLUMNS, caveats, definitions
from genre_models.report.findings import reference_runs, reliability, seed_runs, verdict
from genre_models.report.findings.comparison_query import FEWEST_FILMS, genres_by_films, label, pairs_to_show, trained
from genre_models.report.style.colours import Style, styles
from genre_models.report.style.html import render, strict, strict_json
from genre_models.report.sweep.query import require_analysis
from genre_models.report.sweep.section import sections

CURVES = {
    "loss": "Loss",
    "precision": "Precision at 0.5",
    "recall": "Recall at 0.5",
    "mean_average_precision": "Mean average precision",
}
MODEL_PLOTS = {
    "mean_average_precision": "Mean average precision",
    "at_tuned_micro_f1": "Micro-F1, tuned thresholds",
}
# Trials of each sweep on the comparison page; the sweep's own page lists all.
MOST_TRIALS = 10


@dataclass(frozen=True)
class ReportPaths:
    """Paths of the three formats of the report."""

    json: Path
    markdown: Path
    html: Path


def write_report(comparison: dict[str, Any], folder: Path) -> ReportPaths:
    """Write `comparison.json`, `comparison.md` and `comparison.html` into the folder, created if missing.

    The dict is not modified. The files add `verdict`, a list of paragraphs, and `overfitting` for each trained model.
    The JSON leaves the posters out. `sweeps` must come from `genre_models.studies.sweep_analysis.analysed` and
    `ablations` from `genre_models.studies.ablation_effects.analysed`.

    Raises:
        ValueError: If a sweep or an ablation was not analysed.
    """
    for sweep in comparison.get("sweeps") or []:
        require_analysis(sweep)
    for ablation in comparison.get("ablations") or []:
        ablation_query.require_analysis(ablation)
    extended = copy.deepcopy(comparison)
    extended["verdict"] = verdict.verdict(extended)
    for key in trained(extended):
        extended["models"][key]["overfitting"] = verdict.overfitting_of(extended, key)
    folder.mkdir(parents=True, exist_ok=True)
    paths = ReportPaths(*(folder / f"comparison.{ending}" for ending in ("json", "md", "html")))
    for path, text in (
        (paths.json, as_json(extended)),
        (paths.markdown, markdown(extended)),
        (paths.html, as_html(extended)),
    ):
        # A lone surrogate in an overview must not fail the whole report.
        path.write_bytes(text.encode("utf-8", "replace"))
    return paths


def as_json(comparison: Mapping[str, Any]) -> str:
    """Return the comparison without its posters as strict JSON, non-finite numbers as null."""
    example_films = [
        {name: value for name, value in film.items() if name != "poster_jpeg"}
        for film in comparison.get("example_films") or []
    ]
    return strict_json({**comparison, "example_films": example_films})


def as_html(comparison: Mapping[str, Any]) -> str:
    """Return the HTML page; every text that comes from the films is escaped."""
    return render("page.html", **_texts(comparison), **_drawings(comparison))


def _texts(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts and tables of the template."""
    return {
        "comparison": comparison,
        "title": verdict.headline(comparison),
        "findings": verdict.findings(comparison),
        "warnings": verdict.warnings(comparison),
        "evaluated_films": verdict.evaluated_films(comparison),
        "labels": {key: label(comparison, key) for key in comparison["models"]},
        "styles": styles(comparison),
        "facts": {key: tables.model_facts(comparison, key) for key in comparison["models"]},
        "columns": COLUMNS,
        "column_groups": tables.column_groups(),
        "figure_rows": tables.figure_rows(comparison),
        "model_groups": tables.model_groups(comparison),
        "genre_columns": tables.genre_columns(comparison),
        "genre_rows": tables.genre_rows(comparison),
        "without_film": [g for g in comparison["genres"] if g not in genres_by_films(comparison)],
        "runs_head": seed_runs.HEAD,
        "several_runs": seed_runs.several_runs(comparison),
        "beside_head": reference_runs.HEAD,
        "beside_rows": reference_runs.rows(comparison),
        "beside_finding": reference_runs.finding(comparison),
        "unscaled": reliability.unscaled(comparison),
        "reliability": reliability.reliability(comparison),
        "groups": film_cards.groups(comparison),
        "definitions": definitions(comparison),
        "caveats": caveats(comparison),
        "fewest": FEWEST_FILMS,
        "made": _made(comparison),
        "sweeps": sections(comparison, most=MOST_TRIALS),
        "ablations": ablation_sections(comparison),
    }


def _drawings(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plots with their titles; matplotlib escapes the texts in them."""
    look = styles(comparison)
    return {
        "model_plots": [
            (title, Markup(plots.models_plot(comparison, name, title))) for name, title in MODEL_PLOTS.items()
        ],
        "genres_plot": Markup(plots.genres_plot(comparison)),
        "difference_plots": [
            (a, b, Markup(plots.difference_plot(comparison, a, b))) for a, b in pairs_to_show(comparison)
        ],
        "reliability_plots": [
            (
                key,
                reliability.errors(comparison["models"][key]),
                Markup(reliability.reliability_plot(comparison, key, look[key])),
            )
            for key in reliability.measured(comparison)
        ],
        "training": [
            (
                key,
                comparison["models"][key]["overfitting"]["sentence"],
                _curves(comparison["models"][key], key, look[key]),
            )
            for key in trained(comparison)
        ],
    }


def _curves(model: Mapping[str, Any], key: str, style: Style) -> list[tuple[str, Markup]]:
    history, best = model["history"], model["overfitting"]["best_epoch"]
    return [
        (title, Markup(plots.curve_plot(history, measure, style, best, f"curve-{key}-{measure}")))
        for measure, title in CURVES.items()
        if plots.has_curve(history, measure)
    ]


def _made(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the name and the JSON settings of each model with a checkpoint."""
    names = ("checkpoint", "epoch", "epochs", "parameters", "seconds", "config", "recipe", "versions")
    result = []
    for key, model in comparison["models"].items():
        if model.get("checkpoint"):
            settings = strict({name: model[name] for name in names if model.get(name) is not None})
            result.append((label(comparison, key), json.dumps(settings, indent=2, ensure_ascii=False)))
    return result
