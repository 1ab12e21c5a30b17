"""The example films by kind, for HTML and Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.report.comparison.tables import names
from genre_models.report.findings.comparison_query import label, trained
from genre_models.report.style.formats import number
from genre_models.report.style.table import Cell

# A longer overview (in characters) is collapsed to a few lines on its card.
LONG = 240


@dataclass(frozen=True)
class Answer:
    """A model's three most probable genres for a film: (genre, probability, whether the film has it)."""

    model: Cell
    guesses: list[tuple[str, float, bool]]
    hits: int
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


def groups(comparison: Mapping[str, Any]) -> list[tuple[str, list[Card]]]:
    """Return the example films by the title of their kind, first kinds first."""
    kinds: dict[str, list[Card]] = {}
    for film in comparison.get("example_films") or []:
        kinds.setdefault(_title(comparison, str(film.get("kind") or "films")), []).append(_card(comparison, film))
    return list(kinds.items())


@dataclass(frozen=True)
class Proof:
    """A film of the first screen that one model gets right and another wrong."""

    title: str
    card: Card


def proofs(comparison: Mapping[str, Any]) -> list[Proof]:
    """Return a film where the poster beats the overview and one the other way.

    Without models of one input each, they are a film that the first model gets right and one that it gets wrong.
    """
    models = comparison["models"]
    sees = {str(models[key].get("sees")): key for key in reversed(trained(comparison))}
    poster, overview = sees.get("poster", ""), sees.get("overview", "")
    wanted = [
        (f"{poster} right, {overview} wrong", "The poster says more"),
        (f"{overview} right, {poster} wrong", "The overview says more"),
    ]
    films = comparison.get("example_films") or []
    if not poster or not overview:
        first = next(iter(trained(comparison)), "")
        wanted = [(f"{first} right", "Found"), (f"{first} wrong", "Not found")]
    chosen = [(next((film for film in films if film.get("kind") == kind), None), title) for kind, title in wanted]
    return [Proof(title, _card(comparison, film)) for film, title in chosen if film is not None]


def _title(comparison: Mapping[str, Any], kind: str) -> str:
    """Replace model keys by their labels, `cnn right` by `Poster CNN right`."""
    words, models = kind.replace(",", " ,").split(" "), comparison["models"]
    title = " ".join(label(comparison, word) if word in models else word for word in words).replace(" ,", ",")
    return title[0].upper() + title[1:]


def _card(comparison: Mapping[str, Any], film: Mapping[str, Any]) -> Card:
    top3, main = film.get("top3") or {}, trained(comparison)
    answers = {
        key: _answer(name, top3[key], film["genres"]) for key, name in names(comparison).items() if top3.get(key)
    }
    return Card(
        film=str(film["id"]),
        overview=str(film.get("overview") or ""),
        genres=list(film["genres"]),
        poster=film.get("poster_jpeg") or None,
        main=[answer for key, answer in answers.items() if key in main],
        others=[answer for key, answer in answers.items() if key not in main],
    )


def _answer(model: Cell, top: list[Any], genres: list[str]) -> Answer:
    guesses = [(str(genre), number(chance) or 0.0, genre in genres) for genre, chance in top]
    return Answer(model, guesses, sum(hit for _, _, hit in guesses), min(3, len(genres)))
