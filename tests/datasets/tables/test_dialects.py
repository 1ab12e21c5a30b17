"""Dialects of delimited files, and the shapes in which JSON holds films."""

from __future__ import annotations

import bz2
import io
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from datasets.tables.csv_records import CsvRecords
from datasets.tables.dialects import sniff
from datasets.tables.json_records import json_document
from datasets.tables.sources import Source
from datasets.tables.tables import Table

USUAL = ("id", "overview", "genres", "title")
SPARK = 'id,overview,genres\n1,"She says \\"no\\", and goes",Drama\n2,"He, too",War\n'
HEADERS_ABOVE = {
    "comment": "# exported\nid,overview,genres\n1,One,Drama\n2,Two,War\n",
    "title": "My films,,\n\nid,overview,genres\n1,One,Drama\n2,Two,War\n",
    "Excel's": "sep=;\nid;overview;genres\n1;One;Drama\n2;Two;War\n",
}


def rows_of(text: str) -> list[list[str]]:
    """The records as read, header first."""
    dialect = sniff(text.splitlines(keepends=True), USUAL)
    records = list(CsvRecords(io.BufferedReader(io.BytesIO(text.encode())), "UTF-8", dialect))
    assert not any(record.problem for record in records)
    return [list(record.fields) for record in records]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "||", "::", ":::", " ::: ", "^", "~", "\x01"])
def test_delimiters(mark: str) -> None:
    rows = [["id", "overview", "genres"], ["1", "One", "Drama"], ["2", "Two", "War"]]
    assert rows_of("".join(mark.join(row) + "\n" for row in rows)) == rows


def test_a_rare_delimiter_in_a_text_is_none() -> None:
    """Nor is one in a header whose columns have no usual names."""
    assert rows_of("id,overview ~ long,genres\n1,One,Drama\n")[1] == ["1", "One", "Drama"]
    assert sniff(["a^b,c\n", "1^2,3\n"], USUAL).delimiter == ","


@pytest.mark.parametrize("name", HEADERS_ABOVE)
def test_lines_above_the_header(name: str) -> None:
    assert rows_of(HEADERS_ABOVE[name]) == [["id", "overview", "genres"], ["1", "One", "Drama"], ["2", "Two", "War"]]


def test_rows_below_other_lines_keep_their_numbers() -> None:
    text = HEADERS_ABOVE["title"]
    dialect = sniff(text.splitlines(keepends=True), USUAL)
    records = CsvRecords(io.BufferedReader(io.BytesIO(text.encode())), "UTF-8", dialect)
    assert [record.row for record in records] == [3, 4, 5]


def test_quotes_in_the_notations_of_other_programs() -> None:
    assert rows_of(SPARK)[1] == ["1", 'She says "no", and goes', "Drama"]
    assert rows_of('id, overview, genres\n1, "One, two", "Drama"\n')[1] == ["1", "One, two", "Drama"]
    assert rows_of("'id','overview','genres'\n'1','One, two','Drama'\n")[1] == ["1", "One, two", "Drama"]


def test_a_backslash_that_escapes_nothing_stays() -> None:
    assert rows_of('id,overview,genres\n1,"C:\\films\\",Drama\n')[1] == ["1", "C:\\films\\", "Drama"]


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("bz2", bz2.compress), ("xz", lzma.compress), ("zst", lambda data: pa.compress(data, "zstd", asbytes=True))],
)
def test_compressed_tables(tmp_path: Path, ending: str, pack: Any) -> None:
    path = tmp_path / f"films.csv.{ending}"
    path.write_bytes(pack(b"id,overview\n1,One\n"))
    table = Table(pafs.LocalFileSystem(), Source(path.name, str(path)), usual=USUAL)
    assert [list(record.fields) for record in table.records()] == [["1", "One"]]


FILM = {"id": 7, "overview": "One.", "genres": ["Drama"]}
WRAPPED: dict[str, object] = {
    "movies beside genres": {"genres": ["Drama", "War"], "movies": [FILM]},
    "movies beside objects": {"genres": [{"id": 18, "name": "Drama"}], "movies": [FILM]},
    "in an object": {"status": "ok", "data": {"movies": [FILM]}},
    "by id in an object": {"films": {"7": {"overview": "One.", "genres": ["Drama"]}, "8": {"overview": "Two."}}},
    "split": {"columns": ["id", "overview", "genres"], "index": [0], "data": [[7, "One.", ["Drama"]]]},
    "a page of rows": {"features": [{"name": "id"}], "rows": [{"row_idx": 0, "row": FILM}]},
    "each in an object": [{"id": 7, "movie": {"overview": "One.", "genres": ["Drama"]}}],
    "one film": FILM,
    "a film with a cast": {**FILM, "cast": [{"name": "A"}, {"name": "B"}]},
    "a film with similar ones": {**FILM, "similar": {"results": [{"id": 8, "overview": "Two.", "genre_ids": [18]}]}},
}


def test_objects_one_after_the_other() -> None:
    text = "\n".join(json.dumps({**FILM, "id": n}, indent=2) for n in range(3))
    assert [film["id"] for _, film, _ in json_document(text, "stem")] == [0, 1, 2]
    with pytest.raises(ValueError, match="Expecting"):
        json_document(text + "\n{", "stem")


@pytest.mark.parametrize("name", WRAPPED)
def test_films_within_json(name: str) -> None:
    (_, film, problem), *others = json_document(json.dumps(WRAPPED[name]), "stem")
    assert problem == "" and {key: film[key] for key in FILM} == {**FILM, "id": film["id"]}
    assert str(film["id"]) == "7" and len(others) == ("by id" in name)
