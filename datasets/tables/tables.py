"""One table of films in any format: its columns, and its records as a stream."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.fs as pafs

from datasets.tables.arrow_records import ArrowTable
from datasets.tables.csv_records import CsvRecords, Record, odd_text
from datasets.tables.dialects import SNIFFED_LINES, sniff
from datasets.tables.encodings import EncodingError, HashedReader, Lines, open_text, text_chunks
from datasets.tables.file_kinds import PROBED_BYTES, kind_by_content, no_table
from datasets.tables.headerless import headerless
from datasets.tables.json_records import Item, JsonArray, is_json_lines, json_document, json_lines
from datasets.tables.sources import DAMAGED, Source, SourceError, open_random, open_stream, unpacked_name

DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".dat")
JSON = (".json", ".jsonl", ".ndjson")
ARROW = (".parquet", ".pq", ".arrow", ".feather", ".ipc")
FILE_KEY = "__key__"
"""Column that a table of a file for each film has: the file's name, which a poster may share, as in WebDataset."""
_MOST_COLUMNS = 10_000
_PROBED = 1000  # records from which the columns of JSON are collected
_LONGEST_LINE = 1 << 20  # bytes by which the shape of JSON is told
_DOCUMENT = 1 << 28  # most bytes of a JSON document that is no array and no JSON Lines


def format_of(name: str) -> str:
    """Return "CSV", "JSON" or "Arrow" by a file's name, or ""."""
    suffix = Path(unpacked_name(name.lower())).suffix
    kinds = (("CSV", DELIMITED), ("JSON", JSON), ("Arrow", ARROW))
    return next((kind for kind, suffixes in kinds if suffix in suffixes), "")


@dataclass
class Table:
    """An opened table."""

    filesystem: pafs.FileSystem
    source: Source
    kind: str = ""
    """As of `format_of`; "" to find out by the first bytes."""
    usual: tuple[str, ...] = ()
    """Names that columns usually have, which help to tell the delimiter."""
    aside: str | None = None
    """Local folder for temporary copies."""
    names: list[str] = field(default_factory=list)
    """The columns' names."""
    problem: str = ""
    """Why the header cannot be used, or ""."""
    described: str = ""
    """Format in words; complete once all records are read."""
    fingerprint: str = ""
    """SHA-256 of the file's bytes, once all records are read."""
    pictures: tuple[str, ...] = ()
    """Columns that hold pictures."""
    by_line: bool = True
    """Whether records are numbered by the lines of the file."""
    has_header: bool = True
    """Whether the columns' names are in the first line of a delimited file."""

    def __post_init__(self) -> None:
        """Read the columns' names. Raises SourceError where the file cannot be opened."""
        with self._faults("cannot be read: {}"):
            self._probe()
            {"CSV": self._open_csv, "JSON": self._open_json, "Arrow": self._open_arrow}[self.kind]()
        if len(self.names) > _MOST_COLUMNS:
            shown = f"more than {_MOST_COLUMNS:,}" if self.kind == "JSON" else f"{len(self.names):,}"
            self.problem = f"it has {shown} columns, and a table of films at most {_MOST_COLUMNS:,}"
            self.names = self.names[:_MOST_COLUMNS]

    def _probe(self) -> None:
        """Set the kind where the name does not say it; raise SourceError for a file that is no table."""
        with open_stream(self.filesystem, self.source) as stream:
            start = bytes(stream.read(PROBED_BYTES))
        self.kind = self.kind or format_of(self.source.name) or kind_by_content(start)
        by_name = self.source.name.lower().endswith((".parquet", ".pq")) and not start.startswith(b"ARROW1")
        self.is_parquet = by_name or start.startswith(b"PAR1")
        if self.kind != "Arrow" and (what := no_table(start)):
            raise SourceError(f"{self.source.name} is {what}")

    @contextlib.contextmanager
    def _faults(self, wording: str) -> Iterator[None]:
        """Raise SourceError for errors of reading, in the words after the file's name."""
        try:
            yield
        except SourceError:
            raise
        except EncodingError as error:
            raise SourceError(f"{self.source.name} {error}") from error
        except DAMAGED as error:
            raise SourceError(f"{self.source.name} {wording.format(error)}") from error

    @property
    def name(self) -> str:
        """Return the file's path below the films' folder."""
        return self.source.name

    def records(self, keep: Collection[str] | None = None) -> Iterator[Record]:
        """Yield the records after the header.

        `keep` names the columns that are needed; others may hold None. Columns of pictures are read only if they are
        in it. Raises SourceError where the file is damaged.
        """
        with self._faults("is damaged ({}): copy it again"):
            yield from self._records(keep)

    def _records(self, keep: Collection[str] | None) -> Iterator[Record]:
        if self.kind == "CSV":
            yield from itertools.islice(self._csv(), int(self.has_header), None)
        elif self.kind == "Arrow":
            yield from self._arrow_records(keep)
        else:
            for number, values, problem in self._items():
                yield Record(number, [values.get(name) for name in self.names], problem)

    # -- delimited text -----------------------------------------------------------------------------------------------

    def _open_csv(self) -> None:
        stream, _, encoding = self._text()
        lines = Lines(stream, encoding)
        with stream:
            first = [text.encode("utf-8", "replace").decode() for text in _first(lines)]
        known = headerless(self.source.name, first[0]) if first else None
        if known is not None:
            self.dialect, self.names, self.has_header = known.dialect, list(known.names), False
            self.described = f"CSV, {self.dialect.described}"
            return
        self.dialect = sniff(first, self.usual)
        header = next(iter(self._csv()), None)
        self.names = [str(name).strip() for name in header.fields] if header is not None else []
        if header is None:
            self.problem = "it is empty"
        elif header.problem:
            self.problem = f"line {header.row}: the header cannot be used: {header.problem}"
        self.described = f"CSV, {self.dialect.described}"

    def _csv(self) -> Iterator[Record]:
        stream, hashed, encoding = self._text()
        with stream:
            records = CsvRecords(stream, encoding, self.dialect)
            yield from records
            self.described = f"CSV, {self.dialect.described}, {records.encoding}"
            self.fingerprint = hashed.sha256

    def _text(self) -> tuple[io.BufferedReader, HashedReader, str]:
        hashed = HashedReader(open_stream(self.filesystem, self.source))
        stream, encoding = open_text(hashed)
        return stream, hashed, encoding

    @property
    def is_one_film(self) -> bool:
        """Return whether this is a JSON document of one film."""
        is_document = self.kind == "JSON" and self.shape == "document"
        return is_document and len(list(itertools.islice(self._items(), 2))) == 1

    # -- JSON ---------------------------------------------------------------------------------------------------------

    def _open_json(self) -> None:
        stream, _, _ = self._text()
        with stream:  # an array may be one line of a gigabyte
            lines = [stream.readline(_LONGEST_LINE).decode("utf-8", "replace") for _ in range(3)]
        start = next((line.lstrip() for line in lines if line.strip()), "")
        is_lines = Path(unpacked_name(self.source.name.lower())).suffix in (".jsonl", ".ndjson")
        self.shape = "array" if start.startswith("[") else "lines" if is_lines or is_json_lines(lines) else "document"
        self.described = "JSON Lines" if self.shape == "lines" else "JSON"
        self.by_line = self.shape == "lines"
        names: dict[str, None] = {}
        for _, values, _ in itertools.islice(self._items(), _PROBED):
            names.update(dict.fromkeys(values))
            if len(names) > _MOST_COLUMNS:
                break
        self.names = [str(name) for name in names]
        if not names:
            self.problem = 'it holds no object with a film\'s values: each film must be an object such as {"id": 1, …}'

    def _items(self) -> Iterator[Item]:
        stream, hashed, encoding = self._text()
        with stream:
            if self.shape == "lines":
                yield from json_lines(Lines(stream, encoding))
            elif self.shape == "array":
                yield from JsonArray(text_chunks(stream))
                while stream.read(1 << 20):  # what may follow the array counts for the fingerprint
                    pass
            else:
                data = stream.read(_DOCUMENT + 1)
                if len(data) > _DOCUMENT:
                    raise ValueError("it is too large a JSON document: save its films as JSON Lines")
                yield from json_document(data.decode(), self.source.stem)
            self.fingerprint = hashed.sha256

    # -- Parquet and Arrow --------------------------------------------------------------------------------------------

    def _open_arrow(self) -> None:
        table = self._arrow()
        self.names = list(table.schema.names)
        self.pictures = tuple(table.pictures)
        self.by_line = False

    def _arrow(self) -> ArrowTable:
        self.described = "Parquet" if self.is_parquet else "Arrow"
        file = open_random(self.filesystem, self.source, self.aside)
        return ArrowTable(file, is_parquet=self.is_parquet)

    def _arrow_records(self, keep: Collection[str] | None) -> Iterator[Record]:
        columns = [name for name in self.names if (name in keep if keep is not None else name not in self.pictures)]
        number = 0
        table = self._arrow()
        for batch in table.batches(columns):
            nothing = [None] * len(next(iter(batch.values()), []))
            for fields in zip(*(batch.get(name, nothing) for name in self.names), strict=True):
                number += 1
                yield Record(number, fields, odd_text(fields) if table.odd else "")
        with open_stream(self.filesystem, self.source) as stream:
            hashed = io.BufferedReader(reader := HashedReader(stream), 1 << 20)
            while hashed.read(1 << 20):
                pass
            self.fingerprint = reader.sha256


def _first(lines: Lines) -> Iterator[str]:
    """Yield the lines by which the layout is detected."""
    size = 0
    for text in itertools.islice(lines, SNIFFED_LINES):
        yield text
        lines.begin()
        size += len(text)
        if size > _LONGEST_LINE:
            return


class FilmFiles(Table):
    """Many JSON files of one film each, as one table; a film's id is its file's name unless it has one."""

    def __init__(self, filesystem: pafs.FileSystem, sources: Sequence[Source]) -> None:
        self.sources = sorted(sources, key=lambda source: source.name)
        self.shape = "document"
        folder = self.sources[0].name.rpartition("/")[0]
        super().__init__(filesystem, Source(f"{folder}/*.json".lstrip("/"), ""), "JSON")

    def _probe(self) -> None:
        """Take what is known: the files are of one kind."""

    def _open_json(self) -> None:
        self.described = f"{len(self.sources):,} JSON files of one film each"
        self.by_line = False
        names: dict[str, None] = {}
        for _, values, _ in itertools.islice(self._items(), _PROBED):
            names.update(dict.fromkeys(values))
            if len(names) > _MOST_COLUMNS:
                break
        self.names = [str(name) for name in names]

    def _items(self) -> Iterator[Item]:
        import hashlib

        from datasets.tables.sources import read_bytes

        digest = hashlib.sha256()
        for number, source in enumerate(self.sources, start=1):
            try:
                data = read_bytes(self.filesystem, source.locator)
                digest.update(data)
                _, values, problem = json_document(data.decode("utf-8-sig"), source.stem)[0]
            except (OSError, ValueError, IndexError) as error:
                values, problem = {"id": source.stem}, f"{source.name} is not JSON ({error})"
            yield number, values | {FILE_KEY: source.stem}, problem
        self.fingerprint = digest.hexdigest()
