"""Overviews and posters of films that another table names otherwise, above all over MovieLens' links.csv."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.raw.columns import Choices
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.joins import unite
from datasets.raw.rejects import FilmsError
from tests.datasets.raw.layouts import FILMS, GENRES, OVERVIEWS, csv_text, movielens, write_posters


def links(folder: Path) -> None:
    """Movie 1 to 6 are tt0114709 to tt0114714 and 862 to 867; the last has no number at TMDB."""
    rows = [[n + 1, f"0{114709 + n}", 862 + n if n < FILMS - 1 else ""] for n in range(FILMS)]
    (folder / "links.csv").write_text(csv_text([["movieId", "imdbId", "tmdbId"], *rows]))


def movies(folder: Path) -> None:
    """MovieLens without its posters."""
    movielens(folder)
    for poster in (folder / "MLP-20M").iterdir():
        poster.unlink()
    links(folder)


def overviews(folder: Path, column: str, name: Callable[[int], object]) -> None:
    rows = [[name(n), OVERVIEWS[n]] for n in range(FILMS)]
    (folder / "overviews.csv").write_text(csv_text([[column, "overview"], *rows]), "utf-8")


def genres_of(films: FilmList) -> dict[str, tuple[str, ...]]:
    table = films.table.to_pylist()
    names = np.array(films.genres)
    return {film["id"]: tuple(names[np.array(film["labels"], bool)]) for film in table}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        (lambda n: f"{n + 1}.jpg", "6 by id"),
        (lambda n: f"tt0{114709 + n}.jpg", "6 by id without regard to tt, leading zeros, .0 and case"),
        (lambda n: f"0{114709 + n}.png", "6 by 'imdbId' of links.csv"),
    ],
)
def test_posters_named_by_any_id_of_the_links(name: Callable[[int], str], way: str, tmp_path: Path) -> None:
    movies(tmp_path)
    write_posters(tmp_path / "posters", [name(n) for n in range(FILMS)])
    films = read_films(str(tmp_path))
    assert [path.rpartition("/")[2] for path in films.table["poster"].to_pylist()] == [name(n) for n in range(FILMS)]
    assert films.table["id"].to_pylist() == [str(n + 1) for n in range(FILMS)]
    assert films.understood[3] == f"Posters: 6 of 6 films in posters, {way}"
    assert ("links.csv" in films.understood[0]) == (way == "6 by id")  # ignored, or used


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("movieId", lambda n: n + 1),
        ("movieId", lambda n: f"{n + 1}.0"),
        ("imdb_id", lambda n: f"tt0{114709 + n}"),
        ("id", lambda n: f"tt0{114709 + n}"),  # IMDb's under any name
        ("imdbId", lambda n: 114709 + n),
    ],
)
def test_overviews_by_any_id_of_the_links(column: str, name: Callable[[int], object], tmp_path: Path) -> None:
    movies(tmp_path)
    overviews(tmp_path, column, name)
    films = read_films(str(tmp_path))
    assert films.table["overview"].to_pylist() == list(OVERVIEWS)
    assert list(genres_of(films).values()) == [tuple(sorted(names)) for names in GENRES]
    assert films.understood[0].startswith("Table: overviews.csv, joined with movies.csv by ")
    assert not films.rejects or {reject.reason for reject in films.rejects} == {"no genre"}


def test_a_film_without_a_link_lacks_its_overview(tmp_path: Path) -> None:
    movies(tmp_path)
    overviews(tmp_path, "tmdbId", lambda n: f"{862 + n}.0")
    write_posters(tmp_path / "posters", [f"tt0{114709 + n}.jpg" for n in range(FILMS)])
    films = read_films(str(tmp_path))
    assert dict(zip(films.table["id"].to_pylist(), films.table["overview"].to_pylist(), strict=True)) == {
        **{str(n + 1): OVERVIEWS[n] for n in range(FILMS - 1)},
        "6": "",
    }
    assert films.understood[0].startswith(
        "Table: overviews.csv, joined with movies.csv by 'tmdbId', by links.csv, 1 of its rows being of other films ("
    )
    assert films.understood[1].startswith(
        "Columns: id 'movieId', overview 'overview', genres 'genres', posters named by"
    )


def test_ids_of_another_name_are_asked_for(tmp_path: Path) -> None:
    """TMDB's 862 is a film of MovieLens, too, and another one."""
    movies(tmp_path)
    overviews(tmp_path, "id", lambda n: 862 + n)
    with pytest.raises(FilmsError) as error:
        read_films(str(tmp_path))
    assert "named as the films' ids ('movieId' or 'imdbId' of links.csv or 'tmdbId' of links.csv)" in str(error.value)
    assert (
        "Not read: overviews.csv (its ids 'id' may be others than 'movieId': "
        "name their column 'movieId' or 'imdbId' or 'tmdbId' to join it)." in str(error.value)
    )


def test_a_whole_table_whose_id_is_open_is_named(tmp_path: Path) -> None:
    movies(tmp_path)
    (tmp_path / "metadata.csv").write_text("id,imdb_id,overview,genres\n862,tt0114709,A text.,Drama\n")
    with pytest.raises(FilmsError, match=r"metadata\.csv \(which column is the id, 'id' or 'imdb_id'\?"):
        read_films(str(tmp_path))
    assert len(read_films(str(tmp_path), ReadOptions(Choices(id="id"))).table) == 1


def test_overviews_joined_to_columns_of_0_and_1(tmp_path: Path) -> None:
    (tmp_path / "genres.csv").write_text("tconst,Drama,War\ntt0000001,1,0\ntt0000002,0,1\ntt0000003,1,1\n")
    (tmp_path / "plots.jsonl").write_text('{"imdbId": "2", "plot": "Two."}\n{"imdbId": 1.0, "plot": "One."}\n')
    films = read_films(str(tmp_path))
    assert genres_of(films) == {"2": ("War",), "1": ("Drama",)}
    assert films.table["overview"].to_pylist() == ["Two.", "One."]
    assert [reject.id for reject in films.rejects] == ["tt0000003"]


def test_a_poster_column_beside_the_genres_of_joined_tables(tmp_path: Path) -> None:
    rows = [[n, "|".join(GENRES[n]), f"https://example.org/{n}.jpg"] for n in range(FILMS)]
    (tmp_path / "MovieGenre.csv").write_text(csv_text([["imdbId", "Genre", "Poster"], *rows]))
    overviews(tmp_path, "imdbId", lambda n: f"tt{n:07d}")
    write_posters(tmp_path / "Images", [f"{n}.jpg" for n in range(FILMS)])
    films = read_films(str(tmp_path))
    assert films.table["poster"].to_pylist() == [f"{tmp_path}/Images/{n}.jpg" for n in range(FILMS)]


def test_ids_that_would_become_one_stay_apart() -> None:
    """Texts 1 and 01 have the same loose key 5; 2 of the texts and 02 of the genres are one film."""
    exact = np.array([11, 12, 13, 11, 14])
    loose = np.array([5, 5, 6, 5, 6])
    united = unite(exact, loose, np.array([True, True, True, False, False]))
    assert united[0] == united[3] != united[1] and united[2] == united[4]


@pytest.mark.parametrize("with_overviews", [False, True])
def test_films_to_predict_have_their_posters_by_links(with_overviews: bool, tmp_path: Path) -> None:
    movies(tmp_path)
    if with_overviews:
        overviews(tmp_path, "imdbId", lambda n: f"0{114709 + n}")
    write_posters(tmp_path / "posters", [f"{862 + n}.jpg" for n in range(FILMS - 1)])
    films = read_films(str(tmp_path), ReadOptions(labelled=False))
    assert [path.rpartition("/")[2] for path in films.table["poster"].to_pylist()][: FILMS - 1] == [
        f"{862 + n}.jpg" for n in range(FILMS - 1)
    ]
    assert films.table["overview"][0].as_py() == (OVERVIEWS[0] if with_overviews else "")


def test_an_address_at_imdb_is_its_id(tmp_path: Path) -> None:
    """As of the IMDB 5000 set; other addresses are refused, as they hold slashes."""
    rows = [f"http://www.imdb.com/title/tt049954{n}/?ref_=fn_tt_tt_1" for n in range(3)] + [
        "http://other.org/title/tt1"
    ]
    text = csv_text([["movie_imdb_link", "genres", "plot"], *([row, "Drama", f"Text {row}."] for row in rows)])
    (tmp_path / "films.csv").write_text(text)
    films = read_films(str(tmp_path))
    assert films.table["id"].to_pylist() == ["tt0499540", "tt0499541", "tt0499542"]
    assert "choose another --id-column, or --id-column row" in films.rejects[0].detail


def test_another_id_of_the_table_names_posters(tmp_path: Path) -> None:
    rows = [[862 + n, f"tt0{114709 + n}", OVERVIEWS[n], "Drama", f"/p{n}.jpg"] for n in range(FILMS)]
    header = ["id", "imdb_id", "overview", "genres", "poster_path"]
    (tmp_path / "films.csv").write_text(csv_text([header, *rows]), "utf-8")
    write_posters(tmp_path / "posters", [f"tt0{114709 + n}.jpg" for n in range(FILMS)])
    films = read_films(str(tmp_path), ReadOptions(Choices(id="id")))
    assert films.understood[3] == "Posters: 6 of 6 films in posters, 6 by the column 'imdb_id'"
