"""The metrics table and the genre table as rows of text for HTML and Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.report.comparison.metric_columns import COLUMNS, Column, best_of, has_intervals
from genre_models.report.findings.comparison_query import (
    evaluated_with,
    figure,
    genre_entry,
    interval,
    trained,
    untrained,
)
from genre_models.report.style.finding import Cell
from genre_models.report.style.formats import count, duration, narrow, number, show


@dataclass(frozen=True)
class GenreColumn:
    """One column of the genre table; `model` is empty for columns of the genre itself."""

    label: str
    meaning: str
    model: str = ""


def column_groups() -> list[tuple[str, list[Column]]]:
    """Return the columns of the metrics table by group, in order."""
    groups: dict[str, list[Column]] = {}
    for column in COLUMNS:
        groups.setdefault(column.group, []).append(column)
    return list(groups.items())


def figure_rows(comparison: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    """Return a row for each model, its key and a cell for each of COLUMNS."""
    best = {column.name: best_of(comparison, column) for column in COLUMNS}
    return [
        (
            key,
            [
                Cell(
                    show(figure(model, column.name)),
                    narrow(interval(model, column.name)) if has_intervals(comparison, column) else "",
                    figure(model, column.name),
                    key in best[column.name],
                )
                for column in COLUMNS
            ],
        )
        for key, model in comparison["models"].items()
    ]


def genre_columns(comparison: Mapping[str, Any]) -> list[GenreColumn]:
    """Return the columns of the genre table (five metrics for trained models, one for others)."""
    columns = [
        GenreColumn("evaluated", "Evaluated films that have the genre"),
        GenreColumn("trained on", "Training films that have the genre"),
    ]
    for key in trained(comparison):
        columns += [
            GenreColumn("AP", "Average precision, without any threshold", key),
            GenreColumn("precision", "Precision at the genre's tuned threshold", key),
            GenreColumn("recall", "Recall at the genre's tuned threshold", key),
            GenreColumn("F1", "F1 at the genre's tuned threshold", key),
            GenreColumn("F1 at 0.5", "F1 at the plain threshold of 0.5", key),
        ]
    columns += [GenreColumn("AP", "Average precision, without any threshold", key) for key in untrained(comparison)]
    return columns


def genre_rows(comparison: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    """Return a row for each genre, its name and cells, most evaluated films first."""
    order = sorted(comparison["genres"], key=lambda genre: -evaluated_with(comparison, genre))
    return [(genre, _genre_cells(comparison, genre)) for genre in order]


def model_groups(comparison: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the model keys in the genre table and the number of columns each spans."""
    return [*((key, 5) for key in trained(comparison)), *((key, 1) for key in untrained(comparison))]


def _genre_cells(comparison: Mapping[str, Any], genre: str) -> list[Cell]:
    counts = comparison.get("genre_counts") or {}
    learned = number((counts.get("train") or {}).get(genre))
    evaluated = evaluated_with(comparison, genre)
    cells = [Cell(count(evaluated), value=evaluated), Cell(count(learned), value=learned)]
    entries = {key: genre_entry(model, genre) for key, model in comparison["models"].items()}
    known = {k: v for k, entry in entries.items() if (v := number(entry.get("average_precision"))) is not None}
    best = max((round(value, 3) for value in known.values()), default=None)

    def precision(key: str) -> Cell:
        value = known.get(key)
        return Cell(
            show(value),
            narrow(entries[key].get("interval"), 2),
            value,
            value is not None and round(value, 3) == best,
        )

    for key in trained(comparison):
        # Without an evaluated film the metrics are undefined; a zero would look like a failure.
        tuned = (entries[key].get("at_tuned") or {}) if evaluated else {}
        half = (entries[key].get("at_half") or {}) if evaluated else {}
        cells.append(precision(key))
        cells += [
            Cell(show(tuned.get(name), 2), value=number(tuned.get(name))) for name in ("precision", "recall", "f1")
        ]
        cells.append(Cell(show(half.get("f1"), 2), value=number(half.get("f1"))))
    return cells + [precision(key) for key in untrained(comparison)]


def model_facts(comparison: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Return the known facts on a model as name and text."""
    model = comparison["models"][key]
    facts = [("sees", str(model.get("sees") or "")), ("parameters", count(model.get("parameters")))]
    if number(model.get("epoch")) is not None:
        planned = number(model.get("epochs"))
        facts.append(("epoch", count(model["epoch"]) + (f" of {count(planned)}" if planned is not None else "")))
    if model.get("runs"):
        facts.append(("runs, averaged", count(len(model["runs"]))))
    facts.append(("trained in" if model.get("history") else "fitted in", duration(model.get("seconds"))))
    return [(name, text) for name, text in facts if text not in ("", "–")]
