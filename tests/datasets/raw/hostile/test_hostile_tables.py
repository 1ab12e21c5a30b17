"""Tables and archives that would hang a job or flood its memory: one sentence, or the row is set aside."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from datasets.raw.films_folder import FilmList, find_folder, read_films
from datasets.raw.rejects import FilmsError
from datasets.tables import encodings, sources, streams, tables
from datasets.tables.sources import read_bytes

HEADER = "id,overview,Drama,Comedy"
ROWS = ["tt1,A story.,1,0", "tt2,Another one.,0,1"]


def film_list(folder: Path, name: str = "films.csv", text: str | bytes = "") -> FilmList:
    data = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_films(str(folder))


@pytest.mark.parametrize("name", ["films.csv", "films.parquet", "films.json", "films.jsonl", "a.zip", "a.tar", "a.tgz"])
@pytest.mark.parametrize("kind", ["pipe", "device", "circle"])
def test_a_pipe_a_device_or_a_circle_of_links_is_no_table(name: str, kind: str, tmp_path: Path) -> None:
    place = tmp_path / name
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero" if kind == "device" else place)
    with pytest.raises(FilmsError, match=name):
        read_films(str(tmp_path))


def test_a_header_of_a_hundred_thousand_columns_is_refused(tmp_path: Path) -> None:
    header = ",".join([HEADER, *(f"column {number}" for number in range(100_000))])
    with pytest.raises(FilmsError, match=r"it has 100,004 columns, and a table of films at most 10,000") as error:
        film_list(tmp_path, text="\n".join([header, *ROWS]))
    assert len(str(error.value)) < 300


def test_a_film_of_ever_more_values_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_COLUMNS", 50)
    keys = [{f"{film} {key}": 1 for key in range(20)} for film in range(9)]
    films = [{"id": f"tt{film}", "overview": "A story.", **values} for film, values in enumerate(keys)]
    with pytest.raises(FilmsError, match=r"it has more than 50 columns"):
        film_list(tmp_path, "films.jsonl", "\n".join(map(json.dumps, films)))


@pytest.mark.parametrize("name", ["films.csv", "films.csv.gz", "films.jsonl"])
@pytest.mark.parametrize("rows", [[], [HEADER, *ROWS]])
def test_a_line_without_end_is_not_read(
    name: str, rows: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "LONGEST_LINE", 10_000)
    with pytest.raises(FilmsError, match=r"a line has more than 10,000 bytes"):
        film_list(tmp_path, name, "\n".join([*rows, "x" * 20_000]))


def test_a_record_without_end_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "LONGEST_LINE", 10_000)
    endless = '"x\n",' * 2_000 + '"'  # each quote is closed in the next line
    films = film_list(tmp_path, text="\n".join([HEADER, *ROWS, endless, *ROWS]))
    assert films.table["id"].to_pylist() == ["tt1", "tt2"]
    assert "more than 10,000 bytes" in films.rejects[0].detail


@pytest.mark.parametrize(("name", "text"), [("a.json", "["), ("b.json", '{"a":'), ("c.jsonl", '{"a":')])
def test_brackets_in_a_hundred_thousand_brackets_are_no_films(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(FilmsError, match=name):
        film_list(tmp_path, name, text * 100_000)


@pytest.mark.parametrize("name", ["films.csv.gz", "films.tar.gz"])
def test_a_compressed_file_that_never_ends_is_given_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_INFLATED", 1 << 16)
    blank = f"{HEADER}\n".encode() + b"\n" * (4 << 20)
    if "tar" in name:
        stream, film = io.BytesIO(), tarfile.TarInfo("films.csv")
        film.size = len(blank)
        with tarfile.open(fileobj=stream, mode="w") as archive:
            archive.addfile(film, io.BytesIO(blank))
        blank = stream.getvalue()
    with pytest.raises(FilmsError, match=r"becomes more than .* bytes from"):
        film_list(tmp_path, name, blank)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_poster_that_is_huge_in_an_archive_is_not_read(kind: str, tmp_path: Path) -> None:
    place = tmp_path / f"Images.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("tt1.jpg", bytes(2 << 20))
    else:
        film = tarfile.TarInfo("tt1.jpg")
        film.size = 3 << 30
        place.write_bytes(film.tobuf())
        os.truncate(place, (3 << 30) + 2048)  # sparse
    locator = film_list(tmp_path, text="\n".join([HEADER, *ROWS])).table["poster"].to_pylist()[0]
    with pytest.raises(OSError, match=r"has more than 1,048,576 bytes"):
        read_bytes(find_folder(str(tmp_path))[0], locator, most=1 << 20)


def test_a_poster_cut_in_a_zip_is_damaged(tmp_path: Path) -> None:
    place = tmp_path / "a.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tt1.jpg", os.urandom(5_000))
    (source,) = sources.members(pafs.LocalFileSystem(), sources.Source("a.zip", str(place)), None)
    path, start, size, rest = source.locator.split("\0", 3)
    assert len(read_bytes(pafs.LocalFileSystem(), source.locator)) == 5_000
    with pytest.raises(OSError, match="damaged in the ZIP"):
        read_bytes(pafs.LocalFileSystem(), "\0".join([path, start, str(int(size) - 100), rest]))
