"""The sample's text: overviews, titles and small print, generated from a small grammar.

An overview mentions the given genres. Each genre has six clauses ("plans one last heist with a clumsy gang") with a
few key words, frequent enough for a small text model to learn. Everything else (people, jobs, places, animals,
asides) is independent of the genres.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasets.sample.words import (
    ANIMALS,
    ASIDES,
    CLAUSES,
    CREDITS,
    FOLLOWS,
    JOBS,
    MANNERS,
    NAMES,
    NEUTRAL,
    OPENINGS,
    PLACES,
    SURNAMES,
    THINGS,
    TITLES,
)

MAX_WORDS = 90


def _pick(rng: np.random.Generator, entries: Sequence[str]) -> str:
    return entries[int(rng.integers(len(entries)))]


def _shuffled(rng: np.random.Generator, entries: Sequence[str]) -> list[str]:
    """Return the entries in random order."""
    return [entries[int(k)] for k in rng.permutation(len(entries))]


def _with_article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


class _Cast(NamedTuple):
    """The people of an overview, all different, and the home of the first one."""

    hero: str
    surname: str
    friend: str
    other: str
    home: str


def _draw_cast(rng: np.random.Generator) -> _Cast:
    hero, friend, other = (NAMES[int(n)] for n in rng.permutation(len(NAMES))[:3])
    return _Cast(hero, _pick(rng, SURNAMES), friend, other, _pick(rng, PLACES))


def _slots(rng: np.random.Generator, cast: _Cast) -> dict[str, str]:
    """Sample the values for one sentence's placeholders; the cast is shared by sentences."""
    job, animal, thing = _pick(rng, JOBS), _pick(rng, ANIMALS), _pick(rng, THINGS)
    place = _pick(rng, [name for name in PLACES if name != cast.home])
    return {
        "name": f"{cast.hero} {cast.surname}",
        "first": cast.hero,
        "friend": cast.friend,
        "other": cast.other,
        "home": cast.home,
        "place": place,
        "age": str(rng.integers(19, 92)),
        "job": job,
        "a_job": _with_article(f"{_pick(rng, MANNERS)} {job}"),
        "animal": animal,
        "an_animal": _with_article(animal),
        "thing": thing,
        "a_thing": _with_article(thing),
    }


def _sentence(rng: np.random.Generator, cast: _Cast, frame: str, clauses: Sequence[str] = ()) -> str:
    filled = " and ".join(clause.format(**_slots(rng, cast)) for clause in clauses)
    return frame.format(clause=filled, **_slots(rng, cast))


def _genre_clauses(rng: np.random.Generator, genres: Sequence[str]) -> list[str]:
    """Sample one clause for every mention, in random order and without repetition."""
    clauses: list[str] = []
    for place in rng.permutation(len(genres)):
        clauses.append(_pick(rng, [clause for clause in CLAUSES[genres[place]] if clause not in clauses]))
    return clauses


def write_overview(genres: Sequence[str], rng: np.random.Generator) -> str:
    """Generate one overview of 1 to 4 sentences, 8 to `MAX_WORDS` words.

    Args:
        genres: the genres to mention, at most five; may be empty. A genre given twice is mentioned twice.
        rng: the random generator.

    Raises:
        KeyError: when a genre has no clauses (N/A, News, Reality-TV and Short have none).
    """
    cast = _draw_cast(rng)
    neutral, follows, asides = (_shuffled(rng, lines) for lines in (NEUTRAL, FOLLOWS, ASIDES))
    clauses = _genre_clauses(rng, genres) or [neutral.pop()]
    sentences = int(rng.choice([1, 2, 3, 4], p=[0.52, 0.33, 0.11, 0.04]))
    max_concurrent = 2 if len(clauses) > sentences or rng.random() < 0.2 else 1
    parts = [_sentence(rng, cast, _pick(rng, OPENINGS), clauses[:max_concurrent])]
    clauses = clauses[max_concurrent:]
    while clauses or len(parts) < sentences:
        if not clauses and rng.random() < 0.5:
            parts.append(_sentence(rng, cast, asides.pop()))
            continue
        clause = clauses.pop() if clauses else neutral.pop()
        parts.append(_sentence(rng, cast, follows.pop(), [clause]))
    while sum(len(part.split()) for part in parts) > MAX_WORDS:
        parts.pop()
    return " ".join(parts)


def write_title(rng: np.random.Generator) -> str:
    """Generate a title of two to five words, independent of the genres."""
    slots = {key: value.title() for key, value in _slots(rng, _draw_cast(rng)).items()}
    title = _pick(rng, TITLES).format(manner=_pick(rng, MANNERS).title(), **slots)
    return title.replace("'S ", "'s ")


def write_credit(rng: np.random.Generator) -> str:
    """Generate a poster's line of small print."""
    return _pick(rng, CREDITS).format(**_slots(rng, _draw_cast(rng)))
