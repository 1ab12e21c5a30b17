"""Reader of films in any layout: tables with overviews and genres, and posters beside them.

    FOLDER/IMDB_overview_genres.csv     Id, Genre, Overview, and one 0/1 column for each genre (the coursework's)
    FOLDER/Images/<Id>.jpg              the film's poster

and the layouts of docs/films.md. Every film of the tables is counted exactly once: in the result, among the rejects
with a reason, or as a repeat. Films are written to memory-mapped files as they are read; a process keeps some 30 bytes
of each in memory.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.raw import report
from datasets.raw.columns import Choices
from datasets.raw.film_rows import FilmRows
from datasets.raw.films_path import CSV_NAME, POSTERS_NAME, FilmsPath, find_folder, open_path
from datasets.raw.genres import NO_GENRES, GenreOptions, Genres
from datasets.raw.poster_index import PosterIndex
from datasets.raw.rejects import FilmsError, Reject
from datasets.raw.selection import Selection, select, select_all
from datasets.storage.row_files import mapped
from datasets.tables.sources import SourceError

__all__ = ["CSV_NAME", "POSTERS_NAME", "FilmList", "ReadOptions", "find_folder", "read_films"]

_ROWS_A_BATCH = 16_384  # as the films are written
_MOST_PROBLEMS = 12


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading films."""

    columns: Choices = field(default_factory=Choices)
    genres: GenreOptions = field(default_factory=GenreOptions)
    allow_missing: bool | None = None
    """Whether films without poster or without overview are kept; by default if fewer than half lack it."""
    problems: tuple[str, ...] = ()
    """Sentences on these options, to be told with those on the films."""
    labelled: bool = True
    """Whether films have genres. Without labels every row is kept, repeats and films that lack both included."""
    unknown_share: Callable[[Sequence[str]], float] | None = None
    """Returns the share of some overviews' pieces that the pretrained text encoder does not know, if it is there."""


@dataclass(frozen=True)
class FilmList:
    """The films of a folder, with posters unread."""

    genres: tuple[str, ...]
    table: pa.Table
    """id string, row int64, overview string ("" for none), labels fixed_size_list<float32>[G] of labelled films, poster
    string: the poster's locator on the filesystem of `find_folder` ("" for none). Memory-mapped from a file that is
    deleted with the table. Without rows where every film is rejected."""
    rejects: list[Reject]
    repeats: int
    """Number of exact duplicates of earlier films, dropped silently."""
    fingerprint: str
    """SHA-256 of the table's bytes, in hex."""
    understood: tuple[str, ...] = ()
    """Lines on how the files were read: tables, columns, genres, posters, and what is missing."""
    warnings: tuple[str, ...] = ()
    """Sentences on overviews in another language, or that name their own genres."""
    set_aside: Counter[str] = field(default_factory=Counter)
    """Number of rejects, by reason, that are no fault of a film: they do not count for `max_rejects`."""
    lacking: int = 0
    """Number of films in the table without poster or without overview."""


def read_films(
    folder: str, options: ReadOptions | None = None, *, aside: str | None = None, spill: str | None = None
) -> FilmList:
    """Read and validate the films of a folder, table or archive, by path or URI.

    Args:
        folder: where the films are.
        options: columns, genres and missing posters or overviews.
        aside: local folder for memory-mapped files; by default Python's folder for temporary files.
        spill: folder or URI that every process can read, for posters that cannot be read where they are (in compressed
            tars and in tables); without it, such posters are only counted.

    Raises:
        FilmsError: with all problems that the tables have.
    """
    options = options or ReadOptions()
    with tempfile.TemporaryDirectory(dir=aside, prefix="reading-") as work:
        posters = PosterIndex(str(Path(work, "posters.arrow")))
        renamed = frozenset(options.genres.renames)
        columns = replace(options.columns, labelled=options.labelled, renamed=renamed)
        found = open_path(folder, posters, columns, aside=work, spill=spill)
        if options.problems or found.problems:
            raise _error(folder, [*options.problems, *found.problems])
        try:
            file = str(Path(work, "rows.arrow"))
            rows = FilmRows(
                found.tables,
                posters,
                file,
                spill,
                labelled=options.labelled,
                joined=found.joined,
                links=found.links,
            )
            table = rows.read()
        except (OSError, SourceError) as error:
            raise FilmsError(f"{folder} cannot be read: {error}") from error
        if options.labelled:
            counts = np.bincount(np.frombuffer(rows.code_of, np.int32), minlength=len(rows.codes.values))
            genres = rows.codes.finish(counts, options.genres)
            selection = select(table, rows, genres, posters, options.allow_missing, joined=found.joined)
        else:
            genres = NO_GENRES
            selection = select_all(table, rows, posters)
        problems = [*genres.problems, *_problems(genres, selection, rows, posters, found)]
        if problems:
            raise _error(folder, problems)
        warnings: tuple[str, ...] = ()
        films = _written(table, genres, selection, posters, str(Path(work, "films.arrow")))
        if options.labelled:
            overviews = report.warnings(films, genres.names, options.unknown_share)
            warnings = (*report.rare_genres(genres.names, selection), *overviews)
        return FilmList(
            genres=genres.names,
            table=films,
            rejects=sorted(rows.rejects, key=lambda reject: reject.row),
            repeats=selection.repeats,
            fingerprint=rows.fingerprint,
            understood=report.understood(found, rows, genres, selection, posters),
            warnings=warnings,
            set_aside=selection.set_aside,
            lacking=int((selection.kept & ~(selection.has_overview & selection.has_poster)).sum()),
        )


def _problems(
    genres: Genres, selection: Selection, rows: FilmRows, posters: PosterIndex, found: FilmsPath
) -> list[str]:
    """Return why films that were read cannot be used at all."""
    if not len(rows.hashes):
        return []
    problems = []
    if rows.labelled and not genres.names and not genres.problems:
        problems.append("no genre is left. Choose others with --genres, --genre-column or --min-films-per-genre.")
    if selection.films and not selection.films_with_poster and not selection.films_with_overview:
        problems.append(_neither(rows, found))
    elif selection.films and not selection.films_with_poster and len(posters) >= max(3, len(rows.hashes) // 100):
        used = found.tables[0].columns
        ids = ", ".join(repr(film) for film in selection.some_ids)
        source = "by their rows" if used.id is None else f"by the column {used.names[used.id]!r}"
        problems.append(
            f"{len(posters):,} pictures, and none belongs to a film: they are named as {', '.join(posters.names(3))}, "
            f"and the films {ids}, {source}. Name the column of the files' names with --poster-column or --id-column, "
            "or read films without posters from a folder without pictures."
        )
    return problems


def _neither(rows: FilmRows, found: FilmsPath) -> str:
    """Return the sentence on films that have neither posters nor overviews."""
    columns = found.genre_table.columns
    names = [repr(columns.id_name)] if columns.id_name else []
    if found.links is not None:
        names += [f"{found.links.column(kind)!r} of {found.links.name}" for kind in found.links.kinds]
    ids = f" ({' or '.join(names)})" if names else ""
    ignored = [name for name in columns.ignored if " (" not in name]
    sentences = [
        "there are neither posters nor overviews, and a film needs one of them: put posters, named as the films' ids"
        f"{ids}, into a folder Images/ beside the table, or a table of overviews with such ids, and give the folder; "
        f"or name a column with --overview-column or --poster-column (left are {', '.join(ignored[:12]) or 'none'})."
    ]
    sentences += [f"Not read: {note}." for note in found.notes if " (" in note]
    return " ".join([*sentences, report.no_posters(rows)]).rstrip()


def _error(folder: str, problems: list[str]) -> FilmsError:
    """Return the error of all problems."""
    path = folder.partition("?")[0] if "://" in folder else folder
    name = path.rstrip("/").rpartition("/")[2]  # of a table that was given by its path
    unique = list(dict.fromkeys(problem.removeprefix(f"{name}: ") for problem in problems))
    if len(unique) == 1:
        if unique[0].startswith(f"{name} "):  # "films.csv is damaged …"
            return FilmsError(f"{folder.rstrip('/').removesuffix(name)}{unique[0]}")
        return FilmsError(f"{folder}: {unique[0]}")
    shown = [f"  - {problem}" for problem in unique[:_MOST_PROBLEMS]]
    if len(unique) > _MOST_PROBLEMS:
        shown.append(f"  and {len(unique) - _MOST_PROBLEMS} more")
    return FilmsError(f"{folder} cannot be used yet:\n" + "\n".join(shown))


def _written(table: pa.Table, genres: Genres, selection: Selection, posters: PosterIndex, file: str) -> pa.Table:
    """Write the films that are kept, with labels and posters; return them mapped."""
    schema = pa.schema(
        {
            "id": pa.string(),
            "row": pa.int64(),
            "overview": pa.string(),
            "labels": pa.list_(pa.float32(), max(1, len(genres.names))),
            "poster": pa.string(),
        }
    )
    if genres is NO_GENRES:
        schema = schema.remove(schema.get_field_index("labels"))
    start = 0
    with pa.ipc.new_file(file, schema) as writer:
        for batch in table.to_batches(max_chunksize=_ROWS_A_BATCH):
            rows = np.flatnonzero(selection.kept[start : start + len(batch)])
            films = batch if len(rows) == len(batch) else batch.take(pa.array(rows))
            rows = rows + start
            start += len(batch)
            if not len(films):
                continue
            overview = films["overview"]
            if not selection.has_overview[rows].all():
                overview = pc.if_else(pa.array(selection.has_overview[rows]), overview, "")
            poster = posters.locators(selection.posters[rows])
            if selection.has_pictures:
                poster = pc.if_else(pc.equal(films["picture"], ""), poster, films["picture"])
            columns = [films["id"], films["row"], overview]
            if genres is not NO_GENRES:
                labels = pa.array(selection.labels(rows).astype(np.float32).reshape(-1))
                columns.append(pa.FixedSizeListArray.from_arrays(labels, len(genres.names)))
            writer.write_batch(pa.record_batch([*columns, poster], schema=schema))
    return mapped(file)
