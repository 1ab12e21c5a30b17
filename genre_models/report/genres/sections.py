"""The part of the page on each genre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from genre_models.report.explore.films import script_json
from genre_models.report.findings.comparison_query import genre_entry, genres_by_films, label
from genre_models.report.genres import charts
from genre_models.report.style.colours import styles
from genre_models.report.style.formats import count, narrow, number, show
from genre_models.report.style.table import Cell, Table


@dataclass(frozen=True)
class Confusion:
    """The genres that a model confuses with one."""

    model: Cell
    instead: list[tuple[str, int]]
    """Wrong genres named where this one was missed, with numbers of films."""
    true: list[tuple[str, int]]
    """True genres of films for which this one was named wrongly."""


@dataclass(frozen=True)
class GenreSection:
    """All that is shown of one genre."""

    place: int
    """Its place among all genres of the comparison, which its anchor bears."""
    genre: str
    films: int
    trained_on: int
    curve: Markup
    calibration: Markup
    table: Table
    confusions: list[Confusion]


def genre_sections(comparison: Mapping[str, Any]) -> list[GenreSection]:
    """Return a part for each genre that an evaluated film has, most films first; none without details."""
    models = (comparison.get("genre_details") or {}).get("models") or {}
    counts = comparison.get("genre_counts") or {}
    sections = []
    for genre in genres_by_films(comparison):
        details = {key: models[key][genre] for key in comparison["models"] if genre in models.get(key, {})}
        if details:
            sections.append(
                GenreSection(
                    comparison["genres"].index(genre),
                    genre,
                    int(counts["evaluated"].get(genre) or 0),
                    int((counts.get("train") or {}).get(genre) or 0),
                    charts.precision_recall(comparison, genre, details),
                    charts.calibration(comparison, genre, details),
                    _table(comparison, genre, details),
                    _confusions(comparison, details),
                )
            )
    return sections


def _table(comparison: Mapping[str, Any], genre: str, details: Mapping[str, Any]) -> Table:
    """Return the thresholds in use and the answers at them."""
    rows, look = [], styles(comparison)
    for key, model in details.items():
        entry, (named, right) = genre_entry(comparison["models"][key], genre), model["tuned"]
        tuned = entry.get("at_tuned") or {}
        rows.append(
            [
                Cell(label(comparison, key), style=look[key]),
                Cell(show(entry.get("average_precision")), narrow(entry.get("interval"), 2)),
                Cell(show(entry.get("threshold"), 2)),
                Cell(count(named)),
                Cell(count(right)),
                Cell(show(tuned.get("precision"), 2)),
                Cell(show(tuned.get("recall"), 2)),
            ]
        )
    head = ("model", "average precision", "threshold", "films named", "of them right", "precision", "recall")
    return Table(f"{genre}: thresholds in use", head, rows, "runs")


def _confusions(comparison: Mapping[str, Any], details: Mapping[str, Any]) -> list[Confusion]:
    look = styles(comparison)
    rows = [
        Confusion(
            Cell(label(comparison, key), style=look[key]),
            [(str(other), int(films)) for other, films in model["named_instead"]],
            [(str(other), int(films)) for other, films in model["true_instead"]],
        )
        for key, model in details.items()
    ]
    return [row for row in rows if row.instead or row.true]


def threshold_data(comparison: Mapping[str, Any]) -> Markup:
    """Return the answers at every threshold for the page's script: JSON by genre and model."""
    details = comparison.get("genre_details") or {}
    genres: dict[str, Any] = {}
    for key, model in (details.get("models") or {}).items():
        for genre, entry in model.items():
            own = number(genre_entry(comparison["models"][key], genre).get("threshold"))
            genres.setdefault(genre, {"films": entry["films"], "models": {}})["models"][key] = {
                "answers": entry["answers"],
                "tuned": entry["tuned"],
                "threshold": own,
            }
    return script_json({"thresholds": details.get("thresholds") or [], "genres": genres})
