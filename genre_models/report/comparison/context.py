"""Template context of a comparison, the same for HTML and Markdown."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from genre_models.metrics.names import BY_KEY, MEAN_AP
from genre_models.report.ablation.page import ablation_part
from genre_models.report.ablation.query import has_findings
from genre_models.report.cards import cards
from genre_models.report.comparison import film_cards, genre_tables, glossary, plots, tables
from genre_models.report.explore.films import films_shown
from genre_models.report.findings import reliability, verdict
from genre_models.report.findings.answer import answer, by_guesses, prior
from genre_models.report.findings.comparison_query import FEWEST_FILMS, genres_by_films, label, pairs_to_show, trained
from genre_models.report.genres.sections import genre_sections, threshold_data
from genre_models.report.style.colours import Style, styles
from genre_models.report.style.formats import number, show
from genre_models.report.style.render import look_of_comparison
from genre_models.report.style.table import Cell, Plot
from genre_models.report.sweep.page import sweep_part

# Metrics of an epoch with a plot, with the metric of METRICS that they are.
CURVES = {
    "loss": BY_KEY["loss"],
    "precision": BY_KEY["at_half_precision"],
    "recall": BY_KEY["at_half_recall"],
    "mean_average_precision": MEAN_AP,
}
MODEL_PLOTS = (MEAN_AP, BY_KEY["at_tuned_micro_f1"])
# Trials of each sweep on the comparison page; the sweep's own page lists all.
MOST_TRIALS = 10


def context(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts, tables and plots of the page by their names in the templates."""
    present = genres_by_films(comparison)
    ablations = [ablation for ablation in comparison.get("ablations") or [] if has_findings(ablation)]
    order, sections = by_guesses(comparison), genre_sections(comparison)
    anchors = {section.genre: f"#genre-{section.place}" for section in sections}
    shown: dict[str, Any] = {
        "comparison": comparison,
        "look": look_of_comparison(),
        "drawn_sample": bool(comparison.get("drawn_sample")),
        "answer": answer(comparison),
        "answer_plot": plots.answer_plot(comparison),
        "best": next((key for key in order if key != prior(comparison)), ""),
        "labels": [label(comparison, key) for key in comparison["models"]],
        "proofs": film_cards.proofs(comparison),
        "films": films_shown(comparison),
        "anchors": anchors,
        "genre_sections": sections,
        "threshold_data": threshold_data(comparison),
        "headline": verdict.headline(comparison),
        # The first screen shows what three guesses find.
        "findings": [one for one in verdict.findings(comparison) if one.title != verdict.THREE_GUESSES],
        "warnings": verdict.warnings(comparison),
        "models": _models(comparison),
        "metrics": tables.metrics_table(comparison),
        "metric_plots": [
            _plot(plots.models_plot(comparison, m.key, m.words or m.title), f"{m.words or m.title}, with intervals")
            for m in MODEL_PLOTS
        ],
        "matrix": tables.matrix_table(comparison),
        "pairs": tables.pairs_table(comparison),
        "cost": cards.cost_table(comparison),
        "cost_plot": cards.cost_chart(comparison),
        "settings": cards.settings_tables(comparison),
        "references": tables.references_table(comparison),
        "unscaled": reliability.unscaled(comparison),
        "reliability": reliability.reliability(comparison),
        "calibration": tables.calibration_table(comparison),
        "calibration_plots": _calibration_plots(comparison),
        "sweeps": [sweep_part(sweep, most=MOST_TRIALS) for sweep in comparison.get("sweeps") or []],
        "ablations": [ablation_part(one) for one in ablations],
        "winners": genre_tables.winners_table(comparison, anchors),
        "genre_plots": _genre_plots(comparison),
        "genres": genre_tables.genres_table(comparison, anchors),
        "genre_answers": genre_tables.answers_tables(comparison, anchors),
        "without_film": [genre for genre in comparison["genres"] if genre not in present],
        "fewest": FEWEST_FILMS,
        "film_groups": film_cards.groups(comparison),
        "definitions": glossary.definitions(comparison),
        "caveats": glossary.caveats(comparison),
        "data_card": cards.data_card(comparison),
        "origin": cards.origin(comparison),
        "commands": cards.commands(comparison),
    }
    shown["title"] = shown["answer"].title
    shown["contents"] = _contents(shown)
    return shown


def _contents(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the anchors and names of the contents bar."""
    entries = (
        ("answer", "Answer", True),
        ("genres", "Genres", True),
        ("films", "Films", shown["films"]),
        ("examples", "Examples", shown["film_groups"]),
        ("by-genre", "Genre by genre", True),
        ("between", "Between models", True),
        ("trust", "Trust", shown["calibration"]),
        ("training", "Training", any(model["training"] for model in shown["models"])),
        ("sweeps", "Searches", shown["sweeps"]),
        ("ablations", "Components", shown["ablations"]),
        ("cards", "Cards", True),
    )
    return [(anchor, name) for anchor, name, there in entries if there]


def _models(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each model's name, description, facts, runs, settings and training curves."""
    look = styles(comparison)
    return [
        {
            "key": key,
            "name": name,
            "what": comparison["models"][key].get("what"),
            "facts": tables.model_facts(comparison, key),
            "runs": tables.runs_table(comparison, key),
            "card": cards.model_card(comparison, key),
            "training": _training(comparison["models"][key], look[key]) if key in trained(comparison) else None,
        }
        for key, name in tables.names(comparison).items()
    ]


def _training(model: Mapping[str, Any], style: Style) -> dict[str, Any]:
    """Return the sentence and the curves of a trained model."""
    history, best = model["history"], model["overfitting"]["best_epoch"]
    return {
        "sentence": model["overfitting"]["sentence"],
        "curves": [
            _plot(plots.curve_plot(history, name, style, best), metric.words or metric.title)
            for name, metric in CURVES.items()
            if plots.has_curve(history, name)
        ],
    }


def _calibration_plots(comparison: Mapping[str, Any]) -> list[tuple[Cell, Plot]]:
    look, names = styles(comparison), tables.names(comparison)
    drawn = []
    for key in reliability.measured(comparison):
        measured = comparison["models"][key]["calibration"]
        caption = f"error {show(measured.get('expected_calibration_error'))}"
        if number(measured.get("macro")) is not None:
            caption += f", by genre {show(measured['macro'])}"
        drawn.append((names[key], _plot(plots.reliability_plot(comparison, key, look[key]), caption)))
    return drawn


def _genre_plots(comparison: Mapping[str, Any]) -> list[Plot]:
    look = styles(comparison)
    drawn = [_plot(plots.genres_plot(comparison), "Average precision of each genre, most films first")]
    for a, b in pairs_to_show(comparison):
        left, right = (Cell(f"{label(comparison, key)} better", style=look[key]) for key in (b, a))
        caption = "Difference in average precision, with intervals; filled where the interval leaves out 0"
        drawn.append(Plot(caption, plots.difference_plot(comparison, a, b), left, right))
    return drawn


def _plot(svg: Markup, caption: str) -> Plot:
    return Plot(caption[0].upper() + caption[1:], svg)
