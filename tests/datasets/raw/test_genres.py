"""Genres in every notation, merged, renamed, chosen, folded; and the films that lack something."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.raw.columns import Choices, find_columns
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.genres import GenreOptions, read_renames
from datasets.raw.rejects import NO_GENRE, OVERVIEW_EMPTY, POSTER_MISSING, FilmsError
from datasets.tables.genre_values import names_of
from tests.datasets.raw.layouts import csv_text, jpeg


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Action|Comedy", ("Action", "Comedy")),
        ("Action, Comedy ", ("Action", "Comedy")),
        ("Action; Comedy", ("Action", "Comedy")),
        ("Action / Comedy", ("Action", "Comedy")),
        ("剧情、喜剧", ("剧情", "喜剧")),
        ("N/A", ("N/A",)),
        ("Science  Fiction", ("Science Fiction",)),
        ("['Action', \"Comedy\"]", ("Action", "Comedy")),
        ('["Action", "Com\\u00e9die"]', ("Action", "Comédie")),
        ("['Action' 'Comedy']", ("Action", "Comedy")),
        ("[Action, Comedy]", ("Action", "Comedy")),
        ("[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': 'Comedy'}]", ("Animation", "Comedy")),
        ('{"/m/02kdv5l": "Action", "/m/01z4y": "Comedy"}', ("Action", "Comedy")),
        (["Action", {"name": "Comedy"}], ("Action", "Comedy")),
        ([], ()),
        ("[]", ()),
        ("", ()),
        (None, ()),
        (float("nan"), ()),
        ("[{'id': 16, 'name': ", ("[{'id': 16", "'name':")),
        ("[{'id': }]", None),
        (("__import__('os').getcwd()",), ("__import__('os').getcwd()",)),
    ],
)
def test_notations(value: object, names: tuple[str, ...] | None) -> None:
    assert names_of(value) == names


def read(folder: Path, genres: list[str], options: GenreOptions | None = None) -> FilmList:
    rows = [[n, f"Film {n} of the sea.", text] for n, text in enumerate(genres)]
    (folder / "films.csv").write_text(csv_text([["id", "overview", "genres"], *rows]), "utf-8")
    return read_films(str(folder), ReadOptions(genres=options or GenreOptions()))


def labelled(films: FilmList) -> list[set[str]]:
    return [
        {name for name, label in zip(films.genres, film["labels"], strict=True) if label}
        for film in films.table.to_pylist()
    ]


def test_names_that_differ_in_case_or_spaces_are_one(tmp_path: Path) -> None:
    films = read(tmp_path, ["Sci-Fi", "sci-fi|Film Noir", "SCI-FI|FilmNoir", "Sci-Fi|Film Noir"])
    assert films.genres == ("Film Noir", "Sci-Fi")
    assert labelled(films) == [{"Sci-Fi"}, {"Film Noir", "Sci-Fi"}, {"Film Noir", "Sci-Fi"}, {"Film Noir", "Sci-Fi"}]
    assert "one genre each: 'sci-fi', 'SCI-FI' as 'Sci-Fi', 'FilmNoir' as 'Film Noir'" in films.understood[2]


def test_columns_that_differ_in_case_are_one(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("id,overview,drama,Drama,War\na,The a.,1,0,0\nb,The b.,0,1,1\n")
    films = read_films(str(tmp_path))
    assert films.genres == ("drama", "War") and labelled(films) == [{"drama"}, {"drama", "War"}]


def test_chosen_renamed_and_rare(tmp_path: Path) -> None:
    genres = ["Drama|War", "Drama", "War|Western", "Comedy", "N/A"]
    films = read(tmp_path, genres, GenreOptions(only=("War", "drama")))
    assert films.genres == ("War", "Drama") and labelled(films) == [{"War", "Drama"}, {"Drama"}, {"War"}]
    assert films.set_aside == {NO_GENRE: 2} and "not asked for: Comedy, N/A, Western" in films.understood[2]
    films = read(tmp_path, genres, GenreOptions(renames={"western": "War", "COMEDY": "Fun", "Drama": ""}))
    assert films.genres == ("Fun", "War") and labelled(films) == [{"War"}, {"War"}, {"Fun"}]
    films = read(tmp_path, genres, GenreOptions(min_films=2))
    assert films.genres == ("Drama", "War")
    assert "fewer than 2 films, dropped: Comedy (1), Western (1)" in films.understood[2]
    films = read(tmp_path, genres, GenreOptions(min_films=2, rare="Other"))
    assert labelled(films) == [{"Drama", "War"}, {"Drama"}, {"War", "Other"}, {"Other"}]
    assert read(tmp_path, genres, GenreOptions(only=("N/A", "War"))).genres == ("N/A", "War")
    assert read(tmp_path, genres, GenreOptions(also=("Opera", "drama"))).genres[-1] == "Opera"
    with pytest.raises(FilmsError, match="no film has the genre Opera of --genres; there are Comedy, Drama"):
        read(tmp_path, genres, GenreOptions(only=("Opera", "War")))


def test_renames_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"Sci-Fi": "Science Fiction", "N/A": ""}')
    (tmp_path / "a.csv").write_text("Sci-Fi,Science Fiction\nN/A,\n")
    assert read_renames(str(tmp_path / "a.json")) == read_renames(str(tmp_path / "a.csv"))
    (tmp_path / "b.csv").write_text("Sci-Fi\n")
    with pytest.raises(FilmsError, match="give a JSON object"):
        read_renames(str(tmp_path / "b.csv"))
    with pytest.raises(FilmsError, match="cannot be read"):
        read_renames(str(tmp_path / "none.csv"))


def test_columns_of_any_values_by_hand() -> None:
    names = ["Unnamed: 0", "Movie Id", "Year", "Votes", "adult", "Drama", "Empty", "War", "Plot"]
    rows = [[n, f"f{n}", 1990 + n, n % 2 * 7 * n, "False", n % 2, "", "yes" if n else "", "The."] for n in range(6)]
    columns = find_columns(names, rows, Choices())
    assert (columns.id, columns.overview, columns.labels, columns.problems) == (1, 8, [5, 7], [])
    assert columns.ignored == ["adult (no genre)", "Unnamed: 0", "Year", "Votes", "Empty"]
    asked = find_columns(names, rows, Choices(genre="year"))
    assert asked.problems == [
        "the column 'Year' holds numbers (1990, 1991, 1992), not genres. Name another with --genre-column, or write "
        'their names into a file for --rename-genres: {"1990": "Drama", …}.'
    ]


# -- what is missing --------------------------------------------------------------------------------------------------


def lacking(folder: Path, posters: int, overviews: int, allow: bool | None = None) -> FilmList:
    """Ten films, of which the first have posters and the last have overviews."""
    images = folder / "Images"
    images.mkdir()
    for number in range(posters):
        (images / f"{number}.jpg").write_bytes(jpeg(number))
    rows = [[n, f"Film {n} of the sea." if n >= 10 - overviews else "", "Drama"] for n in range(10)]
    (folder / "films.csv").write_text(csv_text([["id", "overview", "genres"], *rows]))
    return read_films(str(folder), ReadOptions(allow_missing=allow))


def counts(films: FilmList) -> tuple[int, int, int]:
    table = films.table.to_pylist()
    return len(table), sum(bool(film["poster"]) for film in table), sum(bool(film["overview"]) for film in table)


@pytest.mark.parametrize(
    ("posters", "overviews", "allow", "kept", "aside"),
    [
        (10, 10, None, (10, 10, 10), {}),
        (6, 10, None, (10, 6, 10), {}),
        (5, 10, None, (5, 5, 5), {POSTER_MISSING: 5}),
        (5, 10, True, (10, 5, 10), {}),
        (10, 7, None, (10, 10, 7), {}),
        (10, 7, False, (7, 7, 7), {}),
        (6, 6, None, (10, 6, 6), {}),
        (0, 10, None, (10, 0, 10), {}),
        (10, 0, False, (10, 10, 0), {}),
        (0, 4, None, (4, 0, 4), {OVERVIEW_EMPTY: 6}),
    ],
)
def test_films_that_lack_something(
    tmp_path: Path, posters: int, overviews: int, allow: bool | None, kept: tuple, aside: dict
) -> None:
    films = lacking(tmp_path, posters, overviews, allow)
    assert counts(films) == kept and films.set_aside == aside
    assert len(films.rejects) == 10 - kept[0]
    assert films.lacking == sum(not (film["poster"] and film["overview"]) for film in films.table.to_pylist())


def test_films_without_both_are_rejected(tmp_path: Path) -> None:
    films = lacking(tmp_path, 4, 4, allow=True)
    assert counts(films) == (8, 4, 4) and [reject.row for reject in films.rejects] == [6, 7]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    films = lacking(tmp_path, 6, 9)
    assert films.understood[4] == (
        "Missing: 4 films have no poster and 1 film has no overview: kept for models that need the other one"
    )


@pytest.mark.parametrize(
    "text",
    [
        "id,overview,genres\n1,One.,science fiction\n2,Two.,drama\n",
        "id,overview,drama,science fiction\n1,One.,0,1\n2,Two.,1,0\n",
    ],
)
def test_genres_bear_the_names_by_which_models_know_them(text: str, tmp_path: Path) -> None:
    """Films to evaluate on may spell them otherwise; a list may lack one, columns may not."""
    (tmp_path / "films.csv").write_text(text)
    also = ("Drama", "Science Fiction", "War")
    films = read_films(str(tmp_path), ReadOptions(genres=GenreOptions(also=also)))
    assert films.genres == (also if "genres" in text else also[:2])


@pytest.mark.parametrize("mark", ["-", " "])
def test_rows_of_known_names_are_split(mark: str, tmp_path: Path) -> None:
    """As in the Kaggle sets of TMDB's films; names of their own with spaces and hyphens stay whole."""
    listed = [("Action", "Science Fiction"), ("TV Movie",), ("Drama", "Romance", "War")]
    rows = [[n, "A text.", mark.join(names)] for n, names in enumerate(listed)]
    (tmp_path / "films.csv").write_text(csv_text([["id", "overview", "genres"], *rows]))
    films = read_films(str(tmp_path))
    assert films.genres == ("Action", "Drama", "Romance", "Science Fiction", "TV Movie", "War")
    assert [sum(film["labels"]) for film in films.table.to_pylist()] == [2, 1, 3]
    (tmp_path / "films.csv").write_text("id,overview,genres\n1,A text.,Sci-Fi\n2,A text.,Film Noir\n")
    assert read_films(str(tmp_path)).genres == ("Film Noir", "Sci-Fi")


def test_numbers_of_genres_get_names_from_a_file(tmp_path: Path) -> None:
    """Numbers that the file leaves out reject their film; without a file the column is refused."""
    (tmp_path / "films.csv").write_text("id,overview,genres\n1,One,7|9\n2,Two,9\n3,Three,11\n")
    with pytest.raises(FilmsError, match=r"write their names into a file for --rename-genres: \{\"7\": \"Drama\", …\}"):
        read_films(str(tmp_path))
    films = read_films(str(tmp_path), ReadOptions(genres=GenreOptions(renames={"7": "Drama", "9": "War"})))
    assert films.genres == ("Drama", "War")
    assert [film["labels"] for film in films.table.to_pylist()] == [[1, 1], [0, 1]]
    assert [reject.detail for reject in films.rejects] == ["the genres hold the number 11"]
