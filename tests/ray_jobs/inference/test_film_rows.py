"""Films without labels from folders and tables: every row is there, and what cannot be read says why."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.raw.rejects import FilmsError
from ray_jobs.inference.film_rows import SCHEMA, FilmRows, open_films


def rows_of(films: FilmRows) -> list[tuple[int, str, str, str | None]]:
    table = pa.concat_tables(films.tables)
    assert table.schema == SCHEMA
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def folder(path: Path, text: str, name: str = "films.csv", *, posters: bool = True) -> Path:
    path.mkdir(exist_ok=True)
    (path / name).write_text(text, encoding="utf-8")
    if posters:
        (path / "Images").mkdir(exist_ok=True)
    return path


def test_folder_as_films_are_prepared_from(tmp_path: Path) -> None:
    text = 'Id,Genre,Drama,Overview\ntt1,x,1,"A ""quiet"" town,\n\nin spring"\ntt2,x,0,N/A\na/b,x,0,Far away\n'
    films = open_films(str(folder(tmp_path / "films", text)))
    assert rows_of(films) == [
        (1, "tt1", 'A "quiet" town, in spring', f"{tmp_path}/films/Images/tt1.jpg"),
        (2, "tt2", "", f"{tmp_path}/films/Images/tt2.jpg"),
        (3, "a/b", "Far away", None),
    ]
    assert films.malformed == []


def test_csv_alone_with_other_names(tmp_path: Path) -> None:
    text = "\ufeffIMDB_ID;x".replace(";", ",") + ",Plot\n7,1,A\n,2,B\n"
    films = open_films(str(folder(tmp_path, text, posters=False) / "films.csv"))
    assert rows_of(films) == [(1, "7", "A", None), (2, "", "B", None)]


def test_table_without_ids_is_numbered(tmp_path: Path) -> None:
    assert rows_of(open_films(str(folder(tmp_path, "overview\nA\nB\n", posters=False)))) == [
        (1, "1", "A", None),
        (2, "2", "B", None),
    ]


def test_posters_that_a_column_names(tmp_path: Path) -> None:
    text = "id,poster_path\na,small/a.png\nb,/elsewhere/b.jpg\nc,s3://bucket/c.jpg\nd,\n"
    films = open_films(str(folder(tmp_path, text)))
    posters = [f"{tmp_path}/small/a.png", "/elsewhere/b.jpg", "s3://bucket/c.jpg", None]
    assert [row[3] for row in rows_of(films)] == posters


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": [5, 6], "overview": ["A", None], "Drama": [1, 0]})
    pq.write_table(table, tmp_path / "films.parquet")
    assert rows_of(open_films(str(tmp_path / "films.parquet"))) == [(1, "5", "A", None), (2, "6", "", None)]


def test_pictures_alone(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.film.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert rows_of(open_films(str(tmp_path))) == [
        (1, "a.film", "", f"{tmp_path}/a.film.png"),
        (2, "b", "", f"{tmp_path}/b.JPG"),
    ]


def test_row_that_is_no_record_is_set_aside(tmp_path: Path) -> None:
    films = open_films(str(folder(tmp_path, "id,overview\na,A\nb,B,too much\nc,C\n", posters=False)))
    assert [row[1] for row in rows_of(films)] == ["a", "c"]
    assert [(row, reason) for _, row, reason, _ in films.malformed] == [(2, "row malformed")]
    assert "3 fields where the header has 2" in films.malformed[0][3]


def test_films_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    texts = {
        "columns": ("id,title\n1,x\n", "no column of overviews"),
        "empty": ("", "cannot be read"),
        "twice": ("id,id,overview\n1,2,x\n", "more than once"),
    }
    for name, (text, wanted) in texts.items():
        path = folder(tmp_path / name, text, posters=False)
        with pytest.raises(FilmsError, match=wanted) as error:
            open_films(str(path))
        assert str(path) in str(error.value)
    for path, wanted in ((tmp_path / "missing", "no films at"), (tmp_path, "no CSV, no Parquet file and no picture")):
        with pytest.raises(FilmsError, match=wanted):
            open_films(str(path))
    (folder(tmp_path / "two", "id,overview\n") / "b.csv").write_text("x")
    with pytest.raises(FilmsError, match=r"2 tables \(b.csv, films.csv\)"):
        open_films(str(tmp_path / "two"))


def test_fingerprint_changes_with_the_table(tmp_path: Path) -> None:
    place = str(folder(tmp_path, "id,overview\na,A\n", posters=False))
    before = open_films(place).fingerprint
    assert open_films(place).fingerprint == before
    folder(tmp_path, "id,overview\na,A\nb,B\n", posters=False)
    assert open_films(place).fingerprint != before
