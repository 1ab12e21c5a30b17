"""The page of a prediction: films with their bars, a search, and what was predicted of all films."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genre_models.report.style.formats import count, cut, films, listed, percent
from genre_models.report.style.render import html

SEARCH = Path(__file__).parent / "search.js"
MOST_FILMS = 1_000
"""Films on a page, at most; the table has all."""
MOST_POSTERS = 200
"""Films with a poster, at most: each takes some 10 kB."""
_MOST_CHARACTERS = 600  # of an overview
_LEAST_SHARE, _LEAST = 0.2, 0.1  # of a film's strongest word, and in logits: weaker words are not marked
_STRONG = 0.5  # logits of a word in full colour, if no other is stronger


@dataclass(frozen=True)
class Bar:
    """One of a film's most probable genres."""

    genre: str
    probability: float
    threshold: float
    chosen: bool

    @property
    def width(self) -> str:
        """Return the bar's length in percent, as CSS takes it."""
        return f"{100 * self.probability:.1f}"

    @property
    def mark(self) -> str:
        """Return the place of the threshold in percent, as CSS takes it."""
        return f"{100 * self.threshold:.1f}"


@dataclass(frozen=True)
class Word:
    """A word of an explained overview."""

    text: str
    strength: str = ""
    """0 to 1, relative to the film's strongest word, as CSS takes it; empty for a word that is not marked."""
    against: bool = False
    """Whether it speaks against the genre."""


@dataclass(frozen=True)
class Why:
    """The explanation of a film's most probable genre."""

    genre: str
    words: list[Word]
    shares: str
    """Shares of poster and overview, in words; empty for a model that takes only one."""
    heat: str | None
    """The poster with its heat, a JPEG in base64."""


@dataclass(frozen=True)
class Card:
    """A film on the page."""

    film: str
    overview: str
    poster: str | None
    bars: list[Bar]
    chosen: list[str]
    note: str
    why: Why | None


def prediction_page(prediction: Mapping[str, Any]) -> str:
    """Return the HTML page of a prediction, with all external text escaped.

    Args:
        prediction: "model" (its description), "paths" of the models, "genres", "thresholds", "films" (number
            predicted), "rejects" (numbers by reason), "problems" (number predicted without their poster), "counts"
            (films by chosen genre), "files" (names of the table and of the rejects), "created", "command", and
            "shown": for some films "id", "overview", "poster_jpeg" (base64 or None), "top" ([genre, probability],
            best first), "chosen", "note", and "why" where it is explained: "genre", "words" ([word, contribution]),
            "poster_share" (or None) and "heat_jpeg" (base64 or None).
    """
    return html(
        "prediction.html",
        script=SEARCH,
        prediction=prediction,
        title=_title(prediction),
        lead=_lead(prediction),
        cards=[_card(film, prediction) for film in prediction["shown"][:MOST_FILMS]],
        genres=_genres(prediction),
        explained=sum(1 for film in prediction["shown"][:MOST_FILMS] if film.get("why")),
    )


def _title(prediction: Mapping[str, Any]) -> str:
    return f"The genres of {films(prediction['films'])}"


def _lead(prediction: Mapping[str, Any]) -> str:
    """Return the sentences below the title."""
    sentences = [f"Predicted by {prediction['model']}."]
    if usual := [f"{genre} ({percent(share)})" for genre, _, share in _genres(prediction)[:3]]:
        sentences.append(f"Most films are {listed(usual)}.")
    if prediction["problems"]:
        were = "was" if prediction["problems"] == 1 else "were"
        sentences.append(f"{films(prediction['problems'])} had an unusable poster and {were} predicted without it.")
    rejected = sum(prediction["rejects"].values())
    if rejected:
        reasons = listed([f"{reason} ({count(number)})" for reason, number in prediction["rejects"].items()], most=4)
        sentences.append(f"{films(rejected)} could not be predicted: {reasons}.")
    if len(prediction["shown"]) < prediction["films"]:
        sentences.append(f"Below are the first {count(len(prediction['shown']))}.")
    return " ".join(sentences)


def _genres(prediction: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """Return the chosen genres with the number and share of their films, most first."""
    total = max(1, prediction["films"])
    counts = sorted(prediction["counts"].items(), key=lambda item: -item[1])
    return [(genre, number, number / total) for genre, number in counts if number]


def _card(film: Mapping[str, Any], prediction: Mapping[str, Any]) -> Card:
    thresholds = dict(zip(prediction["genres"], prediction["thresholds"], strict=True))
    bars = [
        Bar(genre, float(probability), float(thresholds[genre]), genre in film["chosen"])
        for genre, probability in film["top"]
    ]
    return Card(
        film=str(film["id"]),
        overview=cut(str(film["overview"] or ""), _MOST_CHARACTERS),
        poster=film["poster_jpeg"] or None,
        bars=bars,
        chosen=list(film["chosen"]),
        note=str(film["note"] or ""),
        why=_why(film["why"]) if film.get("why") else None,
    )


def _why(why: Mapping[str, Any]) -> Why:
    share = why["poster_share"]
    shares = "" if share is None else f"poster {percent(share)}, overview {percent(1 - share)}"
    return Why(str(why["genre"]), _words(why["words"]), shares, why["heat_jpeg"] or None)


def _words(words: Sequence[tuple[str, float]]) -> list[Word]:
    """Return the words of an overview that a card shows, the strong ones marked."""
    strongest = max([_STRONG, *(abs(contribution) for _, contribution in words)])
    marked, characters = [], 0
    for word, contribution in words:
        characters += len(word) + 1
        if characters > _MOST_CHARACTERS:
            marked.append(Word("…"))
            break
        size = abs(contribution)
        is_marked = size >= max(_LEAST, _LEAST_SHARE * strongest)
        marked.append(Word(word, f"{size / strongest:.2f}" if is_marked else "", contribution < 0))
    return marked
