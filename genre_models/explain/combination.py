"""The explanation by an ensemble, put together from its members'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from PIL import Image

from genre_models.explain.explanation import Explanation


def combined(
    genre: str,
    probability: float,
    members: Mapping[str, Explanation],
    weights: Mapping[str, float],
    *,
    takes_both: bool,
) -> Explanation:
    """Combine the explanations of one film's genre by several models.

    Words add up with the weights: an ensemble's logit is the weighted sum of its members', so that their contributions
    are those to its own logit. Heats are averaged with the weights of those that have one, on the finest grid.

    Args:
        genre: the genre.
        probability: as the ensemble predicts it.
        members: at least one explanation, by key.
        weights: of each member's logit for this genre, by key.
        takes_both: whether the ensemble takes posters and overviews, so that one has a share against the other.
    """
    texts = {key: one.words for key, one in members.items() if one.words}
    words = [word for word, _ in next(iter(texts.values()), [])]
    contributions = np.zeros(len(words))
    for key, text in texts.items():
        contributions += weights[key] * np.array([contribution for _, contribution in text])
    heats = {key: one.heat for key, one in members.items() if one.heat is not None}
    return Explanation(
        genre,
        probability,
        _mean_heat({key: heat for key, heat in heats.items() if heat is not None}, weights),
        list(zip(words, contributions.tolist(), strict=True)),
        _poster_share(members, weights) if takes_both else None,
        dict(members),
    )


def rescaled(explanation: Explanation, slope: float) -> Explanation:
    """Return an explanation of a logit that is `slope` times the former one."""
    return replace(explanation, words=[(word, slope * contribution) for word, contribution in explanation.words])


def scaled(heat: np.ndarray) -> np.ndarray:
    """Return a heat float32 in 0..1, relative to its largest value; all 0 if none is above 0."""
    heat = np.maximum(np.asarray(heat, np.float32), 0)
    largest = float(heat.max(initial=0))
    return heat / largest if largest > 0 else np.zeros_like(heat)


def _mean_heat(heats: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray | None:
    if not heats:
        return None
    rows, columns = (max(heat.shape[axis] for heat in heats.values()) for axis in (0, 1))
    total = np.zeros((rows, columns), np.float32)
    for key, heat in heats.items():
        fine = heat
        if heat.shape != (rows, columns):
            fine = np.asarray(Image.fromarray(heat).resize((columns, rows), Image.Resampling.BILINEAR))
        total += weights[key] * fine
    return scaled(total)


def _poster_share(members: Mapping[str, Explanation], weights: Mapping[str, float]) -> float | None:
    """Return the mean of the members' shares by their weights; a member of posters alone has 1, of overviews 0."""
    shares = {
        key: (1.0 if one.heat is not None else 0.0) if one.poster_share is None else one.poster_share
        for key, one in members.items()
    }
    sizes = {key: abs(weights[key]) for key in members}
    total = sum(sizes.values())
    return sum(sizes[key] * shares[key] for key in members) / total if total else None
