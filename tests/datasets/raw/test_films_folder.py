"""Reading a films folder: what is kept, what is rejected and why, and what ends a job."""

from __future__ import annotations

import csv
import hashlib
import io
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from datasets.raw.films_folder import CSV_NAME, FilmList, find_folder, read_films
from datasets.raw.rejects import (
    DUPLICATE_ID,
    ID_LEAVES_FOLDER,
    LABEL_NOT_BINARY,
    NO_GENRE,
    OVERVIEW_EMPTY,
    POSTER_MISSING,
    REASONS,
    ROW_MALFORMED,
    FilmsError,
    Reject,
    write_rejects,
)
from tests.datasets.raw.dirty_films import GENRES, DirtyFolder, make_dirty_folder

HEADER = "Id,Genre,Drama,N/A,Overview\n"


def write_csv(folder: Path, text: str | bytes) -> str:
    """A films folder without posters, which reading does not look at."""
    (folder / "Images").mkdir(exist_ok=True)
    (folder / CSV_NAME).write_bytes(text.encode() if isinstance(text, str) else text)
    return str(folder)


def read_one(folder: Path, row: str) -> FilmList:
    """Reads a CSV of one sound film and `row`."""
    return read_films(write_csv(folder, HEADER + "first,[],1,0,A first film.\n" + row))


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DirtyFolder, FilmList]:
    folder = tmp_path_factory.mktemp("dirty")
    expected = make_dirty_folder(folder)
    return folder, expected, read_films(str(folder))


def test_every_dirty_film_gets_its_reason(dirty: tuple[Path, DirtyFolder, FilmList]) -> None:
    _, expected, films = dirty
    of_rows = {reason: count for reason, count in expected.rejects.items() if not reason.startswith("poster ")}
    assert Counter(reject.reason for reject in films.rejects) == of_rows
    assert set(of_rows) == {
        DUPLICATE_ID,
        ID_LEAVES_FOLDER,
        LABEL_NOT_BINARY,
        NO_GENRE,
        OVERVIEW_EMPTY,
        ROW_MALFORMED,
    }
    assert set(expected.rejects) == set(REASONS)
    for reject in films.rejects:
        assert expected.rejected.get(reject.id, reject.reason) == reject.reason
    assert films.table.num_rows == expected.good + expected.poster_rejects
    assert films.repeats == expected.repeats


def test_rejects_name_the_line_on_which_the_film_starts(dirty: tuple[Path, DirtyFolder, FilmList]) -> None:
    folder, _, films = dirty
    lines = (folder / CSV_NAME).read_bytes().split(b"\n")
    rows = [(reject.id, reject.row) for reject in films.rejects]
    rows += list(zip(films.table["id"].to_pylist(), films.table["row"].to_pylist(), strict=True))
    for film, row in rows:
        assert lines[row - 1].strip().startswith(film.encode()), (film, row)


def test_table_has_the_promised_columns(dirty: tuple[Path, DirtyFolder, FilmList]) -> None:
    folder, _, films = dirty
    assert films.genres == GENRES
    assert films.table.schema == pa.schema(
        {
            "id": pa.string(),
            "row": pa.int64(),
            "overview": pa.string(),
            "labels": pa.list_(pa.float32(), len(GENRES)),
            "poster": pa.string(),
        }
    )
    first = films.table.slice(0, 1).to_pylist()[0]
    # Film 0 is of genre 0 by the template; row 1 is the header.
    assert first["id"] == "tt0000000" and first["row"] == 2 and first["labels"] == [1, 0, 0, 0, 0, 0]
    assert first["poster"] == f"{folder}/Images/tt0000000.jpg"
    assert films.fingerprint == hashlib.sha256((folder / CSV_NAME).read_bytes()).hexdigest()


def test_odd_films_that_are_sound_are_kept(dirty: tuple[Path, DirtyFolder, FilmList]) -> None:
    films = {film["id"]: film for film in dirty[2].table.to_pylist()}
    assert films["映画 1"]["overview"] == "一人の少年が海へ旅に出る。"
    assert films["tt.dots.1"]["labels"] == [1, 0, 1, 0, 0, 0]
    assert films["lines"]["overview"] == 'Two lines and a "quoted" word, or three.'


def test_first_of_a_doubled_id_keeps_its_place(dirty: tuple[Path, DirtyFolder, FilmList]) -> None:
    films = dirty[2]
    ids = films.table["id"].to_pylist()
    assert len(set(ids)) == len(ids) and ids[5] == "tt0000005" and ids[6] == "tt0000006"
    details = [reject.detail for reject in films.rejects if reject.reason == DUPLICATE_ID]
    assert details[0].startswith("also on row 7, with another overview")
    assert details[1].startswith("also on row 8, with other genres")


def test_a_broken_film_does_not_take_its_id_from_a_later_sound_one(tmp_path: Path) -> None:
    films = read_one(tmp_path, "film,[],1,0,N/A\nfilm,[],1,0,A sound one.\n")
    assert films.table["id"].to_pylist() == ["first", "film"]
    assert [reject.reason for reject in films.rejects] == [OVERVIEW_EMPTY]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *(("1", 1), ("1.0", 1), (" 1", 1), ("1.0 ", 1), ("True", 1), ("yes", 1)),
        *(("0", 0), ("0.0", 0), ("FALSE", 0), ("no", 0), ("", 0), (" ", 0), ("NaN", 0), ("N/A", 0)),
    ],
)
def test_labels_that_are_accepted(tmp_path: Path, value: str, label: int) -> None:
    films = read_one(tmp_path, f"film,[],{value},1,A film.\n")
    assert films.table["labels"].to_pylist()[1] == [label, 1]


@pytest.mark.parametrize("value", ["2", "-1", "0.5", "maybe"])
def test_labels_that_are_not(tmp_path: Path, value: str) -> None:
    sound = "".join(f"sound{number},[],1,0,A film.\n" for number in range(30))
    (reject,) = read_one(tmp_path, f"film,[],1,{value},A film.\n{sound}").rejects
    assert reject == Reject("film", 3, LABEL_NOT_BINARY, f"N/A is {value!r}")


def test_a_number_among_few_films_is_no_genre(tmp_path: Path) -> None:
    films = read_one(tmp_path, "film,[],1,2,A film.\n")
    assert films.genres == ("Drama",) and films.rejects == [] and "ignored: Genre" in films.understood[1]
    (tmp_path / CSV_NAME).write_text("id,overview,revenue,runtime,Drama\na,The a.,0,1,1\nb,The b.,0,0,1\n")
    assert read_films(str(tmp_path)).genres == ("Drama",)


@pytest.mark.parametrize("text", ["", "N/A", "nan", "-", "...", "Plot unknown.", "TBA", "COMING SOON", "¿?", "None"])
def test_placeholders_are_no_overview(tmp_path: Path, text: str) -> None:
    (reject,) = read_one(tmp_path, f"film,[],1,0, {text} \n").rejects
    assert (reject.id, reject.row, reject.reason) == ("film", 3, OVERVIEW_EMPTY)


@pytest.mark.parametrize("text", ["M", "1917", "Одна ночь", "無", "None of them came back.", "Unknown to all, he"])
def test_short_and_foreign_overviews_are_overviews(tmp_path: Path, text: str) -> None:
    films = read_one(tmp_path, f'film,[],1,0,"{text}"\n')
    assert films.table["overview"].to_pylist()[1] == text


@pytest.mark.parametrize("film", ["a/b", "../x", "/x", "a\\b", ".", "..", "C:x", "a\tb", "a\x7fb", "a\0b", "a\x85b"])
def test_ids_that_could_leave_the_folder(tmp_path: Path, film: str) -> None:
    (reject,) = read_one(tmp_path, f"{film},[],1,0,A film.\n").rejects
    assert (reject.id, reject.row, reject.reason) == (film, 3, ID_LEAVES_FOLDER)


@pytest.mark.parametrize("film", ["Amélie", "a b", "...", "x.jpg", "'; --", "50%", "#1", "x" * 251])
def test_ids_that_cannot(tmp_path: Path, film: str) -> None:
    (tmp_path / "Images").mkdir()
    (tmp_path / "Images" / f"{film}.jpg").touch()
    films = read_one(tmp_path, f"{film},[],1,0,A film.\n")
    assert films.table["poster"].to_pylist() == [f"{tmp_path}/Images/{film}.jpg"]


def test_id_too_long_for_a_file_name(tmp_path: Path) -> None:
    (reject,) = read_one(tmp_path, f"{'x' * 252},[],1,0,A film.\n").rejects
    assert reject.reason == ROW_MALFORMED and "256 bytes" in reject.detail


def test_open_quote_costs_one_film_only(tmp_path: Path) -> None:
    rows = [f"film{number},[],1,0,Film {number}.\n" for number in range(2000)]
    rows[10] = 'film10,[],1,0,"A quote is opened.\n'
    rows[30] = 'film30,[],1,0,"A quoted, overview."\n'
    rows[1999] = 'film1999,[],1,0,"Another.'
    films = read_films(write_csv(tmp_path, HEADER + "".join(rows)))
    assert [(reject.id, reject.row) for reject in films.rejects] == [("film10", 12), ("film1999", 2001)]
    assert "quote is left open" in films.rejects[0].detail
    assert films.table.num_rows == 1998
    assert films.fingerprint == hashlib.sha256((tmp_path / CSV_NAME).read_bytes()).hexdigest()


def test_field_beyond_all_measure_is_set_aside_and_the_limit_put_back(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    films = read_one(tmp_path, f"huge,[],1,0,{'x' * 1_100_000}\nnext,[],1,0,A film.\n")
    assert films.table["id"].to_pylist() == ["first", "next"]
    assert films.rejects[0].id == "huge" and "field larger than field limit" in films.rejects[0].detail
    assert csv.field_size_limit() == limit


def test_spreadsheet_habits(tmp_path: Path) -> None:
    """A byte order mark, lines that end as on Windows, quotes around everything, no Genre column."""
    text = '\ufeff"Id","Overview","N/A"\r\n"1","Two\r\nlines","1"\r\n\r\n"2","One","0"\r\n'
    films = read_films(write_csv(tmp_path, text))
    assert films.genres == ("N/A",)
    assert films.table["overview"].to_pylist() == ["Two lines"]
    assert [(reject.row, reject.reason) for reject in films.rejects] == [(5, NO_GENRE)]
    assert films.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def test_local_path_home_and_uri_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    write_csv(folder, HEADER + "film,[],1,0,A film.\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    tables = [read_films(name).table for name in (f"{folder}/", "~/films", "films", f"file://{folder}")]
    assert all(table.equals(tables[0]) for table in tables)
    assert find_folder("~/films")[1] == str(folder)


def errors_of(folder: str) -> str:
    with pytest.raises(FilmsError) as raised:
        read_films(folder)
    return str(raised.value)


def test_folder_that_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "does not exist" in errors_of(str(tmp_path / "nowhere"))
    assert "is empty" in errors_of(str(tmp_path / "file"))
    assert "cannot be reached" in errors_of("nosuch://bucket/films")


def test_missing_csv_says_what_is_there(tmp_path: Path) -> None:
    assert "holds nothing" in errors_of(str(tmp_path))
    for number in range(7):
        (tmp_path / f"f{number}.txt").write_text("")
    message = errors_of(str(tmp_path))
    assert "there is no table; the folder holds f0.txt, f1.txt, f2.txt, f3.txt, f4.txt and 2 more." in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (HEADER, "no films"),
        (HEADER + "\n\n", "no films"),
        ("Id,Overview,Genre\nx,y,[]\n", "lists no genre"),
        ("Id,Overview,Budget\nx,y,200\nz,w,300\n", "nothing says the genres: the columns are 'Id', 'Overview', 'Bu"),
        (
            "Film,Drama,Overview\nx,1,y\n",
            "no column is the id: the columns are 'Film', 'Drama', 'Overview'. Name it with",
        ),
        ("Id,Overview,Plot,Genre\nx,y,z,Drama\n", "which column is the overview, 'Overview' or 'Plot'? Name it with"),
        ("Id,Genre\nx,Drama\n", "neither posters nor overviews"),
        ("Id,Overview,Genre\nx,y,28\nz,w,12\n", "holds numbers (28, 12), not genres"),
        ('Id,"Drama,Overview\nx,1,y\n', "header cannot be used: not a CSV record"),
    ],
)
def test_csv_that_ends_a_job(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in errors_of(write_csv(tmp_path, text))


def test_column_that_is_hardly_ever_0_or_1_is_no_genre(tmp_path: Path) -> None:
    """A numbering of the rows has a 0 and a 1, and a count of prizes has little else."""
    rows = "".join(f"film{n},{n},1,{7 if n % 50 == 0 else n % 2},A film.\n" for n in range(5000))
    films = read_films(write_csv(tmp_path, "Id,Number,Drama,Prizes,Overview\n" + rows))
    assert films.genres == ("Drama", "Prizes") and len(films.rejects) == 100
    rows = "".join(f"film{n},{n},1,{max(0, n - 4000)},A film.\n" for n in range(5000))
    films = read_films(write_csv(tmp_path, "Id,Number,Drama,Prizes,Overview\n" + rows))
    assert films.genres == ("Drama",) and films.rejects == []
    assert "Number, Prizes (holds '2' and the like in 998 of 5,000 films)" in films.understood[1]


def test_films_of_which_none_is_sound_are_no_error(tmp_path: Path) -> None:
    films = read_films(write_csv(tmp_path, HEADER + "film,[],0,0,A film.\n"))
    assert films.table.num_rows == 0 and len(films.rejects) == 1
    assert films.table.schema.field("labels").type == pa.list_(pa.float32(), 2)


def test_rejects_are_written_by_row(tmp_path: Path) -> None:
    rejects = [Reject("b", 9, NO_GENRE, 'a "quoted", detail'), Reject("ä", 2, POSTER_MISSING, "x")]
    write_rejects(rejects, tmp_path / "rejects.csv")
    stream = io.StringIO()
    write_rejects(rejects, stream)
    text = (tmp_path / "rejects.csv").read_text(encoding="utf-8")
    assert text == stream.getvalue()
    assert list(csv.reader(io.StringIO(text))) == [
        ["id", "row", "reason", "detail"],
        ["ä", "2", POSTER_MISSING, "x"],
        ["b", "9", NO_GENRE, 'a "quoted", detail'],
    ]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_films(tmp_path: Path) -> None:
    """Of each film the hash of its id is held; rows are mapped from a file that has no name any more."""

    def most_held(films: int) -> int:
        plot = "A film of many words and hardly a plot. " * 8
        folder = write_csv(tmp_path, HEADER + "".join(f"tt{film:07d},[],1,0,{plot}{film}\n" for film in range(films)))
        aside = tmp_path / "aside"
        aside.mkdir(exist_ok=True)
        arrow = pa.total_allocated_bytes()
        tracemalloc.start()
        read = read_films(folder, aside=str(aside))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(read.table) == films and list(aside.iterdir()) == []
        assert pa.total_allocated_bytes() - arrow < 100_000
        assert read.table["overview"][films - 1].as_py().endswith(f" {films - 1}")
        return most

    few, many = most_held(5_000), most_held(13_000)
    assert (many - few) / 8_000 < 60, "bytes a film"
