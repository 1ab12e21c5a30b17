"""Posters are found wherever they lie and however they are named, and only where that is unambiguous."""

from __future__ import annotations

import io
import os
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from datasets.raw.columns import Choices
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.rejects import FilmsError
from datasets.raw.report import first_films
from datasets.tables.ids import loose_key
from datasets.tables.sources import read_bytes
from tests.datasets.raw.layouts import csv_text, jpeg

LOCAL = pafs.LocalFileSystem()
IDS = ("tt001", "tt002", "tt003")


def table(folder: Path, ids: tuple[str, ...] = IDS, posters: tuple[str, ...] = ()) -> None:
    rows = [[film, "The sea and the town.", "Drama", *posters[n : n + 1]] for n, film in enumerate(ids)]
    header = ["id", "overview", "genres", *(["poster"] if posters else [])]
    (folder / "films.csv").write_text(csv_text([header, *rows]), "utf-8")


def put(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(number))


def posters_of(films: FilmList) -> dict[str, bytes | None]:
    """The bytes of each film's poster, as a task would read them."""
    return {
        film["id"]: read_bytes(LOCAL, film["poster"]) if film["poster"] else None for film in films.table.to_pylist()
    }


def by_number(*ids: str) -> dict[str, bytes | None]:
    return {film: jpeg(number) for number, film in enumerate(ids)}


@pytest.mark.parametrize("folder", ["Images", "images", "posters", ".", "any/where/below"])
@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".WebP"])
def test_by_id_in_any_folder(tmp_path: Path, folder: str, suffix: str) -> None:
    table(tmp_path)
    put(tmp_path, *(f"{folder}/{film}{suffix}" for film in IDS))
    assert posters_of(read_films(str(tmp_path))) == by_number(*IDS)


def test_images_go_before_other_folders_and_jpg_before_png(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path, *(f"Images/{film}.jpg" for film in IDS))
    put(tmp_path / "backdrops", *(f"{film}.jpg" for film in reversed(IDS)))
    put(tmp_path / "Images", *(f"{film}.png" for film in reversed(IDS)))
    assert posters_of(read_films(str(tmp_path))) == by_number(*IDS)


@pytest.mark.parametrize("kind", ["zip stored", "zip deflated", "tar", "tar.gz", "tar.xz"])
def test_in_archives(tmp_path: Path, kind: str) -> None:
    table(tmp_path)
    files = {f"deep/{film}.jpg": jpeg(number) for number, film in enumerate(IDS)}
    files["__MACOSX/deep/._tt001.jpg"] = b"no picture"
    if kind.startswith("zip"):
        method = zipfile.ZIP_STORED if kind.endswith("stored") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(tmp_path / "posters.zip", "w", method) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(tmp_path / f"posters.{kind}", f"w:{kind.partition('.')[2]}") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    (tmp_path / "spill").mkdir()
    films = read_films(str(tmp_path), spill=str(tmp_path / "spill"))
    assert posters_of(films) == by_number(*IDS)
    assert len(read_films(str(tmp_path)).table) == 3, "a dry run needs no folder"


def test_shards_of_a_web_data_set(tmp_path: Path) -> None:
    """Samples of a picture and a JSON of the same name, in several tars; there is no other table."""
    for shard in range(2):
        with tarfile.open(tmp_path / f"films-{shard:06d}.tar", "w") as tar:
            for number in range(3):
                text = f'{{"overview": "The film {number} of the shard.", "genres": ["Drama"]}}'.encode()
                for suffix, data in (("jpg", jpeg(3 * shard + number)), ("json", text)):
                    info = tarfile.TarInfo(f"film{shard}{number}.{suffix}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
    films = read_films(str(tmp_path))
    assert posters_of(films) == {f"film{n // 3}{n % 3}": jpeg(n) for n in range(6)}


@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_tables_and_posters_in_a_compressed_tar(tmp_path: Path, kind: str) -> None:
    """As MM-IMDb comes, a picture named as its JSON, which has an id of its own; also in a dry run."""
    with tarfile.open(tmp_path / f"films.tar.{kind}", f"w:{kind}") as tar:
        for number, film in enumerate(IDS):
            text = f'{{"id": "{film}", "plot": "The film {number}.", "genres": ["Drama"]}}'.encode()
            for name, data in ((f"{number}.jpeg", jpeg(number)), (f"{number}.json", text)):
                info = tarfile.TarInfo(f"set/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    path = tmp_path / f"films.tar.{kind}"
    (tmp_path / "spill").mkdir()
    assert posters_of(read_films(str(path), spill=str(tmp_path / "spill"))) == by_number(*IDS)
    dry = read_films(str(path))
    assert dry.understood[3] == f"Posters: 3 of 3 films in films.tar.{kind}, 3 by the column '__key__'"
    assert f"poster films.tar.{kind}/set/0.jpeg" in first_films(dry.table, dry.genres)[0]


def test_everything_in_one_zip(tmp_path: Path) -> None:
    table(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "films.csv", "data/films.csv")
        for number, film in enumerate(IDS):
            archive.writestr(f"data/Images/{film}.jpg", jpeg(number))
    (tmp_path / "films.csv").unlink()
    assert posters_of(read_films(str(tmp_path / "all.zip"))) == by_number(*IDS)


def test_paths_of_pictures_in_a_table(tmp_path: Path) -> None:
    """Hugging Face's Image without bytes, named otherwise than the films."""
    pictures = [{"bytes": None, "path": f"images/p{n}.jpg"} for n in range(3)]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    columns = {"id": list(IDS), "overview": ["The sea."] * 3, "genres": [["Drama"]] * 3}
    pq.write_table(pa.table({**columns, "image": pa.array(pictures, kind)}), tmp_path / "films.parquet")
    put(tmp_path / "images", *(f"p{n}.jpg" for n in range(3)))
    assert posters_of(read_films(str(tmp_path))) == by_number(*IDS)


def test_the_other_slash_of_windows_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        files = {"all\\films.csv": b"id,overview,genres\ntt001,A text.,Drama\n", "all\\Images\\tt001.jpg": jpeg(0)}
        for name, data in files.items():
            member = zipfile.ZipInfo("name")
            member.filename = name
            archive.writestr(member, data)
    assert posters_of(read_films(str(tmp_path / "films.zip"))) == by_number("tt001")


@pytest.mark.parametrize("kind", ["struct", "bytes"])
def test_pictures_in_a_table(tmp_path: Path, kind: str) -> None:
    pictures = [{"bytes": jpeg(n), "path": None} if kind == "struct" else jpeg(n) for n in range(3)]
    columns = {"id": list(IDS), "overview": ["The sea."] * 3, "genres": [["Drama"]] * 3, "image": pictures}
    pq.write_table(pa.table(columns), tmp_path / "films.parquet")
    films = read_films(str(tmp_path), spill=str(tmp_path / "spill"))
    assert posters_of(films) == by_number(*IDS)
    assert "3 in the table" in films.understood[3]


@pytest.mark.parametrize(
    "posters",
    [
        ("Images/a.jpg", "Images/b.jpg", "Images/c.jpg"),
        ("/a.jpg", "/b.jpg", "/c.jpg"),
        ("A.JPG", "b.jpg", "c"),
        ("C:\\films\\Images\\a.jpg", ".\\Images\\b.jpg", "other/c.jpg"),
        ("https://x.org/w185/a.jpg?size=1", "http://x.org/b.jpg", "https://x.org/y/c.jpg"),
    ],
)
def test_by_the_poster_column(tmp_path: Path, posters: tuple[str, ...]) -> None:
    table(tmp_path, posters=posters)
    put(tmp_path, "Images/a.jpg", "Images/b.jpg", "Images/c.jpg")
    assert posters_of(read_films(str(tmp_path))) == by_number(*IDS)


def test_unicode_however_normalised(tmp_path: Path) -> None:
    ids = tuple(unicodedata.normalize(form, f"Amélie {form}") for form in ("NFC", "NFD"))
    table(tmp_path, ids)
    put(
        tmp_path,
        *(f"Images/{unicodedata.normalize('NFD' if n == 0 else 'NFC', film)}.jpg" for n, film in enumerate(ids)),
    )
    assert posters_of(read_films(str(tmp_path))) == by_number(*ids)


@pytest.mark.parametrize("film", ["862.0", "0000862", "862", "tt0000862", "TT0000862"])
@pytest.mark.parametrize("name", ["862", "0000862", "tt0000862", "862.0"])
def test_ids_written_otherwise(tmp_path: Path, film: str, name: str) -> None:
    table(tmp_path, (film,))
    put(tmp_path, f"Images/{name}.jpg")
    films = read_films(str(tmp_path))
    assert posters_of(films) == by_number(film)
    assert ("without regard to tt" in films.understood[3]) == (film != name)


def test_ambiguous_ids_get_no_poster(tmp_path: Path) -> None:
    table(tmp_path, ("862", "tt0000862", "7", "5"))
    put(tmp_path, "862.jpg", "07.jpg", "007.jpg", "5.png")
    films = read_films(str(tmp_path), ReadOptions(allow_missing=True))
    found = {film: data is not None for film, data in posters_of(films).items()}
    assert found == {"862": True, "tt0000862": False, "7": False, "5": True}
    assert "2 films match no single file and have none" in films.understood[3]


def test_another_id_names_the_posters(tmp_path: Path) -> None:
    rows = [[n, f"tt{n + 7:07d}", "The sea and.", "Drama"] for n in range(3)]
    (tmp_path / "films.csv").write_text(csv_text([["id", "imdb_id", "overview", "genres"], *rows]))
    put(tmp_path, *(f"Images/tt{n + 7:07d}.jpg" for n in range(3)))
    films = read_films(str(tmp_path), ReadOptions(Choices(id="id")))
    assert posters_of(films) == by_number("0", "1", "2")
    assert "posters named by 'imdb_id'" in films.understood[1]


def test_pictures_of_no_film_are_an_error(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path, "x1.jpg", "x2.jpg", "x3.jpg")
    with pytest.raises(FilmsError, match=r"3 pictures, and none belongs to a film: they are named as x.\.jpg.*'tt001'"):
        read_films(str(tmp_path))


def test_keys_by_hand() -> None:
    assert {loose_key(film) for film in ("862.0", "862", "0862", "tt0862", "TT862")} == {"862"}
    assert loose_key("Heat (1995)") == "heat (1995)" and loose_key("862.5") == "862.5" and loose_key("0") == "0"


def test_a_file_named_in_another_encoding_is_ignored_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("id,genre\n1,Drama\n2,War\n")
    (tmp_path / "1.jpg").touch()
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", "wb"):  # noqa: PTH123
        pass
    films = read_films(str(tmp_path), ReadOptions(allow_missing=False))
    assert films.table["id"].to_pylist() == ["1"]
    assert films.understood[0].endswith("ignored: caf\ufffd.jpg (named in another encoding than UTF-8: rename them)")
