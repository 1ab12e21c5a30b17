"""Small invented films in the layouts of public data sets."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.datasets.raw.dirty_films import drawn

OVERVIEWS = (
    "A retired diver looks for her lost brother in a town by the sea.",
    "Two sisters inherit a mill, and the miller with it.",
    "The village baker, “Étienne”, must win one last race.",
    "An honest thief falls in love on the eve of the trial.",
    "A night nurse writes letters to nobody, and someone answers.",
    "The clock of the old school stops, and with it the town.",
)
TITLES = ("The Diver", "Mill, and Sisters", "Le Boulanger", "Honest", "Nights", "The Clock")
GENRES = (
    ("Drama", "Romance"),
    ("Comedy",),
    ("Comedy", "Drama"),
    ("Crime", "Romance"),
    ("Drama",),
    ("Science Fiction",),
)
FILMS = len(TITLES)


def csv_text(rows: Sequence[Sequence[object]], delimiter: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def jpeg(number: int) -> bytes:
    stream = io.BytesIO()
    drawn(number, (20, 30)).save(stream, "JPEG")
    return stream.getvalue()


def write_posters(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(jpeg(number))


def objects(names: Sequence[str]) -> list[dict[str, object]]:
    """Genres as TMDB writes them."""
    return [{"id": 10 + len(name), "name": name} for name in names]


def tmdb_5000(folder: Path) -> None:
    header = ["budget", "genres", "homepage", "id", "keywords", "overview", "popularity", "revenue", "runtime", "title"]
    rows = [
        [237000000 * n, json.dumps(objects(GENRES[n])), "", 19995 + n, "[]", OVERVIEWS[n], 150.4, 0, 100 + n, TITLES[n]]
        for n in range(FILMS)
    ]
    (folder / "tmdb_5000_movies.csv").write_text(csv_text([header, *rows]), "utf-8")
    credits = [["movie_id", "title", "cast", "crew"], *([19995 + n, TITLES[n], "[]", "[]"] for n in range(FILMS))]
    (folder / "tmdb_5000_credits.csv").write_text(csv_text(credits), "utf-8")


def tmdb_metadata(folder: Path) -> None:
    """Python lists, a broken row, posters named as the poster path."""
    header = ["adult", "budget", "genres", "id", "imdb_id", "overview", "poster_path", "revenue", "title", "video"]
    rows = [
        [
            "False",
            30000000,
            str(objects(GENRES[n])),
            862 + n,
            f"tt011470{n}",
            OVERVIEWS[n],
            f"/p{n}.jpg",
            0,
            *(TITLES[n], "False"),
        ]
        for n in range(FILMS)
    ]
    text = csv_text([header, *rows]) + " - Written by Ørnås\n0.065736,/ff9qCepilowshEtG2GYWwzt2bs4.jpg,[]\n"
    (folder / "movies_metadata.csv").write_text(text, "utf-8")
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")
    (folder / "ratings.csv").write_text("userId,movieId,rating\n1,1,4.0\n")
    write_posters(folder / "posters", [f"p{n}.jpg" for n in range(FILMS)])


def movielens(folder: Path) -> None:
    rows = [[n + 1, f"{TITLES[n]} (1995)", "|".join(GENRES[n])] for n in range(FILMS)]
    rows.append([FILMS + 1, "Unknown (2001)", "(no genres listed)"])
    (folder / "movies.csv").write_text(csv_text([["movieId", "title", "genres"], *rows]), "utf-8")
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,964982703\n")
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,1,fun,964982703\n")
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")
    write_posters(folder / "MLP-20M", [f"{n + 1}.jpg" for n in range(FILMS)])


def omdb(folder: Path) -> None:
    films = [
        {"Title": TITLES[n], "Year": "1995", "Genre": ", ".join(GENRES[n]), "Plot": OVERVIEWS[n], "imdbID": f"tt00{n}"}
        | {"Poster": f"https://example.org/images/M{n}._V1_SX300.jpg", "imdbVotes": "1,024", "Response": "True"}
        for n in range(FILMS)
    ]
    films[4]["Plot"] = "N/A"
    (folder / "omdb.jsonl").write_text("".join(json.dumps(film) + "\n" for film in films), "utf-8")
    write_posters(folder / "Images", [f"tt00{n}.jpg" for n in range(FILMS)])


def kaggle_posters(folder: Path) -> None:
    """Windows-1252, ids without leading zeros, addresses of posters, no overview."""
    posters = "https://images.example.org/M/{}@._V1_UX182.jpg"
    header = ["imdbId", "Imdb Link", "Title", "IMDB Score", "Genre", "Poster"]
    rows = [
        [
            114709 + n,
            f"http://www.imdb.com/title/tt{114709 + n}",
            f"Café {TITLES[n]}",
            7.1,
            "|".join(GENRES[n]),
            posters.format(n),
        ]
        for n in range(FILMS)
    ]
    (folder / "MovieGenre.csv").write_bytes(csv_text([header, *rows]).encode("cp1252"))
    write_posters(folder / "SampleMoviePosters" / "SampleMoviePosters", [f"{114709 + n}.jpg" for n in range(FILMS)])


def mm_imdb(folder: Path) -> None:
    """A JSON file and a JPEG for each film, the id being the file's name; several plots."""
    (folder / "dataset").mkdir()
    for n in range(FILMS):
        film = {"title": TITLES[n], "genres": list(GENRES[n]), "plot": ["Short.", OVERVIEWS[n]], "rating": 7.5}
        film |= {"cast": [{"name": "A"}, {"name": "B"}], "runtimes": ["90"]}
        (folder / "dataset" / f"006866{n}.json").write_text(json.dumps(film))
        (folder / "dataset" / f"006866{n}.jpeg").write_bytes(jpeg(n))


def netflix(folder: Path) -> None:
    header = ["show_id", "type", "title", "director", "release_year", "rating", "listed_in", "description"]
    rows = [[f"s{n}", "Movie", TITLES[n], "", 2020, "PG", ", ".join(GENRES[n]), OVERVIEWS[n]] for n in range(FILMS)]
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("netflix_titles.csv", csv_text([header, *rows]))


def letterboxd(folder: Path) -> None:
    """Overviews in one table, in another a row for each film and genre, addresses of posters in a third."""
    films = [[1000001 + n, TITLES[n], "2023.0", OVERVIEWS[n], "114.0"] for n in range(FILMS)]
    (folder / "movies.csv").write_text(csv_text([["id", "name", "date", "description", "minute"], *films]), "utf-8")
    genres = [[1000001 + n, name] for n in range(FILMS) for name in GENRES[n]]
    (folder / "genres.csv").write_text(csv_text([["id", "genre"], *genres]), "utf-8")
    links = [[1000001 + n, f"https://example.org/{n}-0-230-0-345-crop.jpg?v=1b"] for n in range(FILMS)]
    (folder / "posters.csv").write_text(csv_text([["id", "link"], *links]), "utf-8")
    (folder / "actors.csv").write_text("id,name,role\n1000001,A,B\n")
    write_posters(folder / "posters", [f"{1000001 + n}.jpg" for n in range(FILMS)])


def cmu_summaries(folder: Path) -> None:
    """Two files without a header, genres as a JSON object; a third of people."""
    texts = [f"{23890098 + n}\t{OVERVIEWS[n]}\n" for n in range(FILMS)]
    (folder / "plot_summaries.txt").write_text("".join(texts), "utf-8")
    lines = []
    for n in range(FILMS):
        genres = json.dumps({f"/m/0{n}{place}": name for place, name in enumerate(GENRES[n])})
        lines.append(f'{23890098 + n}\t/m/03{n}\t{TITLES[n]}\t2001\t\t98.0\t{{"/m/02": "English"}}\t{{}}\t{genres}\n')
    (folder / "movie.metadata.tsv").write_text("".join(lines), "utf-8")
    (folder / "character.metadata.tsv").write_text("975900\t/m/03vyhn\t2001-08-24\tAkooshay\n")
    (folder / "README.txt").write_text("Documents\n")


def imdb_basics(folder: Path) -> None:
    r"""\N where nothing is known, quotes as plain characters."""
    lines = ["tconst\ttitleType\tprimaryTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres"]
    for n in range(FILMS):
        lines.append(f'tt{n:07d}\tmovie\t"{TITLES[n]}" II\t0\t{1894 + n}\t\\N\t\\N\t{",".join(GENRES[n])}')
    lines.append("tt0000009\tmovie\tNothing\t0\t1999\t\\N\t\\N\t\\N")
    (folder / "title.basics.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    write_posters(folder / "posters", [f"tt{n:07d}.jpg" for n in range(FILMS)])


def movielens_1m(folder: Path) -> None:
    """Latin-1, double colons, no header."""
    lines = [f"{n + 1}::Amélie: {TITLES[n]} (1995)::{'|'.join(GENRES[n])}\n" for n in range(FILMS)]
    (folder / "movies.dat").write_bytes("".join(lines).encode("cp1252"))
    write_posters(folder / "posters", [f"{n + 1}.jpg" for n in range(FILMS)])


def wikipedia_plots(folder: Path) -> None:
    """No ids, plots of several lines, unknown genres."""
    rows = [
        [
            1901 + n,
            TITLES[n],
            "American",
            ", ".join(GENRES[n]),
            f"https://example.org/wiki/{n}",
            OVERVIEWS[n] + "[1]\r\n",
        ]
        for n in range(FILMS)
    ]
    rows.append([1990, "Nobody", "American", "unknown", "https://example.org/wiki/Nobody", "Nobody knows."])
    header = ["Release Year", "Title", "Origin/Ethnicity", "Genre", "Wiki Page", "Plot"]
    (folder / "wiki_movie_plots_deduped.csv").write_text(csv_text([header, *rows]), "utf-8")


NUMBERS = {"Comedy": 35, "Crime": 80, "Drama": 18, "Romance": 10749, "Science Fiction": 878}


def tmdb_pages(folder: Path) -> None:
    """Answers of TMDB's lists: genres by number, in pages of two films."""
    films = [
        {"adult": False, "genre_ids": [NUMBERS[name] for name in GENRES[n]], "id": 550 + n, "overview": OVERVIEWS[n]}
        | {"poster_path": f"/p{n}.jpg", "title": TITLES[n], "video": False, "vote_count": 26}
        for n in range(FILMS)
    ]
    for page in range(3):
        answer = {"page": page + 1, "results": films[2 * page : 2 * page + 2], "total_pages": 3}
        (folder / f"page{page + 1}.json").write_text(json.dumps(answer), "utf-8")
    write_posters(folder / "posters", [f"p{n}.jpg" for n in range(FILMS)])


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "tmdb_5000": tmdb_5000,
    "tmdb_metadata": tmdb_metadata,
    "movielens": movielens,
    "omdb": omdb,
    "kaggle_posters": kaggle_posters,
    "mm_imdb": mm_imdb,
    "netflix": netflix,
    "letterboxd": letterboxd,
    "cmu_summaries": cmu_summaries,
    "imdb_basics": imdb_basics,
    "movielens_1m": movielens_1m,
    "wikipedia_plots": wikipedia_plots,
    "tmdb_pages": tmdb_pages,
}
