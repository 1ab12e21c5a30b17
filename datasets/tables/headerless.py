"""Public files that have no line with the columns' names."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.tables.dialects import Dialect
from datasets.tables.sources import unpacked_name

_MOVIELENS_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


@dataclass(frozen=True)
class Headerless:
    """Columns and layout of a file without a header."""

    names: tuple[str, ...]
    dialect: Dialect


_FILES = {
    # CMU Movie Summary Corpus
    "movie.metadata.tsv": Headerless(
        (
            *("id", "freebase", "title", "release date", "revenue", "runtime", "languages", "countries"),
            "genres",
        ),
        Dialect("\t", quoted=False),
    ),
    "plot_summaries.txt": Headerless(("id", "plot"), Dialect("\t", quoted=False)),
    # MovieLens 1M and 10M, and 100K
    "movies.dat": Headerless(("movieId", "title", "genres"), Dialect("::", quoted=False)),
    "u.item": Headerless(
        ("movieId", "title", "release date", "video release date", "address", *_MOVIELENS_GENRES),
        Dialect("|", quoted=False),
    ),
    # Genre Classification Dataset IMDb, of Kaggle
    "train_data.txt": Headerless(("id", "title", "genre", "description"), Dialect(" ::: ", quoted=False)),
}


def headerless(name: str, first_line: str) -> Headerless | None:
    """Return the columns of a public file without a header; None if it is another, or has a header.

    Args:
        name: the file's path.
        first_line: its first line.
    """
    known = _FILES.get(unpacked_name(name.rpartition("/")[2].lower()))
    fields = first_line.rstrip("\r\n").split(known.dialect.delimiter) if known else []
    return known if known and len(fields) == len(known.names) and fields[0].strip().isdigit() else None


def is_known(name: str) -> bool:
    """Return whether a file has the name of a public one without a header."""
    return unpacked_name(name.rpartition("/")[2].lower()) in _FILES
