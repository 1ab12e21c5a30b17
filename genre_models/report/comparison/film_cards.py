"""The example films by kind, as texts for HTML and Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.report.findings.comparison_query import label, trained
from genre_models.report.style.formats import films, listed, number, percent

# A longer overview (in characters) is collapsed to a few lines on its card.
LONG = 240


@dataclass(frozen=True)
class Guess:
    """One of a model's three most probable genres for a film."""

    genre: str
    probability: float
    hit: bool


@dataclass(frozen=True)
class Answer:
    """A model's three most probable genres for a film, with the number of hits."""

    key: str
    guesses: list[Guess]
    found: int
    wanted: int


@dataclass(frozen=True)
class Card:
    """One film with the answers of trained models (`main`) and of baselines and ensembles (`others`)."""

    film: str
    overview: str
    genres: list[str]
    poster: str | None
    main: list[Answer]
    others: list[Answer]

    @property
    def long(self) -> bool:
        """Return whether the overview is too long for its card."""
        return len(self.overview) > LONG


@dataclass(frozen=True)
class Group:
    """Films of one kind with a title and a sentence."""

    title: str
    sentence: str
    cards: list[Card]


def groups(comparison: Mapping[str, Any]) -> list[Group]:
    """Return the example films by kind, in the order in which kinds first appear."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for film in comparison.get("example_films") or []:
        kinds.setdefault(str(film.get("kind") or ""), []).append(film)
    return [
        Group(
            _title(comparison, kind),
            _sentence(comparison, shown),
            [_card(comparison, film) for film in shown],
        )
        for kind, shown in kinds.items()
    ]


def _title(comparison: Mapping[str, Any], kind: str) -> str:
    title = _named(comparison, kind) or "Films"
    return title[0].upper() + title[1:]


def _named(comparison: Mapping[str, Any], text: str) -> str:
    """Replace model keys in a text by their labels, `cnn right` by `Poster CNN right`."""
    words, models = text.replace(",", " ,").split(" "), comparison["models"]
    return " ".join(label(comparison, word) if word in models else word for word in words).replace(" ,", ",")


def _sentence(comparison: Mapping[str, Any], shown: list[Mapping[str, Any]]) -> str:
    """Return the mean top-3 recall of each trained model on these films."""
    shares = []
    for key in trained(comparison):
        scores = [score for film in shown if (score := number((film.get("score") or {}).get(key))) is not None]
        if scores:
            shares.append(f"{label(comparison, key)} {percent(sum(scores) / len(scores))}")
    if not shares:
        return f"{films(len(shown))}."
    return f"{films(len(shown))}. Of the true genres, found among the first three: {listed(shares)}."


def _card(comparison: Mapping[str, Any], film: Mapping[str, Any]) -> Card:
    top3, main = film.get("top3") or {}, trained(comparison)
    answers = {key: _answer(key, top3[key], film["genres"]) for key in comparison["models"] if top3.get(key)}
    return Card(
        film=str(film["id"]),
        overview=str(film.get("overview") or ""),
        genres=list(film["genres"]),
        poster=film.get("poster_jpeg") or None,
        main=[answer for key, answer in answers.items() if key in main],
        others=[answer for key, answer in answers.items() if key not in main],
    )


def _answer(key: str, top: list[Any], genres: list[str]) -> Answer:
    guesses = [Guess(str(genre), number(chance) or 0.0, genre in genres) for genre, chance in top]
    return Answer(key, guesses, sum(guess.hit for guess in guesses), min(3, len(genres)))
