"""Films in the layouts of public data sets are read without a word, or with the one option the error asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.raw.columns import Choices
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.rejects import NO_GENRE, FilmsError
from tests.datasets.raw.layouts import FILMS, GENRES, LAYOUTS, OVERVIEWS, csv_text, write_posters

ALL = ("Comedy", "Crime", "Drama", "Romance", "Science Fiction")
OPTIONS = {
    "tmdb_metadata": ReadOptions(Choices(id="id")),
    "wikipedia_plots": ReadOptions(Choices(id="row")),
}
WITH_POSTERS = {
    *(
        "tmdb_pages",
        "tmdb_metadata",
        "movielens",
        "omdb",
        "kaggle_posters",
        "mm_imdb",
        "letterboxd",
        "imdb_basics",
        "movielens_1m",
    ),
}
WITH_OVERVIEWS = {
    *(
        "tmdb_pages",
        "tmdb_5000",
        "tmdb_metadata",
        "omdb",
        "mm_imdb",
        "netflix",
        "letterboxd",
        "cmu_summaries",
        "wikipedia_plots",
    ),
}


def read(layout: str, folder: Path) -> FilmList:
    LAYOUTS[layout](folder)
    return read_films(str(folder), OPTIONS.get(layout))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_public_layout_is_understood(layout: str, tmp_path: Path) -> None:
    films = read(layout, tmp_path)
    assert films.genres == ALL
    table = films.table.to_pylist()
    assert len(table) == FILMS
    for number, film in enumerate(table):
        named = {name for name, label in zip(ALL, film["labels"], strict=True) if label}
        assert named == set(GENRES[number])
        expected = OVERVIEWS[number] if layout in WITH_OVERVIEWS else ""
        expected += "[1]" if layout == "wikipedia_plots" else ""
        assert film["overview"] == ("" if layout == "omdb" and number == 4 else expected)
        assert bool(film["poster"]) == (layout in WITH_POSTERS)
    assert len({film["poster"] for film in table}) == (FILMS if layout in WITH_POSTERS else 1)
    assert [line.partition(":")[0] for line in films.understood] == ["Table", "Columns", "Genres", "Posters", "Missing"]


def test_a_broken_row_of_the_metadata_costs_that_row(tmp_path: Path) -> None:
    films = read("tmdb_metadata", tmp_path)
    assert [reject.row for reject in films.rejects] == [8, 9]
    assert "fields where the header has 10" in films.rejects[1].detail


@pytest.mark.parametrize(("column", "shifted"), [("id", "1997-08-20"), ("imdb_id", "0")])
def test_a_shifted_row_makes_no_genre_of_companies(column: str, shifted: str, tmp_path: Path) -> None:
    """The row of movies_metadata.csv that begins within an overview, filled up as pandas writes it again."""
    rows = [[n, f"tt{n:07d}", "[{'id': 18, 'name': 'Drama'}]", "A text."] for n in range(862, 890)]
    rows.insert(9, ["1997-08-20", "0", "[{'name': 'Carousel Productions', 'id': 11176}]", "Released"])
    (tmp_path / "movies_metadata.csv").write_text(csv_text([["id", "imdb_id", "genres", "overview"], *rows]))
    films = read_films(str(tmp_path), ReadOptions(Choices(id=column)))
    assert films.genres == ("Drama",) and len(films.table) == 28
    (reject,) = films.rejects
    assert (reject.id, reject.row) == (shifted, 11) and "its fields are shifted" in reject.detail


def test_two_candidates_are_asked_for_with_all_that_is_wrong(tmp_path: Path) -> None:
    LAYOUTS["tmdb_metadata"](tmp_path)
    with pytest.raises(FilmsError) as raised:
        read_films(str(tmp_path), ReadOptions(Choices(overview="plot")))
    message = str(raised.value)
    assert "which column is the id, 'id' or 'imdb_id'? Name it with --id-column." in message
    assert "there is no column 'plot' (--overview-column)" in message
    assert "ratings.csv" not in message and "links.csv" not in message


def test_overviews_and_genres_in_two_tables_are_joined(tmp_path: Path) -> None:
    """Films that one table lacks: without a genre they are no films, without an overview they lack it."""
    LAYOUTS["letterboxd"](tmp_path)
    with (tmp_path / "movies.csv").open("a", encoding="utf-8") as file:
        file.write("7,No genre,2023.0,Nobody says what this is.,90.0\n")
    with (tmp_path / "genres.csv").open("a", encoding="utf-8") as file:
        file.write("8,War\n")
    write_posters(tmp_path / "posters", ["8.jpg"])
    films = read_films(str(tmp_path))
    last = films.table.to_pylist()[-1]
    assert (last["id"], last["overview"]) == ("8", "") and last["labels"][films.genres.index("War")] == 1
    assert [(reject.id, reject.reason) for reject in films.rejects] == [("7", NO_GENRE)]
    assert films.understood[0] == (
        "Table: movies.csv, joined with genres.csv by the id (CSV, commas, UTF-8), 17 rows; "
        "ignored: actors.csv, posters.csv"
    )
    assert films.understood[1].startswith("Columns: id 'id', overview 'description', genres 'genre'; ignored: name")


def test_quotes_that_show_late_in_a_dump_are_plain_characters(tmp_path: Path) -> None:
    """IMDb's files quote nothing: of the first lines none has a quote, and a later title is left open by one."""
    lines = [f"tt{n:07d}\tTitle {n}\t\\N\tDrama" for n in range(100)]
    lines += ['tt0000100\t"Open\t\\N\tWar', 'tt0000101\t"Quoted" twice\t\\N\tWar', "tt0000102\tLast\t\\N\tWar"]
    (tmp_path / "title.basics.tsv").write_text("\n".join(["tconst\tprimaryTitle\tendYear\tgenres", *lines]) + "\n")
    write_posters(tmp_path / "posters", ["tt0000100.jpg", "tt0000101.jpg"])
    films = read_films(str(tmp_path), ReadOptions(allow_missing=False))
    assert films.table["id"].to_pylist() == ["tt0000100", "tt0000101"]
    assert {reject.reason for reject in films.rejects} == {"poster missing"}


def test_a_header_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "films.tsv").write_text("7\tA title\tDrama\tA text.\n8\tA title\tWar\tA text.\n")
    with pytest.raises(FilmsError, match="The first line seems to be a film: put a line with the columns' names above"):
        read_films(str(tmp_path))


def test_texts_in_some_films_make_no_genre(tmp_path: Path) -> None:
    """A column that is mostly blank holds no 0 and 1 for that; films that are no answer have no id."""
    LAYOUTS["omdb"](tmp_path)
    with (tmp_path / "omdb.jsonl").open("a") as file:
        file.write('{"Response": "False", "Error": "Incorrect IMDb ID."}\n')
    films = read_films(str(tmp_path))
    assert "ignored: Response (0 and 1, but Genre lists the genres), Title, Year, imdbVotes" in films.understood[1]
    rows = "".join(f"{n},{n % 2},{'A slogan' if n == 7 else ''},Text {n}\n" for n in range(60))
    (tmp_path / "films.csv").write_text(f"id,Drama,tagline,overview\n{rows}")
    assert read_films(str(tmp_path / "films.csv")).genres == ("Drama",)


def test_no_number_is_a_genre(tmp_path: Path) -> None:
    line = read("tmdb_5000", tmp_path).understood[1]
    assert line.startswith("Columns: id 'id', overview 'overview', genres 'genres'; ignored: revenue (no genre)")
    assert line.endswith("budget, homepage, keywords, popularity, runtime, title")


def test_no_genres_listed_is_no_genre(tmp_path: Path) -> None:
    films = read("movielens", tmp_path)
    assert [reject.reason for reject in films.rejects] == [NO_GENRE] and films.set_aside == {NO_GENRE: 1}
    assert "'(no genres listed)' is no genre" in films.understood[2]
    assert films.understood[3].startswith("Posters: 6 of 6 films in MLP-20M, 6 by id")
    assert films.understood[4] == "Missing: no film has an overview; a store for models that read posters"


def test_the_encoding_is_detected_and_said(tmp_path: Path) -> None:
    films = read("kaggle_posters", tmp_path)
    assert "MovieGenre.csv (CSV, commas, Windows-1252), 6 rows" in films.understood[0]


def test_addresses_are_counted_and_not_fetched(tmp_path: Path) -> None:
    LAYOUTS["omdb"](tmp_path)
    for poster in (tmp_path / "Images").iterdir():
        poster.unlink()
    films = read_films(str(tmp_path))
    assert (
        "Posters: none; a store for models that read overviews. 6 films have a web address in 'Poster'"
        in (films.understood[3])
    )
    assert films.lacking == FILMS - 1  # the film without an overview is of no use


def test_posters_downloaded_under_the_last_part_of_their_address(tmp_path: Path) -> None:
    LAYOUTS["omdb"](tmp_path)
    for number in range(FILMS):
        (tmp_path / "Images" / f"tt00{number}.jpg").rename(tmp_path / "Images" / f"M{number}._V1_SX300.jpg")
    films = read_films(str(tmp_path))
    assert films.table["poster"].to_pylist() == [str(tmp_path / "Images" / f"M{n}._V1_SX300.jpg") for n in range(FILMS)]
