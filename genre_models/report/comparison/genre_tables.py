"""Tables of the genres of a comparison."""

from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import GENRE_METRICS, value
from genre_models.report.comparison.tables import names
from genre_models.report.findings.comparison_query import (
    FEWEST_FILMS,
    evaluated_with,
    genre_entry,
    genre_gap,
    genres_by_films,
    label,
    trained,
)
from genre_models.report.style.formats import NOTHING, count, narrow, number, show, signed, span
from genre_models.report.style.table import Cell, Table


def winners_table(comparison: Mapping[str, Any]) -> Table:
    """Return the best model of each genre, its lead, and the lead's certainty."""
    rows, clear, compared = [], 0, 0
    for genre in genres_by_films(comparison):
        order = sorted(_precisions(comparison, genre).items(), key=lambda pair: -pair[1])
        if not order:
            continue
        (best, precision), second = order[0], order[1][0] if len(order) > 1 else ""
        paired = genre_gap(comparison, best, second, genre)
        few = evaluated_with(comparison, genre) < FEWEST_FILMS
        sure = "too few films" if few else NOTHING
        if paired is not None and paired.interval and not few:
            compared, clear = compared + 1, clear + paired.clear
            sure = f"{'ahead of' if paired.clear else 'level with'} {label(comparison, second)}"
        lead = Cell(NOTHING)
        if paired is not None:
            is_clear = paired.clear and not few
            lead = Cell(signed(paired.difference), span(paired.interval), paired.difference, is_clear)
        films = Cell(count(evaluated_with(comparison, genre)), value=evaluated_with(comparison, genre))
        own = Cell(show(precision), value=precision)
        rows.append([Cell(genre, faint=few), names(comparison)[best], own, lead, Cell(sure), films])
    level = number((comparison.get("bootstrap") or {}).get("level"))
    chance = show(compared * (1 - (0.95 if level is None else level)), 1)
    head = ("genre", "best model", "average precision", "lead over the next", "certainty", "films")
    note = (
        f"In {clear} of the {compared} genres with at least {FEWEST_FILMS} evaluated films the best model is clearly "
        f"ahead of the next. About {chance} would be by chance alone."
    )
    return Table("The best model of each genre", head, rows, "genres winners", sortable=True, note=note)


def genres_table(comparison: Mapping[str, Any]) -> Table:
    """Return the metrics of every model at every genre, most evaluated films first."""
    shown = {key: GENRE_METRICS for key in trained(comparison)}
    shown |= {key: GENRE_METRICS[:1] for key in comparison["models"] if key not in shown}
    order = sorted(comparison["genres"], key=lambda genre: -evaluated_with(comparison, genre))
    heads = [("genre", ""), ("evaluated", "Evaluated films of it"), ("trained on", "Training films of it")]
    heads += [(metric.label, metric.meaning) for metrics in shown.values() for metric in metrics]
    return Table(
        "Metrics of every genre",
        [head for head, _ in heads],
        [_row(comparison, genre, shown) for genre in order],
        "genres",
        [meaning for _, meaning in heads],
        [(Cell("films"), 2), *((names(comparison)[key], len(metrics)) for key, metrics in shown.items())],
        sortable=True,
    )


def _row(comparison: Mapping[str, Any], genre: str, shown: Mapping[str, Any]) -> list[Cell]:
    trained_on = number(((comparison.get("genre_counts") or {}).get("train") or {}).get(genre))
    evaluated = evaluated_with(comparison, genre)
    best = max((round(precision, 3) for precision in _precisions(comparison, genre).values()), default=None)
    cells = [Cell(genre), Cell(count(evaluated), value=evaluated), Cell(count(trained_on), value=trained_on)]
    for key, metrics in shown.items():
        entry = genre_entry(comparison["models"][key], genre)
        precision = number(entry.get("average_precision"))
        is_best = precision is not None and round(precision, 3) == best
        cells.append(Cell(show(precision), narrow(entry.get("interval"), 2), precision, is_best))
        for metric in metrics[1:]:
            # Without an evaluated film the metrics are undefined; a zero would look like a failure.
            own = number(value(entry, metric.key)) if evaluated else None
            cells.append(Cell(show(own, 2), value=own))
    return cells


def _precisions(comparison: Mapping[str, Any], genre: str) -> dict[str, float]:
    """Return the known average precisions of a genre by model."""
    entries = {key: genre_entry(model, genre) for key, model in comparison["models"].items()}
    return {key: v for key, entry in entries.items() if (v := number(entry.get("average_precision"))) is not None}
