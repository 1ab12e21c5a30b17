"""Tables of the genres of a comparison."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from genre_models.metrics.names import GENRE_METRICS, value
from genre_models.report.comparison.tables import names
from genre_models.report.findings.answer import Winner, winner
from genre_models.report.findings.comparison_query import (
    FEWEST_FILMS,
    evaluated_with,
    genre_entry,
    genres_by_films,
    label,
    trained,
)
from genre_models.report.style.formats import NOTHING, count, narrow, number, show, signed, span
from genre_models.report.style.formats import films as films_of
from genre_models.report.style.table import Cell, Table

_WINNERS = (
    ("genre", ""),
    ("best model", ""),
    ("right picks", "Asked for as many films as have the genre, how many of its picks have it. Below: the next model."),
    (
        "how much better",
        "Its lead over the next model in average precision, which counts every place in its order of the films. In "
        "small type: where the lead would lie with other films, 19 times in 20. Bold: surely better.",
    ),
    ("how sure", ""),
    ("see why", "A film of the genre that this model finds and the next one does not, or less clearly."),
    ("see its films", ""),
)
"""Columns of the best model of each genre, with their meanings."""


def winners_table(comparison: Mapping[str, Any], anchors: Mapping[str, str] | None = None) -> Table:
    """Return the best model of each genre, its lead, and the lead's certainty; `anchors` are links of genres."""
    rows, clear, compared = [], 0, 0
    for genre in genres_by_films(comparison):
        best = winner(comparison, genre, fewest=FEWEST_FILMS)
        if best is None:
            continue
        lead = Cell(NOTHING)
        if best.lead is not None:
            sure = best.lead.clear and not best.few
            lead = Cell(signed(best.lead.difference), span(best.lead.interval), best.lead.difference, sure)
            if best.lead.interval and not best.few:
                compared, clear = compared + 1, clear + best.lead.clear
        name = names(comparison)[best.model]
        named, link = replace(name, term=name.text), (anchors or {}).get(genre, "")
        genre_cell = Cell(genre, faint=best.few, link=link)
        cells = [genre_cell, named, _picks(comparison, best), lead, Cell(best.sure)]
        rows.append([*cells, _example(comparison, best), _all_films(comparison, best)])
    heads = [head for head, _ in _WINNERS]
    if not any(film.get("explanations") for film in comparison.get("all_films") or []):
        heads[heads.index("see why")] = "for example"
    columns = [place for place in range(len(_WINNERS)) if any(row[place] is not None for row in rows)]
    level = number((comparison.get("bootstrap") or {}).get("level"))
    chance = show(compared * (1 - (0.95 if level is None else level)), 1)
    note = (
        f"In {clear} of the {compared} genres with at least {FEWEST_FILMS} evaluated films the best model is surely "
        f"ahead of the next. About {chance} would be by chance alone."
    )
    return Table(
        "The best model of each genre",
        [heads[place] for place in columns],
        [[cell if (cell := row[place]) is not None else Cell(NOTHING) for place in columns] for row in rows],
        "genres winners",
        [_WINNERS[place][1] for place in columns],
        sortable=True,
        note=note,
        stacked=True,
    )


def _picks(comparison: Mapping[str, Any], best: Winner) -> Cell | None:
    """Return the right ones among the first films that the best model picks."""
    details = (comparison.get("genre_details") or {}).get("models") or {}
    first = {key: (details.get(key, {}).get(best.genre) or {}).get("first") for key in (best.model, best.rival)}
    own, other = first[best.model], first[best.rival]
    if own is None:
        return None
    rival = "" if other is None else f"{label(comparison, best.rival)}: {count(other)}"
    return Cell(f"{count(own)} of {count(best.films)}", rival, own / best.films)


def _example(comparison: Mapping[str, Any], best: Winner) -> Cell | None:
    film = (comparison.get("genre_films") or {}).get(best.genre)
    if not film or not comparison.get("all_films"):
        return None
    return Cell(str(film), link="#films", film=str(film), model=best.model)


def _all_films(comparison: Mapping[str, Any], best: Winner) -> Cell:
    link = "#films" if comparison.get("all_films") else ""
    return Cell(films_of(best.films), value=best.films, link=link, genre=best.genre)


def genres_table(comparison: Mapping[str, Any], anchors: Mapping[str, str] | None = None) -> Table:
    """Return the average precision of every model at every genre, most evaluated films first."""
    rows = []
    for genre in _by_evaluated(comparison):
        precisions = _precisions(comparison, genre)
        best = max((round(precision, 3) for precision in precisions.values()), default=None)
        cells = [Cell(genre, link=(anchors or {}).get(genre, "")), *_films(comparison, genre)]
        for key, model in comparison["models"].items():
            value = precisions.get(key)
            interval = narrow(genre_entry(model, genre).get("interval"), 2)
            cells.append(Cell(show(value), interval, value, value is not None and round(value, 3) == best))
        rows.append(cells)
    named = names(comparison)
    head = ["genre", "films", "to learn from", *(label(comparison, key) for key in named)]
    return Table("Average precision of every genre", head, rows, "genres wide", sortable=True)


def answers_tables(comparison: Mapping[str, Any], anchors: Mapping[str, str] | None = None) -> list[Table]:
    """Return for each trained model its answers at thresholds, most evaluated films first."""
    tables = []
    for key in trained(comparison):
        rows = []
        for genre in _by_evaluated(comparison):
            entry, evaluated = genre_entry(comparison["models"][key], genre), evaluated_with(comparison, genre)
            values = [number(entry.get("threshold"))]
            # Without an evaluated film the metrics are undefined; a zero would look like a failure.
            values += [number(value(entry, metric.key)) if evaluated else None for metric in GENRE_METRICS[1:]]
            own = [Cell(show(one, 2), value=one) for one in values]
            link = (anchors or {}).get(genre, "")
            rows.append([Cell(genre, link=link), *_films(comparison, genre)[:1], *own])
        metrics = GENRE_METRICS[1:]
        head = ["genre", "films", "threshold", *(metric.label for metric in metrics)]
        meanings = ["", "", "", *(metric.meaning for metric in metrics)]
        title = f"{label(comparison, key)}: answers at thresholds"
        tables.append(Table(title, head, rows, "genres", meanings, sortable=True, folded=True))
    return tables


def _by_evaluated(comparison: Mapping[str, Any]) -> list[str]:
    return sorted(comparison["genres"], key=lambda genre: -evaluated_with(comparison, genre))


def _films(comparison: Mapping[str, Any], genre: str) -> list[Cell]:
    """Return the number of evaluated and of training films of a genre."""
    trained_on = number(((comparison.get("genre_counts") or {}).get("train") or {}).get(genre))
    evaluated = evaluated_with(comparison, genre)
    return [Cell(count(evaluated), value=evaluated), Cell(count(trained_on), value=trained_on)]


def _precisions(comparison: Mapping[str, Any], genre: str) -> dict[str, float]:
    """Return the known average precisions of a genre by model."""
    entries = {key: genre_entry(model, genre) for key, model in comparison["models"].items()}
    return {key: v for key, entry in entries.items() if (v := number(entry.get("average_precision"))) is not None}
