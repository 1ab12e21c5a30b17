"""The columns of a table of films: which is the id, the overview, the genres, the poster, and which are ignored."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets.tables.genre_values import BLANK, TMDB_GENRES, binary_label, names_of
from datasets.tables.ids import simple
from datasets.tables.tables import FILE_KEY

# Usual names as `simple` writes them. Each next group is looked at where none of those before is there.
_ID = (
    ("id", "imdbid", "tmdbid", "movieid"),
    ("showid", "filmid", "titleid", "imdbtitleid", "tconst", "const"),
    ("movieimdblink", "imdblink", "imdburl"),
)
_OVERVIEW = (
    ("overview", "plot", "description", "summary"),
    ("synopsis", "storyline", "plotsynopsis", "plotsummary", "plotoutline", "movieinfo"),
    ("text", "caption"),
)
GENRE_NUMBERS = "genreids"
"""Column of TMDB's numbers of genres."""
_GENRES = (
    ("genres", "genre", "listedin"),
    ("genrenames", "genrelist", "moviegenre", "moviegenres"),
    (GENRE_NUMBERS,),
)
# One genre each: genre_1, genre_2, genre_3, of which the first may have no number.
_NUMBERED_GENRE = re.compile(r"genres?\d*")
_POSTER = (
    ("poster", "posterpath", "image"),
    ("posterurl", "posterlink", "imagepath", "imagefile", "img", "imgpath", "filename", "filepath"),
)
# Yes or no of a film, but never a genre.
_FLAGS = frozenset({"adult", "isadult", "video", "isvideo", "hasposter", "hasoverview"})
# Numbers of a film, which may happen to be 0 or 1 in all of a table.
_NUMBERS = frozenset(
    (
        *("budget", "revenue", "gross", "boxoffice", "runtime", "duration", "year", "releaseyear", "startyear"),
        *("rating", "score", "metascore", "imdbscore", "imdbrating", "averagerating", "popularity", "rank", "index"),
        *("votes", "numvotes", "imdbvotes", "votecount", "voteaverage", "awards", "wins", "nominations", "likes"),
    )
)
USUAL_NAMES = (*(name for names in (*_ID, *_OVERVIEW[:2], *_GENRES, *_POSTER) for name in names), "title")
"""Names by which a file's delimiter is recognised."""
_LONGEST_NAME = 40  # characters shown
ROW = "row"
"""Choice of an id column that numbers the films by their rows."""


@dataclass(frozen=True)
class Choices:
    """Columns that the user named; "" leaves the choice to `find_columns`."""

    id: str = ""
    overview: str = ""
    genre: str = ""
    poster: str = ""
    labelled: bool = True
    """Whether genres are needed; without, films that have no id are numbered by their rows."""
    renamed: frozenset[str] = frozenset()
    """Genres that get other names, which may be numbers before."""


@dataclass(frozen=True)
class Columns:
    """Places of a table's columns; None or empty where there is none."""

    names: list[str]
    id: int | None
    """None where films are numbered by their rows."""
    overview: int | None
    genre: int | None
    """The column that lists genres."""
    labels: list[int]
    """Columns of 0 and 1, one a genre; empty where there is a column that lists them."""
    poster: int | None
    other_ids: list[int]
    """Further columns by which posters may be named."""
    ignored: list[str]
    """Names of the others, some with the reason."""
    problems: list[str]
    """Why these columns cannot be used, in sentences."""
    lacks_genres_alone: bool = False
    """Whether no column says the genres, and nothing else is wrong but which column is the id."""
    id_places: list[int] = field(default_factory=list)
    """All columns that may hold ids."""
    further_genres: list[int] = field(default_factory=list)
    """Columns with a film's other genres where `genre` holds its first one alone: genre_1, genre_2, genre_3."""

    @property
    def has_genres(self) -> bool:
        """Return whether a column lists the genres, or columns of 0 and 1 do."""
        return self.genre is not None or bool(self.labels)

    @property
    def id_name(self) -> str:
        """Return the name of the id's column, "" where films are numbered."""
        return "" if self.id is None else self.names[self.id]

    @property
    def used(self) -> list[str]:
        """Return the names of the columns that are read."""
        single = [self.id, self.overview, self.genre, self.poster]
        return [self.names[c] for c in (*single, *self.labels, *self.other_ids, *self.further_genres) if c is not None]


def find_columns(names: Sequence[str], rows: Sequence[Sequence[Any]], chosen: Choices) -> Columns:
    """Assign a table's columns by their names and by the values of its first rows.

    Args:
        names: of the columns.
        rows: first records, as long as `names`.
        chosen: columns that the user named.
    """
    finder = _Finder(list(names), rows)
    by_row = chosen.id == ROW and ROW not in names
    film = None if by_row else finder.one("id", _ID, chosen.id, needed=chosen.labelled)
    overview = finder.one("overview", _OVERVIEW, chosen.overview)
    numbered = [] if chosen.genre else finder.numbered_genres()
    if numbered:
        genre: int | None = numbered[0]
    else:
        genre = finder.one("genre", _GENRES, chosen.genre) if chosen.labelled else finder.first(_GENRES)
    poster = finder.one("poster", _POSTER, chosen.poster)
    id_places = [c for c, name in enumerate(names) if simple(name) in (*_ID[0], *_ID[1])]
    other_ids = [c for c, name in enumerate(names) if c != film and (c in id_places or name == FILE_KEY)]
    taken = {film, overview, genre, poster, *other_ids, *numbered}
    labels = finder.labels(taken)
    lacks_genres_alone = False
    if not chosen.labelled:
        finder.ignored.clear()
    elif genre is not None and labels and not chosen.genre and finder.same(genre, labels):
        finder.ignored.append(f"{names[genre]} (says the same as the columns of 0 and 1)")
        genre, numbered = None, []
    elif genre is not None:
        finder.ignored += [f"{names[c]} (0 and 1, but {names[genre]} lists the genres)" for c in labels]
        labels = []
        finder.check_genre(genre, chosen.renamed)
    elif not labels and not finder.problems_of("genre"):
        lacks_genres_alone = len(finder.problems_of("id")) == len(finder.problems)
        finder.problems.append(finder.no_genre())
    read = {*taken, *labels} if chosen.labelled else taken - {genre, *numbered}
    left = [name for c, name in enumerate(names) if c not in read and name]
    told = {text.split(" (")[0] for text in finder.ignored}
    finder.ignored += [name for name in left if name not in told]
    single = (film, overview, genre, labels, poster)
    found = (*single, other_ids, finder.ignored, finder.problems)
    return Columns(list(names), *found, lacks_genres_alone, id_places, numbered[1:])


class _Finder:
    """Search for columns that collects all problems."""

    def __init__(self, names: list[str], rows: Sequence[Sequence[Any]]) -> None:
        self.names, self.rows = names, rows
        self.problems: list[str] = []
        self.ignored: list[str] = []

    def problems_of(self, option: str) -> list[str]:
        return [problem for problem in self.problems if f"--{option}-column" in problem]

    def one(self, option: str, usual: Sequence[Sequence[str]], chosen: str, *, needed: bool = False) -> int | None:
        """Return the column chosen, or the only one with a usual name."""
        if chosen:
            return self._chosen(option, chosen)
        for names in usual:
            places = [c for c, name in enumerate(self.names) if simple(name) in names]
            if len(places) > 1:
                places = self._filled(places) or places
            if len(places) > 1:
                more = f" or {len(places) - 4} more" if len(places) > 4 else ""
                shown = " or ".join(repr(self.names[c]) for c in places[:4]) + more
                self.problems.append(f"which column is the {option}, {shown}? Name it with --{option}-column.")
                return None
            if places:
                return places[0]
        if needed:
            self.problems.append(self._missing(option, usual))
        return None

    def first(self, usual: Sequence[Sequence[str]]) -> int | None:
        """Return the first column with a usual name."""
        return next((c for names in usual for c, name in enumerate(self.names) if simple(name) in names), None)

    def numbered_genres(self) -> list[int]:
        """Return two or more columns of one genre each, by their names; none where they hold 0 and 1."""
        places = [c for c, name in enumerate(self.names) if _NUMBERED_GENRE.fullmatch(simple(name))]
        texts = [c for c in places if not_binary([row[c] for row in self.rows])]
        is_numbered = len({simple(self.names[c]).rstrip("0123456789") for c in places}) == 1 and len(places) > 1
        numbers = {simple(self.names[c]) for c in places}
        return texts if is_numbered and len(numbers) == len(places) and any(self._filled(texts)) else []

    def _chosen(self, option: str, chosen: str) -> int | None:
        exact = [c for c, name in enumerate(self.names) if name == chosen]
        places = exact or [c for c, name in enumerate(self.names) if simple(name) == simple(chosen)]
        if places:
            return places[0]
        close = difflib.get_close_matches(chosen, self.names, n=1)
        near = f" Did you mean {close[0]!r}?" if close else ""
        self.problems.append(f"there is no column {chosen!r} (--{option}-column): {self._shown()}.{near}")
        return None

    def _filled(self, places: list[int]) -> list[int]:
        """Return the columns of which a value is not blank."""
        return [c for c in places if any(not is_blank(row[c]) for row in self.rows)]

    def _shown(self) -> str:
        names = [repr(f"{name[:_LONGEST_NAME]}…" if len(name) > _LONGEST_NAME else name) for name in self.names]
        names = [name for name in names if name not in ("''", repr(FILE_KEY))]
        return f"the columns are {', '.join(names[:12])}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")

    def _missing(self, option: str, usual: Sequence[Sequence[str]]) -> str:
        others = {name for names in (*_ID, *_OVERVIEW, *_GENRES, *_POSTER) for name in names} - {*usual[0]}
        by_small = {simple(name): name for name in self.names if name and simple(name) not in others}
        close = [by_small[m] for name in usual[0] for m in difflib.get_close_matches(name, by_small, n=1, cutoff=0.75)]
        close += [name for name in self.names if option == "id" and simple(name).endswith("id")]
        near = f" Is it {close[0]!r}?" if close else ""
        numbered = f" (--id-column {ROW} numbers the films)" if option == "id" else ""
        if any(is_number(name) for name in self.names):
            near += " The first line seems to be a film: put a line with the columns' names above it."
        return f"no column is the {option}: {self._shown()}.{near} Name it with --{option}-column{numbered}."

    def no_genre(self) -> str:
        names = "" if self.problems_of("id") else f": {self._shown()}"  # once is enough
        return (
            f"nothing says the genres{names}. Name the column that lists them with --genre-column, or have "
            "a column of 0 and 1 for each genre."
        )

    # -- genres -------------------------------------------------------------------------------------------------------

    def labels(self, taken: set[int | None]) -> list[int]:
        """Return the columns of 0 and 1."""
        places = []
        for c, name in enumerate(self.names):
            if c in taken or not name or name.casefold().startswith("unnamed:") or simple(name).endswith("id"):
                continue
            wrong = not_binary([row[c] for row in self.rows])
            if simple(name) in _FLAGS | _NUMBERS and not wrong:
                self.ignored.append(f"{name} (no genre)")
            elif not wrong:
                places.append(c)
        return places

    def same(self, genre: int, labels: Sequence[int]) -> bool:
        """Return whether a column of lists repeats the columns of 0 and 1."""
        listed = {simple(name) for row in self.rows for name in names_of(row[genre]) or ()}
        columns = {simple(self.names[c]) for c in labels}
        return listed <= columns and (not listed or 2 * len(listed) >= len(columns))

    def check_genre(self, genre: int, renamed: frozenset[str]) -> None:
        """Add a problem for a column that lists numbers without names, or nothing."""
        name = self.names[genre]
        listed = [text for row in self.rows[:200] for text in names_of(row[genre]) or ()]
        if self.rows and not any(names_of(row[genre]) != () for row in self.rows):
            self.problems.append(f"the column {name!r} lists no genre in the first {len(self.rows)} films.")
        elif listed and all(is_number(text) for text in listed) and not renamed.intersection(listed):
            if simple(name) == GENRE_NUMBERS and not set(TMDB_GENRES).isdisjoint(listed):
                return
            self.problems.append(
                f"the column {name!r} holds numbers ({', '.join(listed[:3])}), not genres. Name another with "
                f'--genre-column, or write their names into a file for --rename-genres: {{"{listed[0]}": "Drama", …}}.'
            )


def not_binary(values: Sequence[Any]) -> str:
    """Return why a column of these values is none of 0 and 1, or ""."""
    given = [value for value in values if not is_blank(value)]
    if not given:
        return "empty"
    wrong = Counter(str(value) for value in given if binary_label(value) is None)
    return "other values" if is_other(len(values), len(given) - wrong.total(), wrong) else ""


def is_other(films: int, binary: int, wrong: Counter[str]) -> bool:
    """Return whether a column with these values other than 0 and 1 is no genre.

    A few wrong values cost their films; a column of numbers or texts would cost most of them.

    Args:
        films: number of values, blanks included.
        binary: number of values that are 0 and 1 in any spelling, not blank.
        wrong: the other values.
    """
    bad = wrong.total()
    if bad > binary:
        return True
    numbers = {float(text) for text in wrong if is_number(text)}
    if films < 20:  # too few to tell a slip from a column of numbers
        return bool(numbers)
    return bad > films / 20 or (len(numbers) > 2 and bad > films / 200)


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def is_blank(value: Any) -> bool:
    """Return whether a value says nothing: None, NaN, white space, "N/A" and the like."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().casefold() in BLANK
