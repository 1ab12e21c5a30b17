"""Synthetic films in the coursework's layout, to run everything without the real data.

    folder/IMDB_overview_genres.csv     Id, Genre, one 0/1 column per genre, Overview
    folder/Images/<Id>.jpg              posters, 300 by 444 pixels

The genres follow the real file's long tail (every second film a Drama, one in 170 a Western) and plausible
co-occurrence. Poster and overview each carry part of the labels, so that each model can learn something, neither can
learn everything, and their errors differ. `_GENRES` below defines the design:

- mostly in the poster (motif and palette in 7 to 9 of 10 films, key words in 4 of 10): Animation, Fantasy, Horror,
  Musical, Romance, Sci-Fi, Sport, War, Western; Family leans this way;
- mostly in the overview (key words in 5 to 9 of 10, motif in 2 to 3 of 10): Biography, Comedy, Crime, Documentary,
  Drama, History, Music, Mystery, Thriller;
- in both, half the time each: Action, Adventure.

Noise: a poster has room for two motifs, the second one small; one film in eight has a motif and one in five a clause
of a wrong genre; most sentences contain uninformative words.

Trained on 840 films and tested on 240, mean average precision (prior 0.11) is about 0.5 from the overviews (TF-IDF
and logistic regression) and about 0.4 from the posters (random forest on 16 by 16 pixels).
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.sample.overviews import write_credit, write_overview, write_title
from datasets.sample.posters import draw_poster
from datasets.storage import atomic

CSV_NAME = "IMDB_overview_genres.csv"
IMAGES_NAME = "Images"


class _GenreDesign(NamedTuple):
    """Sampling weight, and probabilities that the poster (`shown`) or overview (`mentioned`) has the genre."""

    weight: float
    shown: float
    mentioned: float


# The weights are fitted so that `_draw_genres` reproduces the shares of the real file.
_GENRES: dict[str, _GenreDesign] = {
    "Action": _GenreDesign(7.8, 0.50, 0.50),
    "Adventure": _GenreDesign(4.4, 0.50, 0.50),
    "Animation": _GenreDesign(1.1, 0.85, 0.40),
    "Biography": _GenreDesign(1.7, 0.20, 0.80),
    "Comedy": _GenreDesign(23, 0.25, 0.60),
    "Crime": _GenreDesign(6, 0.25, 0.80),
    "Documentary": _GenreDesign(2.8, 0.30, 0.85),
    "Drama": _GenreDesign(25, 0.20, 0.55),
    "Family": _GenreDesign(2, 0.60, 0.40),
    "Fantasy": _GenreDesign(3, 0.80, 0.40),
    "History": _GenreDesign(0.75, 0.30, 0.80),
    "Horror": _GenreDesign(3.9, 0.85, 0.40),
    "Music": _GenreDesign(1.5, 0.25, 0.80),
    "Musical": _GenreDesign(0.4, 0.70, 0.40),
    "Mystery": _GenreDesign(2.2, 0.25, 0.80),
    "N/A": _GenreDesign(0, 0, 0),
    "News": _GenreDesign(0, 0, 0),
    "Reality-TV": _GenreDesign(0, 0, 0),
    "Romance": _GenreDesign(7, 0.75, 0.40),
    "Sci-Fi": _GenreDesign(2, 0.85, 0.40),
    "Short": _GenreDesign(0, 0, 0),
    "Sport": _GenreDesign(1, 0.85, 0.40),
    "Thriller": _GenreDesign(5.8, 0.25, 0.75),
    "War": _GenreDesign(0.7, 0.80, 0.40),
    "Western": _GenreDesign(0.25, 0.90, 0.40),
}
GENRES: tuple[str, ...] = tuple(_GENRES)
_DRAWN = tuple(genre for genre, design in _GENRES.items() if design.weight > 0)
_COUNT_SHARES = (0.20, 0.36, 0.36, 0.08)
_FALSE_MOTIF, _FALSE_CLAUSE, _SECOND_CLAUSE = 0.12, 0.20, 0.15

# Co-occurrence of two genres relative to chance; 1 for other pairs.
_COMPANY: dict[tuple[str, str], float] = {
    ("Action", "Adventure"): 4.0,
    ("Action", "Crime"): 2.0,
    ("Action", "Sci-Fi"): 3.0,
    ("Action", "Thriller"): 2.0,
    ("Action", "Romance"): 0.3,
    ("Action", "Documentary"): 0.05,
    ("Adventure", "Animation"): 4.0,
    ("Adventure", "Family"): 3.0,
    ("Adventure", "Fantasy"): 3.0,
    ("Animation", "Family"): 6.0,
    ("Animation", "Comedy"): 2.0,
    ("Animation", "Horror"): 0.1,
    ("Biography", "Drama"): 2.5,
    ("Biography", "History"): 5.0,
    ("Biography", "Documentary"): 3.0,
    ("Comedy", "Romance"): 2.0,
    ("Comedy", "Family"): 2.0,
    ("Comedy", "Horror"): 0.3,
    ("Comedy", "Thriller"): 0.2,
    ("Comedy", "War"): 0.3,
    ("Comedy", "Documentary"): 0.2,
    ("Crime", "Thriller"): 3.0,
    ("Crime", "Mystery"): 3.0,
    ("Crime", "Drama"): 1.5,
    ("Documentary", "Drama"): 0.1,
    ("Documentary", "Music"): 3.0,
    ("Documentary", "Romance"): 0.05,
    ("Drama", "Romance"): 1.5,
    ("Drama", "War"): 3.0,
    ("Drama", "History"): 3.0,
    ("Family", "Fantasy"): 3.0,
    ("Family", "Horror"): 0.05,
    ("Family", "Crime"): 0.2,
    ("History", "War"): 4.0,
    ("Horror", "Mystery"): 3.0,
    ("Horror", "Thriller"): 3.0,
    ("Horror", "Romance"): 0.2,
    ("Music", "Musical"): 4.0,
    ("Music", "Romance"): 1.5,
    ("Mystery", "Thriller"): 3.0,
    ("Sport", "Drama"): 2.0,
}


def _company_table() -> np.ndarray:
    """Return symmetric factors float64 [genres, genres] of `_DRAWN`, diagonal 0: no genre is sampled twice."""
    table = np.ones((len(_DRAWN), len(_DRAWN)))
    for (first, second), factor in _COMPANY.items():
        i, j = _DRAWN.index(first), _DRAWN.index(second)
        table[i, j] = table[j, i] = factor
    np.fill_diagonal(table, 0)
    return table


_MEETS = _company_table()
_WEIGHTS = np.array([_GENRES[genre].weight for genre in _DRAWN])


@dataclass(frozen=True)
class SampleFilm:
    """A synthetic film: `genres` in file order, `poster_jpeg` of 300 by 444 pixels."""

    id: str
    genres: tuple[str, ...]
    overview: str
    poster_jpeg: bytes


def _draw_one(weights: np.ndarray, rng: np.random.Generator) -> int:
    """Sample an index in proportion to the weights."""
    return int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum(), side="right"))


def _draw_genres(rng: np.random.Generator) -> tuple[str, ...]:
    """Sample one to four genres by weight and by co-occurrence with the previous ones."""
    count = 1 + _draw_one(np.array(_COUNT_SHARES), rng)
    weights, chosen = _WEIGHTS, []
    for _ in range(count):
        chosen.append(_draw_one(weights, rng))
        weights = weights * _MEETS[chosen[-1]]
    return tuple(_DRAWN[k] for k in sorted(chosen))


def _another_genre(genres: Sequence[str], rng: np.random.Generator) -> str:
    """Sample uniformly a genre that the film does not have."""
    others = [genre for genre in _DRAWN if genre not in genres]
    return others[int(rng.integers(len(others)))]


def _shown_genres(genres: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Sample the genres whose motif the poster gets, in the order of its places."""
    shown = [genre for genre in genres if rng.random() < _GENRES[genre].shown]
    if rng.random() < _FALSE_MOTIF:
        shown.append(_another_genre(genres, rng))
    return [shown[k] for k in rng.permutation(len(shown))]


def _mentioned_genres(genres: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Sample the genres that the overview mentions, once for every clause."""
    mentioned = [genre for genre in genres if rng.random() < _GENRES[genre].mentioned]
    mentioned += [genre for genre in mentioned if rng.random() < _SECOND_CLAUSE]
    if rng.random() < _FALSE_CLAUSE:
        mentioned.append(_another_genre(genres, rng))
    return mentioned[:5]


def draw_film(index: int, *, seed: int) -> SampleFilm:
    """Generate film number `index` (from 0) of the sample with this seed.

    It depends on the two numbers alone (with the same NumPy and Pillow), so films can be generated in any order, on
    any machine, and film 7 is the same in a sample of 10 and of 10,000.

    Raises:
        ValueError: when either number is negative.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"A film's index and seed must not be negative, got index {index}, seed {seed}.")
    # A random stream for each part: a change to the grammar leaves genres and posters unchanged.
    genre_rng, text_rng, poster_rng = np.random.default_rng([seed, index]).spawn(3)
    genres = _draw_genres(genre_rng)
    shown, mentioned = _shown_genres(genres, genre_rng), _mentioned_genres(genres, genre_rng)
    overview = write_overview(mentioned, text_rng)
    poster = draw_poster(shown, write_title(text_rng), write_credit(text_rng), poster_rng)
    return SampleFilm(id=f"sample-{index:06d}", genres=genres, overview=overview, poster_jpeg=poster)


def csv_header() -> list[str]:
    """Return the column names of the CSV, in file order."""
    return ["Id", "Genre", *GENRES, "Overview"]


def csv_row(film: SampleFilm) -> list[str]:
    """Return a film's fields in the order of `csv_header`; `Genre` is a Python list literal."""
    flags = [str(int(genre in film.genres)) for genre in GENRES]
    return [film.id, str(list(film.genres)), *flags, film.overview]


def _write_into(folder: Path, films: int, seed: int, progress: Callable[[int], None] | None) -> None:
    images = folder / IMAGES_NAME
    images.mkdir()
    with (folder / CSV_NAME).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(csv_header())
        for index in range(films):
            film = draw_film(index, seed=seed)
            (images / f"{film.id}.jpg").write_bytes(film.poster_jpeg)
            rows.writerow(csv_row(film))
            if progress is not None:
                progress(index + 1)


def is_sample_id(film: str) -> bool:
    """Return whether an id is one of the sample's."""
    return bool(re.fullmatch(r"sample-\d{6,}", film))


def write_sample(folder: str | Path, *, films: int, seed: int, progress: Callable[[int], None] | None = None) -> None:
    """Write a sample of `films` films: the CSV and a poster each.

    It is written to a work folder next to `folder` and published when complete: see `atomic.new_folder`.

    Args:
        folder: the target; must be new or empty. Missing parents are created.
        films: number of films, at least 1.
        seed: not negative; the same seed gives the same bytes.
        progress: called after every film with the number of films written so far.

    Raises:
        ValueError: when `films` is below 1 or `seed` negative.
        FileExistsError: when `folder` is a file or not empty.
    """
    target = Path(folder).absolute()
    if films < 1:
        raise ValueError(f"A sample needs at least 1 film, got films={films}.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is there already: remove it or name another folder for the sample.")
    with atomic.new_local_folder(target, last=CSV_NAME, own=lambda _: True) as work:
        _write_into(work, films, seed, progress)
