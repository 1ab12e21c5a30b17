"""The films of tables, read record by record into a file; malformed records are rejected with their line."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.raw.genres import GenreCodes
from datasets.raw.joins import Links, UsedTable, poster_key, unite
from datasets.raw.pictures import PictureTable
from datasets.raw.poster_index import PosterIndex, is_url
from datasets.raw.rejects import ID_LEAVES_FOLDER, ROW_MALFORMED, Reject
from datasets.storage import files
from datasets.storage.row_files import RowFile
from datasets.tables.ids import id_text, loose_key
from datasets.tables.sources import spilled
from datasets.tables.tables import Table

# Placeholders for a missing overview; compared without case and trailing dots.
_PLACEHOLDERS = frozenset(
    {"n/a", "na", "nan", "none", "null", "no overview", "no overview found", "overview", "add a plot"}
    | {"plot unknown", "unknown", "coming soon", "tba", "tbd", "to be announced"}
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN_ID = re.compile(r"[0-9A-Za-z_\-]{2,60}")
_PROBED_PATHS = 20  # films
_FEWEST_IDS = 20  # that show of which kind the others are
_SAME_IDS = 0.9  # share of the first ones that are of one kind
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_IMDB_ID = re.compile(r"tt\d{5,}")
_IMDB_LINK = re.compile(r"(?:https?://)?(?:www\.|m\.)?imdb\.com/title/(tt\d+)(?:[/?#].*)?$", re.IGNORECASE)
_SHORT_NUMBER = re.compile(r"\d{1,3}")
_FILE_NAME_LIMIT = 255  # Bytes, on every common filesystem.
SCHEMA = pa.schema(
    {"id": pa.string(), "row": pa.int64(), "overview": pa.string(), "key": pa.string(), "picture": pa.string()}
)
"""Of the file of films as read: `key` is the value by which a poster is looked up if not by id, and `picture` the
locator of a poster that was in the table."""


class Pictures:
    """Writer of posters that a table holds into one file, or a counter of them."""

    def __init__(self, folder: str | None) -> None:
        """Write into `folder`, which every process can read; None to count alone."""
        self._path = files.join(folder, "pictures.bin") if folder else None
        self._stream: pa.NativeFile | None = None
        self._size = 0

    def add(self, data: bytes, name: str) -> str:
        """Write a picture; return its locator."""
        if self._path is not None and self._stream is None:
            filesystem, inner = files.resolve(self._path)
            filesystem.create_dir(inner.rpartition("/")[0], recursive=True)
            self._stream = filesystem.open_output_stream(inner)
        if self._stream is not None:
            self._stream.write(data)
        start, self._size = self._size, self._size + len(data)
        return spilled(self._path or "", start, len(data), f"the table/{name}")

    def close(self) -> None:
        """End writing."""
        if self._stream is not None:
            self._stream.close()


class FilmRows:
    """Films read from tables, with a few bytes of each in memory."""

    def __init__(
        self,
        tables: Sequence[UsedTable],
        posters: PosterIndex,
        file: str,
        spill: str | None,
        *,
        labelled: bool,
        joined: bool = False,
        links: Links | None = None,
    ) -> None:
        """Prepare to read into the local `file`; pictures in tables go to the folder `spill`.

        Of `joined` tables the last has the genres, and those before it the overviews.
        """
        first = tables[0]
        self.tables = tables
        self.labelled = labelled
        genres = next((one for one in tables if one.columns.has_genres), first)
        self.codes = GenreCodes(genres.columns, genres.rows)
        self._keeps_overview_hashes = joined or any(one.columns.genre is not None for one in tables)
        self.code_of = array("i")
        self.has_overview = array("b")
        self.hashes = array("q")
        """Of ids."""
        self.overview_hashes = array("q")
        """Kept for tables that list genres, which may have a row for each film and genre, and for joined ones."""
        self.joined = joined
        self.loose_hashes = array("q")
        """Of ids in joined tables, as `loose_key` compares them."""
        self.text_rows = 0
        """Rows of joined tables before those of the table of genres."""
        self.unlinked = 0
        """Rows of overviews that belong to no film by the table of links."""
        self.rejects: list[Reject] = []
        self.records = 0
        self.urls = 0
        """Films whose poster column is a web address."""
        self.paths = 0
        """Films whose poster column is a path or a name."""
        self.key_name, self.key_is_path, self._key_of = poster_key(tables, posters, links, joined=joined)
        by_links = self._key_of is not None and not self.key_is_path
        self.key_shown = self.key_name if by_links else repr(self.key_name)
        """The key's name for the user."""
        self.by_links = by_links
        self.reads_paths = self.key_is_path and self._key_of is None and _are_paths(first, posters)
        """Whether the poster column has paths of files that were not looked for: outside of the folder, say."""
        self._rows = RowFile(file, SCHEMA)
        self._pictures = Pictures(spill)
        self._offset = 0
        self._last_row = 0

    def read(self) -> pa.Table:
        """Read all tables; return the films as `SCHEMA`."""
        for used in self.tables:
            if used.columns.has_genres and not self.text_rows:
                self.text_rows = len(self.hashes)
            self._read_table(used)
            self._offset = self._last_row
        self._pictures.close()
        return self._rows.finish()

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the table's bytes; of several tables, of their digests."""
        import hashlib

        digests = [used.table.fingerprint for used in self.tables]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    def _read_table(self, used: UsedTable) -> None:
        columns = used.columns
        key_of, translated = self._key_of, used.translated
        key = columns.names.index(self.key_name) if key_of is None and self.key_name in columns.names else None
        at_id, at_overview = columns.id, columns.overview
        code_of = self.codes.reader(columns) if self.labelled else lambda _: 0
        width = len(columns.names)
        stray = _stray_ids(used)
        pictured = columns.poster is not None and columns.names[columns.poster] in used.table.pictures
        for record in used.table.records(set(columns.used)):
            self.records += 1
            row, fields, problem = record
            film = str(self.records) if at_id is None else id_text(fields[at_id]) if at_id < len(fields) else ""
            if stray is not None and not problem and stray.fullmatch(film):
                problem = f"Id is {film!r}, and the others are like {used.first_ids()[0]!r}: its fields are shifted"
            if "/" in film and (link := _IMDB_LINK.match(film)):
                film = link.group(1)
            if self.labelled and not _PLAIN_ID.fullmatch(film):
                if unsafe := _unsafe_id(film):
                    self._reject(used, film, row, ID_LEAVES_FOLDER, unsafe)
                    continue
                problem = problem or _unusable_id(film)
            if problem or len(fields) != width:
                self._reject(used, film, row, ROW_MALFORMED, problem or "fields are missing")
                continue
            if translated is not None and not (film := translated(film)):
                self.unlinked += 1
                continue
            overview = _overview(fields[at_overview]) if at_overview is not None else ""
            self._last_row = row + self._offset
            self.hashes.append(hash(film))
            if self.joined:
                self.loose_hashes.append(hash(loose_key(film)))
            self.code_of.append(code_of(fields))
            self.has_overview.append(not _is_placeholder(overview))
            if self._keeps_overview_hashes:
                self.overview_hashes.append(hash(overview))
            value = id_text(fields[key]) if key is not None and not pictured else key_of(film) if key_of else ""
            picture = self._picture(fields[columns.poster], film) if pictured else ""  # type: ignore[index]
            if pictured and not picture and isinstance(there := fields[columns.poster], dict):  # type: ignore[index]
                value = id_text(there.get("path"))  # Hugging Face's Image, the file being elsewhere
            if value and self.reads_paths:
                picture = poster_at(used.table, value)
            if value and self.key_is_path:
                self.urls += is_url(value)
                self.paths += not is_url(value)
            self._rows.add(film, self._last_row, overview, value, picture)

    def _picture(self, value: Any, film: str) -> str:
        if isinstance(value, str):  # the locator of a file
            return value
        if isinstance(value, dict):
            value = value.get("bytes")
        return self._pictures.add(value, film) if value else ""

    def _reject(self, used: UsedTable, film: str, row: int, reason: str, detail: str) -> None:
        self._last_row = row + self._offset
        if len(self.tables) > 1:
            detail = f"{used.table.name}, {'line' if used.table.by_line else 'film'} {row}: {detail}"
        self.rejects.append(Reject(_printable(film), self._last_row, reason, detail))

    def reject(self, film: str, row: int, reason: str, detail: str) -> None:
        """Reject a film that was read."""
        self.rejects.append(Reject(_printable(film), row, reason, detail))


def poster_at(table: Table | PictureTable, value: str) -> str:
    """Return the locator of a poster column's path, taken from the table's folder; "" where no file is there."""
    if is_url(value) or isinstance(table, PictureTable):
        return ""
    if "://" in value:
        return value
    folder = table.source.locator.partition("\0")[0].rpartition("/")[0]
    path = value if value.startswith("/") else f"{folder}/{value.removeprefix('./')}"
    return path if table.filesystem.get_file_info(path).is_file else ""


def _stray_ids(used: UsedTable) -> re.Pattern[str] | None:
    """Return the pattern of ids that only rows with shifted fields have."""
    ids = used.first_ids() if used.translated is None else []
    most = max(_FEWEST_IDS, _SAME_IDS * len(ids))
    if sum(film.isdecimal() for film in ids) >= most:
        return _DATE
    return _SHORT_NUMBER if sum(bool(_IMDB_ID.fullmatch(film)) for film in ids) >= most else None


def _are_paths(used: UsedTable, posters: PosterIndex) -> bool:
    """Return whether the poster column holds paths of files outside of the index."""
    values = [value for row in used.rows if (value := id_text(row[used.columns.poster]))]  # type: ignore[index]
    if not values or bool((posters.by_path(values) >= 0).any()):
        return False
    try:
        return any(poster_at(used.table, value) for value in values[:_PROBED_PATHS])
    except (OSError, ValueError):
        return False


def _overview(value: Any) -> str:
    """Return an overview on one line; of a list, the longest."""
    if isinstance(value, (list, tuple)):
        value = max((text for text in value if isinstance(text, str)), key=len, default="")
    if not isinstance(value, str):
        value = id_text(value)
    lines = value.splitlines()
    return " ".join(filter(None, map(str.strip, lines))) if len(lines) > 1 else value.strip()


def _printable(film: str) -> str:
    return film.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _unsafe_id(film: str) -> str:
    """Return why this id might lead out of the posters' folder, or ""."""
    if match := _CONTROL.search(film):
        return f"Id holds the control character {match.group()!r}"
    if "/" in film or "\\" in film:
        return "Id holds a slash, and is to name a file: choose another --id-column, or --id-column row"
    if film in (".", ".."):
        return "Id names a folder, not a film"
    return "Id begins as a drive does" if film[1:2] == ":" else ""


def _unusable_id(film: str) -> str:
    """Return why this id cannot name a poster's file, or ""."""
    if not film:
        return "Id is empty"
    if len(film) > 60 and (length := len(f"{film}.jpg".encode("utf-8", "surrogateescape"))) > _FILE_NAME_LIMIT:
        return f"Id makes a file name of {length} bytes; at most {_FILE_NAME_LIMIT} are possible"
    return ""


def _is_placeholder(overview: str) -> bool:
    """Return whether the overview is a known placeholder or has no letter or digit."""
    if len(overview) < 30 and overview.casefold().rstrip(" .\u2026") in _PLACEHOLDERS:
        return True
    return not any(map(str.isalnum, overview))


def row_arrays(rows: FilmRows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each film's code, whether it has an overview, and its id's hash."""
    hashes = np.frombuffer(rows.hashes, np.int64)
    if rows.joined:
        is_text = np.arange(len(hashes)) < rows.text_rows
        hashes = unite(hashes, np.frombuffer(rows.loose_hashes, np.int64), is_text)
    return np.frombuffer(rows.code_of, np.int32), np.frombuffer(rows.has_overview, np.int8).astype(bool), hashes
