"""Reader of a films folder: a CSV with overviews and genres, and one poster file per film.

    FOLDER/IMDB_overview_genres.csv     Id, Genre, Overview, and one 0/1 column for each genre
    FOLDER/Images/<Id>.jpg              the film's poster

Every film of the CSV is counted exactly once: in the table, among the rejects with a reason, or as a repeat.
Films are written to a memory-mapped file as they are read. A process keeps 8 bytes of each in memory, to find repeats.
"""

from __future__ import annotations

import io
import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs

from datasets.raw.csv_columns import NOT_GENRES, Columns, find_columns
from datasets.raw.csv_records import CsvRecords, Record
from datasets.raw.rejects import (
    DUPLICATE_ID,
    ID_LEAVES_FOLDER,
    LABEL_NOT_BINARY,
    NO_GENRE,
    OVERVIEW_EMPTY,
    ROW_MALFORMED,
    FilmsError,
    Reject,
)
from datasets.storage import files

CSV_NAME = "IMDB_overview_genres.csv"
POSTERS_NAME = "Images"

_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
# Placeholders for a missing overview; compared without case and trailing dots.
_PLACEHOLDERS = frozenset(
    {"n/a", "na", "nan", "none", "null", "no overview", "no overview found", "overview", "add a plot"}
    | {"plot unknown", "unknown", "coming soon", "tba", "tbd", "to be announced"}
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FILE_NAME_LIMIT = 255  # Bytes, on every common filesystem.
_FILMS_A_BATCH = 4096  # Held as Python objects until they are written.
_PROBED_ROWS = 1000  # Rows after which columns are checked for being genres.


@dataclass(frozen=True)
class FilmList:
    """The films of a folder's CSV, with posters unread."""

    genres: tuple[str, ...]
    table: pa.Table
    """id string, row int64, overview string, labels fixed_size_list<float32>[G], poster string: the poster's
    path on the filesystem of `find_folder`. Memory-mapped from a file that is deleted with the table. Without rows
    where every film is rejected."""
    rejects: list[Reject]
    repeats: int
    """Number of exact duplicates of earlier films, dropped silently."""
    fingerprint: str
    """SHA-256 of the CSV's bytes, in hex."""


def read_films(folder: str, *, aside: str | None = None) -> FilmList:
    """Read and validate the CSV of a films folder, a local path or Arrow URI.

    `aside` is a local folder for the table's memory-mapped file; by default Python's folder for temporary files.

    Raises FilmsError where there is no folder, CSV or row, or where columns are missing or not 0/1.
    """
    filesystem, root = find_folder(folder)
    path = _find_csv(filesystem, root, folder)
    try:
        with filesystem.open_input_stream(path, compression=None) as raw:
            records = CsvRecords(io.BufferedReader(raw, 1 << 20))
            each = iter(records)
            columns = find_columns(next(each, None), path)
            with tempfile.NamedTemporaryFile(dir=aside, suffix=".arrow") as file:
                films = _Films(path, columns, f"{root}/{POSTERS_NAME}", file.name)
                for record in each:
                    films.add(record)
                table = films.finish()
    except OSError as error:
        raise FilmsError(f"{path} cannot be read: {error}") from error
    return FilmList(
        genres=columns.genres, table=table, rejects=films.rejects, repeats=films.repeats, fingerprint=records.sha256
    )


def find_folder(folder: str) -> tuple[pafs.FileSystem, str]:
    """Return the filesystem of `folder` and its path there, without a trailing slash.

    "~" is expanded. Raises FilmsError where there is no such folder, or Arrow cannot reach it.
    """
    try:
        filesystem, root = files.resolve(folder)
        file_type = filesystem.get_file_info(root).type
    except (OSError, ValueError, RuntimeError) as error:
        raise FilmsError(f"The films folder {folder} cannot be reached: {error.__cause__ or error}") from error
    if file_type != pafs.FileType.Directory:
        problem = "does not exist" if file_type == pafs.FileType.NotFound else "is a file"
        raise FilmsError(f"The films folder {folder} {problem}: give the folder that holds {CSV_NAME}.")
    return filesystem, root.rstrip("/")


def _find_csv(filesystem: pafs.FileSystem, root: str, folder: str) -> str:
    """Return the path of the CSV; raise FilmsError where it or the posters' folder is missing."""
    path = f"{root}/{CSV_NAME}"
    csv_info, posters_info = filesystem.get_file_info([path, f"{root}/{POSTERS_NAME}"])
    if csv_info.type == pafs.FileType.File and posters_info.type == pafs.FileType.Directory:
        return path
    missing = f"file {CSV_NAME}" if csv_info.type != pafs.FileType.File else f"folder {POSTERS_NAME}"
    there = [
        info.base_name + ("/" if info.type == pafs.FileType.Directory else "")
        for info in filesystem.get_file_info(pafs.FileSelector(root))
    ]
    shown = ", ".join(sorted(there)[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
    raise FilmsError(
        f"The films folder {folder} has no {missing}; it holds {shown or 'nothing'}. "
        f"Give the folder with {CSV_NAME} and the posters as {POSTERS_NAME}/<Id>.jpg."
    )


class _Films:
    """Validator of CSV records that writes usable films to a file."""

    def __init__(self, path: str, columns: Columns, posters: str, file: str) -> None:
        """Open the local `file` for writing; `posters` is the path of the posters' folder."""
        self.path, self.columns, self._posters, self._file = path, columns, posters, file
        self.rejects: list[Reject] = []
        self.repeats = 0
        self._records = 0
        self._evaluated = 0  # Records whose labels were read.
        self._not_binary: Counter[int] = Counter()  # Number of values that are not 0 or 1, by column.
        self._example: dict[int, str] = {}  # The first such value.
        self._hashes = array("q")  # Of the ids of all films, to find duplicates.
        self._schema = _schema(len(columns.labels))
        self._writer = pa.ipc.new_file(file, self._schema)
        self._start_batch()

    def add(self, record: Record) -> None:
        """Write the film of `record` to the file, or reject it."""
        self._records += 1
        columns, fields = self.columns, record.fields
        film = fields[columns.id].strip() if columns.id < len(fields) else ""
        if problem := _unsafe_id(film):
            return self._reject(film, record.row, ID_LEAVES_FOLDER, problem)
        if problem := record.problem or _unusable_id(film):
            return self._reject(film, record.row, ROW_MALFORMED, problem)
        overview = " ".join(filter(None, map(str.strip, fields[columns.overview].splitlines())))
        if _is_placeholder(overview):
            return self._reject(film, record.row, OVERVIEW_EMPTY, f"Overview is {overview!r}")
        labels, problem = self._read_labels(fields)
        if problem:
            return self._reject(film, record.row, LABEL_NOT_BINARY, problem)
        if 1 not in labels:
            return self._reject(film, record.row, NO_GENRE, "0 in every genre column")
        self._keep(film, record.row, overview, labels)
        return None

    def finish(self) -> pa.Table:
        """Return the accepted films. Raises FilmsError where the CSV as a whole is unusable."""
        if not self._records:
            raise FilmsError(f"{self.path} has a header and no films: add a row for each film.")
        self._check_columns()
        self._write_batch()
        self._writer.close()
        table = pa.ipc.open_file(pa.memory_map(self._file)).read_all()
        return _without(table, sorted(self._doubles(table)))

    def _reject(self, film: str, row: int, reason: str, detail: str) -> None:
        shown = film.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self.rejects.append(Reject(shown, row, reason, detail))

    def _keep(self, film: str, row: int, overview: str, labels: bytes) -> None:
        """Append a valid film."""
        self._hashes.append(hash(film))
        self._ids.append(film)
        self._rows.append(row)
        self._overviews.append(overview)
        self._labels += labels
        if len(self._ids) == _FILMS_A_BATCH:
            self._write_batch()

    def _start_batch(self) -> None:
        self._ids: list[str] = []
        self._rows: list[int] = []
        self._overviews: list[str] = []
        self._labels = bytearray()  # [films, genres] of 0 and 1.

    def _write_batch(self) -> None:
        labels = pa.array(np.frombuffer(self._labels, dtype=np.uint8).astype(np.float32))
        columns = [
            pa.array(self._ids, pa.string()),
            pa.array(self._rows, pa.int64()),
            pa.array(self._overviews, pa.string()),
            pa.FixedSizeListArray.from_arrays(labels, len(self.columns.labels)),
            pa.array([f"{self._posters}/{film}.jpg" for film in self._ids], pa.string()),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self._start_batch()

    def _doubles(self, table: pa.Table) -> Iterator[int]:
        """Yield the films with the id of an earlier one: exact repeats are counted, others rejected."""
        hashes = np.frombuffer(self._hashes, np.int64)
        order = np.argsort(hashes, kind="stable")
        again = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        firsts: dict[str, int] = {}
        # Different ids may have the same hash; films are visited in file order.
        for place in np.unique(np.concatenate([order[again], order[again + 1]])).tolist():
            film = {name: table[name][place].as_py() for name in ("id", "row", "overview", "labels")}
            first = firsts.setdefault(film["id"], place)
            if first == place:
                continue
            yield place
            other_overview = film["overview"] != table["overview"][first].as_py()
            if other_overview or film["labels"] != table["labels"][first].as_py():
                difference = "another overview" if other_overview else "other genres"
                detail = f"also on row {table['row'][first].as_py()}, with {difference}; that one is kept"
                self._reject(film["id"], film["row"], DUPLICATE_ID, detail)
            else:
                self.repeats += 1

    def _read_labels(self, fields: Sequence[str]) -> tuple[bytes, str]:
        """Return the labels as bytes of 0 and 1, and an error message or ""."""
        self._evaluated += 1
        try:
            labels, problem = bytes([_LABELS[fields[column]] for column in self.columns.labels]), ""
        except KeyError:
            labels, problem = self._read_odd_labels(fields)
        if self._evaluated == _PROBED_ROWS:
            self._check_columns()
        return labels, problem

    def _read_odd_labels(self, fields: Sequence[str]) -> tuple[bytes, str]:
        """Return the same as `_read_labels`, for values with spaces or other than 0 and 1."""
        labels, problem = bytearray(), ""
        for column in self.columns.labels:
            label = _LABELS.get(fields[column].strip())
            if label is None:
                self._not_binary[column] += 1
                self._example.setdefault(column, fields[column])
                problem = problem or f"{self.columns.names[column]} is {fields[column]!r}"
            labels.append(label or 0)
        return bytes(labels), problem

    def _check_columns(self) -> None:
        """Raise FilmsError for a column that is clearly no genre: it would reject every film."""
        for column, bad in self._not_binary.items():
            # Below 20 films all values must be wrong; from 20 on, more than half.
            if bad == self._evaluated or (self._evaluated >= 20 and bad > self._evaluated / 2):
                name, good = self.columns.names[column], self._evaluated - bad
                raise FilmsError(
                    f"{self.path}: column {name!r} holds 0 or 1 in {good or 'none'} of the first "
                    f"{self._evaluated} films, and {self._example[column]!r} in another. Every column but "
                    f"{', '.join(NOT_GENRES)} is a genre: remove this one, or fill it with 0 and 1."
                )


def _schema(genres: int) -> pa.Schema:
    """Return the schema of a `FilmList`'s table."""
    labels = pa.list_(pa.float32(), genres)
    return pa.schema(
        {"id": pa.string(), "row": pa.int64(), "overview": pa.string(), "labels": labels, "poster": pa.string()}
    )


def _without(table: pa.Table, places: list[int]) -> pa.Table:
    """Return a table without the rows at `places`, zero-copy."""
    starts, ends = [0, *(place + 1 for place in places)], [*places, len(table)]
    return pa.concat_tables([table.slice(start, end - start) for start, end in zip(starts, ends, strict=True)])


def _unsafe_id(film: str) -> str:
    """Return why this id might lead out of the posters' folder, or ""."""
    if match := _CONTROL.search(film):
        return f"Id holds the control character {match.group()!r}"
    if "/" in film or "\\" in film:
        return "Id holds a slash; it names a file inside the posters' folder"
    if film in (".", ".."):
        return "Id names a folder, not a film"
    return "Id begins as a drive does" if film[1:2] == ":" else ""


def _unusable_id(film: str) -> str:
    """Return why this id cannot name a poster's file, or ""."""
    if not film:
        return "Id is empty"
    if len(film) > 60 and (length := len(f"{film}.jpg".encode())) > _FILE_NAME_LIMIT:
        return f"Id makes a file name of {length} bytes; at most {_FILE_NAME_LIMIT} are possible"
    return ""


def _is_placeholder(overview: str) -> bool:
    """Return whether the overview is a known placeholder or has no letter or digit."""
    if len(overview) < 30 and overview.casefold().rstrip(" .\u2026") in _PLACEHOLDERS:
        return True
    return not any(map(str.isalnum, overview))
