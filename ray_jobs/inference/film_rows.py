"""Films without labels, read from a folder, a CSV or a Parquet file.

This is the one place that knows layouts of films to predict: `open_films` gives rows of `SCHEMA`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from datasets.raw.rejects import ROW_MALFORMED, FilmsError
from datasets.storage import files

SCHEMA = pa.schema({"row": pa.int64(), "id": pa.string(), "overview": pa.string(), "poster": pa.string()})
"""Number of the film from 1, its id, its overview (empty without one), and its poster's path or URI (null without)."""
_TABLES = ("csv", "parquet")
_PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp")
_POSTERS = "Images"
_IDS = ("id", "imdbid", "tmdbid", "movieid", "filmid", "showid")
_OVERVIEWS = ("overview", "plot", "description", "summary", "synopsis", "storyline")
_POSTER_COLUMNS = ("poster", "posterpath", "posterfile", "image", "imagepath")
_BLANK = frozenset({"", "n/a", "na", "nan", "none", "null"})
_ROWS = 4_096


@dataclass
class FilmRows:
    """The films of a source."""

    path: str
    description: str
    """Which columns and posters are used, in words."""
    fingerprint: str
    """Changes with the names, sizes and times of the files read, posters not included."""
    tables: Iterator[pa.Table]
    """Tables of `SCHEMA`, to be read once."""
    malformed: list[tuple[str, int, str, str]] = field(default_factory=list)
    """Rows that are no record (id, row, reason, detail), complete once `tables` are read."""


def open_films(path: str) -> FilmRows:
    """Open films: a folder, a CSV (`.csv`) or a Parquet file (`.parquet`).

    A folder holds one such file, and posters in `Images/<id>.jpg`; a folder of pictures alone is films without
    overviews, named by their files. Posters of a table's column `poster` are paths relative to it.

    Raises:
        FilmsError: there are no films, or no column holds overviews or posters.
    """
    place = files.absolute(path)
    filesystem, inner = files.resolve(place)
    info = filesystem.get_file_info(inner)
    if info.type == pafs.FileType.NotFound:
        raise FilmsError(f"there are no films at {path}: give a folder, a CSV or a Parquet file")
    if info.type == pafs.FileType.File:
        return _table(filesystem, info, place)
    inside = filesystem.get_file_info(pafs.FileSelector(inner))
    tables = [one for one in inside if one.is_file and one.extension.lower() in _TABLES]
    if len(tables) > 1:
        names = ", ".join(sorted(one.base_name for one in tables))
        raise FilmsError(f"{path} holds {len(tables)} tables ({names}): name the one with the films")
    if tables:
        return _table(filesystem, tables[0], files.join(place, tables[0].base_name))
    pictures = sorted(one.base_name for one in inside if one.is_file and one.extension.lower() in _PICTURES)
    if not pictures:
        raise FilmsError(f"{path} holds no CSV, no Parquet file and no picture")
    listing = hashlib.sha256("\n".join(pictures).encode()).hexdigest()
    return FilmRows(place, f"{len(pictures):,} pictures", listing, _of_pictures(place, pictures))


def _of_pictures(place: str, names: Sequence[str]) -> Iterator[pa.Table]:
    for start in range(0, len(names), _ROWS):
        some = names[start : start + _ROWS]
        yield pa.table(
            {
                "row": range(start + 1, start + 1 + len(some)),
                "id": [name.rsplit(".", 1)[0] for name in some],
                "overview": [""] * len(some),
                "poster": [files.join(place, name) for name in some],
            },
            schema=SCHEMA,
        )


def _table(filesystem: pafs.FileSystem, info: pafs.FileInfo, place: str) -> FilmRows:
    """Open a table's file."""
    extension = info.extension.lower()
    if extension not in _TABLES:
        raise FilmsError(f"{place} is no CSV and no Parquet file: films are read from .csv, .parquet or a folder")
    folder = place.rsplit("/", 1)[0]
    malformed: list[tuple[str, int, str, str]] = []
    try:
        if extension == "parquet":
            file = pq.ParquetFile(filesystem.open_input_file(info.path))
            names = file.schema_arrow.names
        else:
            names = _csv_header(filesystem, info.path)
    except (OSError, pa.ArrowException) as error:
        raise FilmsError(f"{place} cannot be read: {error}") from error
    columns = _columns(names, place)
    posters = files.join(folder, _POSTERS)
    if "poster" not in columns and files.exists(posters):
        description = f"posters {posters}/<{columns.get('id', 'row')}>.jpg"
    else:
        posters, description = "", ""
    if "overview" not in columns and "poster" not in columns and not posters:
        shown = ", ".join(repr(name) for name in names[:10])
        raise FilmsError(
            f"{place} has no column of overviews ({', '.join(_OVERVIEWS)}) or posters ({', '.join(_POSTER_COLUMNS)}), "
            f"and no folder {_POSTERS} beside it; its columns are {shown}"
        )
    said = [f"{kind} from {name!r}" for kind, name in columns.items()]
    wanted = list(columns.values())
    batches = (
        file.iter_batches(_ROWS, columns=wanted)
        if extension == "parquet"
        else _csv_batches(filesystem, info.path, wanted, malformed)
    )
    seen = f"{info.base_name} {info.size} {info.mtime_ns} {names}"
    return FilmRows(
        place,
        ", ".join([*said, *filter(None, [description])]),
        hashlib.sha256(seen.encode()).hexdigest(),
        _rows(batches, columns, folder, posters, place),
        malformed,
    )


def _columns(names: Sequence[str], place: str) -> dict[str, str]:
    """Return the names of the columns used, by what they are."""
    columns = {}
    for kind, usual in (("id", _IDS), ("overview", _OVERVIEWS), ("poster", _POSTER_COLUMNS)):
        found = [name for wanted in usual for name in names if re.sub(r"[\s_\-]+", "", name).casefold() == wanted]
        if len(found) != len(set(found)):
            raise FilmsError(f"{place}: the column {found[0]} occurs more than once; keep one of each")
        if found:
            columns[kind] = found[0]
    return columns


def _csv_header(filesystem: pafs.FileSystem, path: str) -> list[str]:
    with filesystem.open_input_stream(path) as stream:
        return list(pacsv.open_csv(stream, parse_options=_parsing([])).schema.names)


def _csv_batches(
    filesystem: pafs.FileSystem, path: str, columns: list[str], malformed: list[tuple[str, int, str, str]]
) -> Iterator[pa.RecordBatch]:
    with filesystem.open_input_stream(path) as stream:
        yield from pacsv.open_csv(
            stream,
            # In one thread, for only then are rows that are no record numbered.
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=_parsing(malformed),
            convert_options=pacsv.ConvertOptions(
                include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )


def _parsing(malformed: list[tuple[str, int, str, str]]) -> pacsv.ParseOptions:
    def skip(row: Any) -> str:
        detail = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        malformed.append(("", int(row.number or 0) - 1, ROW_MALFORMED, detail))
        return "skip"

    return pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)


def _rows(
    batches: Iterator[pa.RecordBatch], columns: dict[str, str], folder: str, posters: str, place: str
) -> Iterator[pa.Table]:
    """Yield tables of `SCHEMA`."""
    first = 1
    try:
        for batch in batches:
            number = range(first, first + len(batch))
            texts = {kind: _texts(batch[name]) for kind, name in columns.items()}
            ids = texts.get("id") or [str(row) for row in number]
            where = [_within(folder, name) for name in texts["poster"]] if "poster" in texts else None
            if where is None:
                where = [f"{posters}/{film}.jpg" if posters and _is_name(film) else None for film in ids]
            overviews = [_overview(text) for text in texts.get("overview", [""] * len(batch))]
            yield pa.table({"row": number, "id": ids, "overview": overviews, "poster": where}, schema=SCHEMA)
            first += len(batch)
    except (OSError, pa.ArrowException) as error:
        raise FilmsError(f"{place} cannot be read after row {first - 1}: {error}") from error


def _texts(column: pa.Array) -> list[str]:
    return ["" if value is None else str(value).strip() for value in column.to_pylist()]


def _overview(text: str) -> str:
    """Return an overview in one line; empty for a placeholder."""
    line = " ".join(filter(None, map(str.strip, text.splitlines())))
    return "" if line.casefold() in _BLANK else line


def _within(folder: str, name: str) -> str | None:
    """Return the path of a poster that a table names."""
    if name.casefold() in _BLANK:
        return None
    return name if name.startswith("/") or "://" in name else files.join(folder, name)


def _is_name(film: str) -> bool:
    """Return whether an id can be the name of a file in the posters' folder."""
    return bool(film) and not set(film) & {"/", "\\", "\0"} and film not in (".", "..")
