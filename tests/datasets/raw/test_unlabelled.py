"""Films without labels: every layout with labels is read without them, every row is kept, pictures alone are films."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from datasets.raw.columns import Choices
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.rejects import ROW_MALFORMED, FilmsError
from datasets.storage import files
from datasets.tables.sources import read_bytes, shown
from tests.datasets.raw.layouts import FILMS, LAYOUTS, OVERVIEWS, jpeg
from tests.datasets.raw.test_layouts import OPTIONS, WITH_OVERVIEWS, WITH_POSTERS

Film = tuple[str, str, str]
LOCAL = pafs.LocalFileSystem()


def read(path: Path, choices: Choices | None = None, spill: Path | None = None) -> FilmList:
    return read_films(str(path), ReadOptions(choices or Choices(), labelled=False), spill=str(spill) if spill else None)


def films_of(path: Path, choices: Choices | None = None) -> list[Film]:
    table = read(path, choices).table
    return list(zip(*(table[name].to_pylist() for name in ("id", "overview", "poster")), strict=True))


def written(folder: Path, text: str, posters: tuple[str, ...] = ()) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "films.csv").write_text(text, encoding="utf-8")
    for name in posters:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_public_layout_is_read_without_labels(layout: str, tmp_path: Path) -> None:
    """Films without a genre count too; the same options as with labels name the columns."""
    LAYOUTS[layout](tmp_path)
    films = read(tmp_path, OPTIONS[layout].columns if layout in OPTIONS else None)
    assert films.genres == () and "labels" not in films.table.column_names
    table = films.table.to_pylist()
    if layout in ("movielens", "imdb_basics", "wikipedia_plots"):
        assert table.pop()["poster"] == ""  # without a genre, but a film
    if layout == "tmdb_metadata":
        assert [reject.reason for reject in films.rejects] == [ROW_MALFORMED] * 2
    assert len(table) == FILMS
    for number, film in enumerate(table):
        expected = OVERVIEWS[number] if layout in WITH_OVERVIEWS else ""
        expected += "[1]" if layout == "wikipedia_plots" else ""
        assert film["overview"] == ("" if layout == "omdb" and number == 4 else expected)
        assert bool(film["poster"]) == (layout in WITH_POSTERS)
    assert [line.partition(":")[0] for line in films.understood] == ["Table", "Columns", "Posters", "Missing"]
    assert not any("store" in line for line in films.understood)


def test_every_row_is_kept(tmp_path: Path) -> None:
    """Repeats, placeholders, ids that name no file and empty ones are films here."""
    text = (
        'Id,Genre,Drama,Overview\ntt1,x,1,"A ""quiet"" town,\n\nin spring"\ntt1,x,0,N/A\na/b,x,0,Far away\n,x,0,Here\n'
    )
    folder = written(tmp_path, text, ("Images/tt1.jpg",))
    poster = f"{tmp_path}/Images/tt1.jpg"
    assert films_of(folder) == [
        ("tt1", 'A "quiet" town, in spring', poster),
        ("tt1", "", poster),
        ("a/b", "Far away", ""),
        ("", "Here", ""),
    ]
    assert read(folder).understood[1] == "Columns: id 'Id', overview 'Overview'; ignored: Genre, Drama"


def test_films_without_ids_are_numbered_from_1(tmp_path: Path) -> None:
    films = films_of(written(tmp_path, 'overview\n"A\nlong"\nB\n', ("2.jpg",)))
    assert films == [("1", "A long", ""), ("2", "B", f"{tmp_path}/2.jpg")]


def test_a_row_that_is_no_record_is_rejected_with_its_line(tmp_path: Path) -> None:
    films = read(written(tmp_path, "id,overview\na,A\nb,B,too much\nc,C\n"))
    assert films.table["id"].to_pylist() == ["a", "c"]
    assert [(reject.id, reject.row, reject.reason) for reject in films.rejects] == [("b", 3, ROW_MALFORMED)]


def test_named_columns(tmp_path: Path) -> None:
    folder = written(tmp_path, "key,words,file\na,The one,x.png\n", ("x.png",))
    assert films_of(folder, Choices("key", "words", poster="file")) == [("a", "The one", f"{tmp_path}/x.png")]


def test_posters_where_a_column_says(tmp_path: Path) -> None:
    """Relative to the table, absolute, or by URI: also where no poster lies beside the table."""
    folder = written(tmp_path / "films", "", ("small/a.png", "../else where/b.jpg"))
    uri = (tmp_path / "else where" / "b.jpg").as_uri()
    (folder / "films.csv").write_text(
        f"id,poster_path\na,small/a.png\nb,{tmp_path}/else where/b.jpg\nc,{uri}\nd,\ne,/no/such.jpg\n"
    )
    films = read(folder / "films.csv")
    posters = [f"{folder}/small/a.png", f"{tmp_path}/else where/b.jpg", uri, "", ""]
    assert films.table["poster"].to_pylist() == posters
    assert films.understood[2] == "Posters: 3 of 5 films, 3 by the paths in 'poster_path'"
    assert read_bytes(LOCAL, uri) == b""


def test_pictures_alone_are_films(tmp_path: Path) -> None:
    """Named by their files; two of one name by their folders too, and with their ending where that is not enough."""
    for name in ("b.JPG", "a.film.png", "notes.txt", "new/c.webp", "old/c.webp", "old/d.png", "old/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert films_of(tmp_path) == [
        ("a.film", "", f"{tmp_path}/a.film.png"),
        ("b", "", f"{tmp_path}/b.JPG"),
        ("new/c", "", f"{tmp_path}/new/c.webp"),
        ("old/c", "", f"{tmp_path}/old/c.webp"),
        ("old/d.jpg", "", f"{tmp_path}/old/d.jpg"),
        ("old/d.png", "", f"{tmp_path}/old/d.png"),
    ]
    films = read(tmp_path)
    assert films.understood == ("Table: none; each of 6 pictures is a film, its file's name the id",)
    (tmp_path / "e.jpg").touch()
    assert read(tmp_path).fingerprint != films.fingerprint
    with pytest.raises(FilmsError, match="there is no table; the folder holds"):
        read_films(str(tmp_path))


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_pictures_in_archives_can_be_read(suffix: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / f"films.{suffix}", "w:gz" if suffix.endswith("gz") else "w") as archive:
        info = tarfile.TarInfo("posters/tt1.jpg")
        info.size = len(jpeg(1))
        archive.addfile(info, io.BytesIO(jpeg(1)))
    films = read(tmp_path / f"films.{suffix}", spill=tmp_path / "pictures")
    (locator,) = films.table["poster"].to_pylist()
    assert films.table["id"].to_pylist() == ["tt1"] and shown(locator).endswith("posters/tt1.jpg")
    assert read_bytes(LOCAL, locator) == jpeg(1)


def test_pictures_in_a_table(tmp_path: Path) -> None:
    pictures = pa.array([{"bytes": jpeg(5), "path": "a.jpg"}, None], pa.struct({"bytes": pa.binary(), "path": "str"}))
    pq.write_table(pa.table({"id": [5, 6], "overview": ["A", None], "image": pictures}), tmp_path / "films.parquet")
    films = read(tmp_path / "films.parquet", spill=tmp_path / "pictures")
    first, second = films.table["poster"].to_pylist()
    assert second == "" and read_bytes(LOCAL, first) == jpeg(5)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    for name, text, wanted in (
        ("columns", "id,title\n1,x\n", r"neither posters nor overviews.*left are title"),
        ("empty", "", r"films\.csv: it is empty"),
        ("twice", "id,id,overview\n1,2,x\n", r"which column is the id, 'id' or 'id'"),
        ("named", "id,overview\n1,x\n", r"no column 'plot' \(--overview-column\)"),
    ):
        with pytest.raises(FilmsError, match=wanted) as error:
            read(written(tmp_path / name, text), Choices(overview="plot") if name == "named" else None)
        assert str(tmp_path / name) in str(error.value)
    with pytest.raises(FilmsError, match="does not exist"):
        read(tmp_path / "missing")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FilmsError, match="no table and no picture; the folder holds nothing"):
        read(tmp_path / "nothing")


def test_the_fingerprint_changes_with_the_table(tmp_path: Path) -> None:
    before = read(written(tmp_path, "id,overview\na,A\n")).fingerprint
    assert read(tmp_path).fingerprint == before
    assert read(written(tmp_path, "id,overview\na,A\nb,B\n")).fingerprint != before


@pytest.mark.parametrize("layout", ["mm_imdb", "letterboxd", "netflix", "tmdb_metadata"])
@pytest.mark.parametrize("labelled", [True, False])
def test_films_on_another_filesystem(
    layout: str, labelled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By URI every layout reads the same as from a local folder."""
    LAYOUTS[layout](tmp_path)
    choices = OPTIONS[layout].columns if layout in OPTIONS else Choices()
    here = read_films(str(tmp_path), ReadOptions(choices, labelled=labelled))
    elsewhere, resolve = pafs.SubTreeFileSystem(str(tmp_path), LOCAL), files.resolve

    def resolved(path: str | Path) -> tuple[pafs.FileSystem, str]:
        return (elsewhere, str(path)[9:]) if str(path).startswith("memory://") else resolve(path)

    monkeypatch.setattr(files, "resolve", resolved)
    there = read_films("memory:///", ReadOptions(choices, labelled=labelled))
    assert there.table.drop_columns("poster") == here.table.drop_columns("poster")
    assert (there.understood, there.fingerprint) == (here.understood, here.fingerprint)
    for one, other in zip(here.table["poster"].to_pylist(), there.table["poster"].to_pylist(), strict=True):
        assert bool(one) == bool(other)
        assert not one or read_bytes(LOCAL, one) == read_bytes(elsewhere, other)
