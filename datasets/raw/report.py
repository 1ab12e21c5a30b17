"""The lines on how films were read, and warnings about their overviews."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from datasets.raw.film_rows import FilmRows
from datasets.raw.films_path import FilmsPath
from datasets.raw.genres import Genres
from datasets.raw.pictures import PictureTable
from datasets.raw.poster_index import PosterIndex
from datasets.raw.selection import Selection
from datasets.text.overview_checks import foreign_share, leak_share

_CHECKED = 2_000  # overviews
_FOREIGN = 0.5  # share of overviews from which a warning is due
_UNKNOWN = 0.1
_LEAK = 0.25
_MANY_GENRES = 20
_FEW_FILMS = 10


def understood(
    found: FilmsPath, rows: FilmRows, genres: Genres, selection: Selection, posters: PosterIndex
) -> tuple[str, ...]:
    """Return five lines: tables, columns, genres (of labelled films), posters, and what is missing."""
    if isinstance(found.tables[0].table, PictureTable):
        return (f"Table: none; each of {rows.records:,} pictures is a film, its file's name the id",)
    lines = [_tables_line(found, rows), _columns_line(found, rows, genres)]
    if rows.labelled:
        lines.append(_genres_line(found, genres, selection, numbered=rows.codes.numbered))
    return (*lines, _posters_line(rows, selection, posters), _missing_line(selection, labelled=rows.labelled))


def _tables_line(found: FilmsPath, rows: FilmRows) -> str:
    tables = [used.table for used in found.tables]
    name = tables[0].name + (f" and {len(tables) - 1:,} more" if len(tables) > 1 else "")
    if found.joined:
        name = f"{tables[0].name}, joined with {found.genre_table.table.name} by {found.joined_by}"
        if rows.unlinked:
            name += f", {rows.unlinked:,} of its rows being of other films"
    line = f"Table: {name} ({tables[0].described}), {rows.records:,} rows"
    is_linked = rows.by_links or any(used.translated is not None for used in found.tables)
    notes = [*found.notes, *([] if found.links is None or is_linked else [found.links.name])]
    return line + (f"; ignored: {', '.join(notes)}" if notes else "")


def _columns_line(found: FilmsPath, rows: FilmRows, genres: Genres) -> str:
    columns, with_genres = found.tables[0].columns, found.genre_table.columns
    named = [
        f"{what} {there.names[column]!r}"
        for what, there, column in (
            ("id", columns, columns.id),
            ("overview", columns, columns.overview),
            ("genres", with_genres, with_genres.genre if rows.labelled else None),
            ("poster", columns, columns.poster),
        )
        if column is not None
    ]
    if columns.id is None:
        named.insert(0, "id the row's number")
    elif found.tables[0].translated is not None:
        named[0] = f"id {with_genres.id_name!r}"
    ignored = [*columns.ignored, *genres.ignored]
    if rows.key_name and not rows.key_is_path:
        named.append(f"posters named by {rows.key_shown}")
    shown = f"; ignored: {_some(ignored, 12)}" if ignored else ""
    return f"Columns: {', '.join(named)}{shown}"


def _genres_line(found: FilmsPath, genres: Genres, selection: Selection, *, numbered: bool) -> str:
    columns = found.genre_table.columns
    films = _films_of_genres(selection)
    source = "lists of names" if columns.genre is not None else "columns of 0 and 1"
    source = f"{1 + len(columns.further_genres)} columns of a name each" if columns.further_genres else source
    source = "TMDB's numbers" if numbered else source
    if selection.merged and not found.joined:
        source = f"a row for each film and genre ({selection.merged:,} rows merged)"
    shown = [f"{name} {int(count):,}" for name, count in zip(genres.names, films, strict=True)]
    notes = "".join(f"; {note}" for note in genres.notes)
    return f"Genres: {len(genres.names)} from {source}: {_some(shown, 30)}{notes}"


def _posters_line(rows: FilmRows, selection: Selection, posters: PosterIndex) -> str:
    ways = selection.poster_ways
    if not selection.films_with_poster:
        purpose = "; a store for models that read overviews." if rows.labelled else "."
        return f"Posters: none{purpose} {no_posters(rows)}".rstrip(" .")
    named = {
        "in the table": f"by the paths in {rows.key_name!r}" if rows.reads_paths else "in the table",
        rows.key_name: f"by {'' if rows.by_links else 'the column '}{rows.key_shown}",
        "id": "by id",
        "loose": "by id without regard to tt, leading zeros, .0 and case",
    }
    told = [f"{ways[way]:,} {text}" for way, text in named.items() if way and ways.get(way)]
    folders = [f"{folder or 'the folder itself'}" for folder, _ in posters.folders.most_common(3)]
    place = f" in {', '.join(folders)}" if folders else ""
    line = f"Posters: {selection.films_with_poster:,} of {selection.films:,} films{place}, {', '.join(told)}"
    if ways.get("ambiguous"):
        line += f"; {ways['ambiguous']:,} films match no single file and have none"
    lacking = selection.films - selection.films_with_poster
    return line + (f"; {no_posters(rows)}" if lacking and rows.urls else "")


def no_posters(rows: FilmRows) -> str:
    """Return the sentence on web addresses or missing files of posters, or ""."""
    if not rows.urls:
        if not rows.paths:
            return ""
        return (
            f"{_films(rows.paths)} a path in {rows.key_name!r}, and no such file is there: put the posters into "
            "Images/ beside the table, under those names or the films' ids (for TMDB's see docs/films.md)."
        )
    return (
        f"{_films(rows.urls)} a web address in {rows.key_name!r}, which is not fetched: download them into "
        "Images/, each under its film's id or under the address's last part (wget -P Images -i addresses.txt)."
    )


def _missing_line(selection: Selection, *, labelled: bool) -> str:
    lack = []
    if selection.films_with_poster and selection.films_with_poster < selection.films:
        lack.append(f"{_films(selection.films - selection.films_with_poster)} no poster")
    if not selection.films_with_overview:
        lack.append("no film has an overview" + ("; a store for models that read posters" if labelled else ""))
    elif selection.films_with_overview < selection.films:
        lack.append(f"{_films(selection.films - selection.films_with_overview)} no overview")
    if not lack:
        return "Missing: nothing"
    if not labelled:
        return f"Missing: {' and '.join(lack)}"
    if not (0 < selection.films_with_poster < selection.films or 0 < selection.films_with_overview < selection.films):
        return f"Missing: {lack[0]}"
    if not selection.films_with_overview:  # said first, since it is of all films
        return f"Missing: {lack[1]}; {lack[0]}: set aside"
    if not selection.films_with_poster:
        kept = "set aside"
    elif selection.allows_missing:
        kept = "kept for models that need the other one"
    elif selection.missing_was_chosen:
        kept = "set aside"
    else:
        kept = "set aside, since half of the films or more lack it; --allow-missing keeps them"
    return f"Missing: {' and '.join(lack)}: {kept}"


def _films(number: int) -> str:
    return "1 film has" if number == 1 else f"{number:,} films have"


def first_films(table: pa.Table, genres: Sequence[str], most: int = 5) -> list[str]:
    """Return lines on the first films: id, genres, poster and the overview's beginning."""
    from datasets.tables.sources import shown

    lines = []
    for film in table.slice(0, most).to_pylist():
        names = [genre for genre, label in zip(genres, film["labels"], strict=True) if label]
        lines.append(f"  {film['id']}: {', '.join(names)}; poster {shown(film['poster']) or 'none'}")
        lines.append(f"      {film['overview'][:100] or 'no overview'}")
    return lines


def warnings(
    table: pa.Table, genres: Sequence[str], unknown_share: Callable[[Sequence[str]], float] | None
) -> tuple[str, ...]:
    """Return warnings about some overviews, evenly taken from all."""
    step = max(1, len(table) // _CHECKED)
    batches = [batch.take(pa.array(np.arange(0, len(batch), step))) for batch in table.to_batches()]
    films = [
        {"overview": overview, "labels": labels}
        for batch in batches
        for overview, labels in zip(batch["overview"].to_pylist(), _labels(batch["labels"]), strict=True)
        if overview
    ]
    if not films:
        return ()
    found = []
    overviews = [film["overview"] for film in films]
    if (foreign := foreign_share(overviews)) >= _FOREIGN:
        found.append(
            f"{foreign:.0%} of the overviews are not in English, which the pretrained text encoder reads: it will do "
            "worse than train_lstm.py on words of its own"
        )
    if unknown_share is not None and (unknown := unknown_share(overviews)) >= _UNKNOWN:
        found.append(f"{unknown:.0%} of the overviews' pieces are unknown to the pretrained text encoder")
    own = [[genres[int(place)] for place in np.flatnonzero(film["labels"])] for film in films]
    if (leak := leak_share(overviews, own)) >= _LEAK:
        found.append(
            f"{leak:.0%} of the overviews contain a genre of their film as a word: a model may read the answer there"
        )
    return tuple(found)


def _some(texts: Sequence[str], most: int) -> str:
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def rare_genres(genres: Sequence[str], selection: Selection) -> tuple[str, ...]:
    """Return the warning about many genres of few films each, if it is due."""
    rare = int((_films_of_genres(selection) < _FEW_FILMS).sum())
    if len(genres) < _MANY_GENRES or 2 * rare < len(genres):
        return ()
    return (
        f"{rare:,} of {len(genres):,} genres have fewer than {_FEW_FILMS} films, too few to learn or to test: "
        f"--min-films-per-genre {_FEW_FILMS} drops them",
    )


def _films_of_genres(selection: Selection) -> np.ndarray:
    """Return each genre's number of films kept, [genres]."""
    kept = np.flatnonzero(selection.kept)
    counts = np.bincount(selection.codes[kept], minlength=len(selection.code_labels))
    return np.asarray(counts @ selection.code_labels)


def _labels(column: pa.FixedSizeListArray) -> np.ndarray:
    """Return labels, float32 [films, genres]."""
    return column.flatten().to_numpy().reshape(len(column), -1)
