"""Files that are no tables are named, with what to do."""

from __future__ import annotations

import io
import pickle
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest

from datasets.raw.films_folder import read_films
from datasets.raw.rejects import FilmsError

TABLE = "id,overview,genres\n1,One,Drama\n"


def sheet(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(name, "<x/>")


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("films.csv", TABLE)


def database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table films (id int, overview text)")
    connection.close()


def array(path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    path.write_bytes(stream.getvalue())


KINDS = {
    "films.xlsx": (sheet, "is a spreadsheet: save its sheet of films as CSV"),
    "films.csv": (sheet, "is a spreadsheet: save its sheet of films as CSV"),
    "films": (zipped, "is a ZIP archive: name it so that it ends on .zip"),
    "films.sqlite": (database, "is a database of SQLite: export its table of films as CSV"),
    "films.npy": (array, "is an array of NumPy"),
    "films.pkl": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "is a pickle, which is never opened"),
    "films.html": (lambda path: path.write_text("<!DOCTYPE html>\n<html></html>"), "is a web page"),
    "films.tsv": (lambda path: path.write_text("<?xml version='1.0'?>\n<films/>"), "is XML"),
    "films.7z": (lambda path: path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(20)), "is a 7z archive: unpack it"),
    "lfs.csv": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_no_table_is_named(name: str, tmp_path: Path) -> None:
    write, what = KINDS[name]
    write(tmp_path / name)
    with pytest.raises(FilmsError) as error:
        read_films(str(tmp_path / name))
    assert str(error.value).startswith(f"{tmp_path}/{name} is ") and what in str(error.value)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Мальчик отправляется к морю, и никто не знает, вернётся ли он."),
        ("gb18030", "一个少年出海旅行，没有人知道他是否会回来。"),
        ("shift_jis", "一人の少年が海へ旅に出る。"),
    ],
)
def test_another_encoding_is_no_windows_1252(encoding: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_bytes(f"id,overview,genres\n1,{text},Drama\n2,{text},War\n".encode(encoding))
    with pytest.raises(FilmsError, match="another encoding than UTF-8, UTF-16 or Windows-1252: save it as UTF-8"):
        read_films(str(tmp_path))


def test_words_of_western_languages_are_windows_1252(tmp_path: Path) -> None:
    text = "„Straße“ — «l’été où naît l’âme»… “ÉÈÀÇ”, Größe, ñandú, Øresund: “œuvre”"
    (tmp_path / "films.csv").write_bytes(f'id,overview,genres\n1,"{text}",Drama\n'.encode("cp1252"))
    assert read_films(str(tmp_path)).table["overview"].to_pylist() == [text]


def test_an_archive_in_an_archive_is_named(tmp_path: Path) -> None:
    zipped(tmp_path / "inner.zip")
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
    with pytest.raises(FilmsError, match=r"films\.zip/inner\.zip, an archive in an archive: unpack the outer one"):
        read_films(str(tmp_path / "films.zip"))


def test_a_parquet_file_without_an_ending_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"id": [1.0, 2.0], "plot": ["One", "Two"], "genres": [["War"], ["War"]]}), tmp_path / "blob"
    )
    assert read_films(str(tmp_path / "blob")).table["id"].to_pylist() == ["1", "2"]
