"""Explanations of predictions: each kind of predictor's attributions to regions of posters and words of overviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from datasets.text.vocabulary import Vocabulary
from genre_models.explain import occlusion
from genre_models.explain.combination import combined, rescaled, scaled
from genre_models.explain.explanation import Explanation
from genre_models.explain.network import NetworkAttributions
from genre_models.metrics.calibration import PlattScaling, logits
from genre_models.predictors.ensemble import EnsemblePredictor, MeanPredictor
from genre_models.predictors.films import Films
from genre_models.predictors.network import NetworkPredictor
from genre_models.predictors.predictor import Predictor
from genre_models.predictors.tfidf import TfidfPredictor

Pairs = Sequence[tuple[int, int]]
"""Index of a film and index of a genre, of each explanation."""


@singledispatch
def explain_films(predictor: Any, films: Films, pairs: Pairs) -> list[Explanation]:
    """Explain predictions of genres, each of a film that the predictor can score.

    Args:
        predictor: any kind of `genre_models.predictors`.
        films: the films.
        pairs: films and genres to explain.

    Returns:
        An explanation for each pair.

    Raises:
        TypeError: the predictor is of another kind.
    """
    del films, pairs
    raise TypeError(f"a {type(predictor).__name__} has no explanations")


@explain_films.register
def _(predictor: TfidfPredictor, films: Films, pairs: Pairs) -> list[Explanation]:
    scores, genres = predictor.scores(films), predictor.info.genres
    contributions = {film: predictor.model.contributions(films.overviews[film].split()) for film, _ in pairs}
    return [
        Explanation(
            genres[genre],
            float(scores[film, genre]),
            words=_words(films, film, _slope(predictor.scaling, genre) * contributions[film][genre]),
        )
        for film, genre in pairs
    ]


@explain_films.register
def _(predictor: EnsemblePredictor, films: Films, pairs: Pairs) -> list[Explanation]:
    return _of_members(predictor, predictor.members, predictor.model.member_weights, films, pairs)


@explain_films.register
def _(predictor: MeanPredictor, films: Films, pairs: Pairs) -> list[Explanation]:
    labels = [member.info.label for member in predictor.members]
    keys = [label if labels.count(label) == 1 else f"{label} ({n})" for n, label in enumerate(labels, start=1)]

    def weights(_: int, present: Sequence[str]) -> dict[str, float]:
        return dict.fromkeys(present, 1 / len(present))

    return _of_members(predictor, dict(zip(keys, predictor.members, strict=True)), weights, films, pairs)


def _of_members(
    predictor: EnsemblePredictor | MeanPredictor,
    members: Mapping[str, Predictor],
    weights: Any,
    films: Films,
    pairs: Pairs,
) -> list[Explanation]:
    """Explain by each member that can score a film, and combine."""
    scores, by_pair = predictor.scores(films), [dict[str, Explanation]() for _ in pairs]
    has = list(zip(films.has_poster.tolist(), films.has_overview.tolist(), strict=True))
    for key, member in members.items():
        able = [place for place, (film, _) in enumerate(pairs) if has[film] in member.info.scorable]
        for place, one in zip(able, explain_films(member, films, [pairs[place] for place in able]), strict=True):
            by_pair[place][key] = one
    return [
        rescaled(
            combined(
                predictor.info.genres[genre],
                float(scores[film, genre]),
                explained,
                weights(genre, list(explained)),
                takes_both=bool(predictor.info.poster_sizes) and predictor.info.uses_overview,
            ),
            _slope(predictor.scaling, genre),
        )
        for (film, genre), explained in zip(pairs, by_pair, strict=True)
    ]


@explain_films.register
def _(predictor: NetworkPredictor, films: Films, pairs: Pairs) -> list[Explanation]:
    if not pairs:
        return []
    # The films asked for, each once.
    rows = sorted({film for film, _ in pairs})
    films, place = films.take(np.array(rows)), {film: row for row, film in enumerate(rows)}
    task = _Task(predictor, films, [(place[film], genre) for film, genre in pairs])
    scores = predictor.scores(films)
    heats, words, shares = task.heats(), task.words(), task.poster_shares()
    return [
        Explanation(
            predictor.info.genres[genre],
            float(scores[film, genre]),
            heats[number] if heats is not None and films.has_poster[film] else None,
            _words(films, film, words[number]) if words is not None else [],
            None if shares is None else float(shares[film, genre]),
        )
        for number, (film, genre) in enumerate(task.pairs)
    ]


@dataclass(frozen=True)
class _Task:
    """Films and genres that a network is to explain."""

    predictor: NetworkPredictor
    films: Films
    pairs: Pairs

    def heats(self) -> list[np.ndarray] | None:
        """Return each pair's heat in 0..1; None if the network takes no posters."""
        network = self.predictor.network
        if "poster" not in network.inputs.sources:
            return None
        attributions = _attributions(self.predictor)
        if attributions.has_heat:
            return [scaled(heat) for heat in attributions.heat(*self._rows())]
        by_film = {film: self._occluded(film) for film, _ in self.pairs if self.films.has_poster[film]}
        nothing = np.zeros((len(network.checkpoint.genres), occlusion.GRID, occlusion.GRID))
        return [scaled(by_film.get(film, nothing)[genre]) for film, genre in self.pairs]

    def words(self) -> list[np.ndarray] | None:
        """Return the contributions of each pair's words; None if the network takes no overviews."""
        network = self.predictor.network
        if "overview" not in network.inputs.sources:
            return None
        split = [overview.split() for overview in self.films.overviews]
        attributions = _attributions(self.predictor)
        if attributions.has_words and isinstance(network.tokenizer, Vocabulary):
            tokens = attributions.tokens(*self._rows())
            counts = [network.tokenizer.count_tokens(words) for words in split]
            return [_sums(tokens[n], counts[film]) for n, (film, _) in enumerate(self.pairs)]
        by_film = {film: self._without_words(film, split[film]) for film, _ in self.pairs}
        return [by_film[film][genre] for film, genre in self.pairs]

    def poster_shares(self) -> np.ndarray | None:
        """Return the poster's share by film and genre; None for a network without a gate."""
        network, attributions = self.predictor.network, _attributions(self.predictor)
        if not attributions.has_gate:
            return None
        shares = np.empty((len(self.films), len(network.checkpoint.genres)))
        for rows, inputs in network.batches(*self.predictor.table(self.films)):
            shares[rows] = attributions.poster_shares(inputs)[: len(rows)]
        shares[~self.films.has_poster] = 0.0
        return shares

    def _rows(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the network's inputs and the genre of each pair."""
        films, genres = np.array(self.pairs).T
        return [one[films] for one in self.predictor.network.arrays(*self.predictor.table(self.films))], genres

    def _occluded(self, film: int) -> np.ndarray:
        (size,) = self.predictor.info.poster_sizes

        def score(posters: np.ndarray) -> np.ndarray:
            there = np.ones(len(posters), bool)
            overviews = [self.films.overviews[film]] * len(posters)
            return logits(self.predictor.scores(Films(overviews, {size: posters}, there)))

        return occlusion.occluded_regions(self.films.posters[size][film], score)

    def _without_words(self, film: int, words: list[str]) -> np.ndarray:
        same = self.films.take(np.array([film]))

        def score(overviews: list[str]) -> np.ndarray:
            copies = same.take(np.zeros(len(overviews), int))
            scores = self.predictor.scores(replace(copies, overviews=overviews))
            # Without its only word a film has no overview: some networks cannot score it.
            return np.nan_to_num(logits(scores))

        return occlusion.left_out_words(words, score) if words else np.zeros((len(self.predictor.info.genres), 0))


def _attributions(predictor: NetworkPredictor) -> NetworkAttributions:
    """Return the attributions of a network, which is cut once."""
    if predictor.attributions is None:
        network = predictor.network
        predictor.attributions = NetworkAttributions(network.model, pretrained=bool(network.inputs.pretrained))
    return predictor.attributions


def _sums(tokens: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Sum the contributions of each word's tokens; words beyond the longest length have none."""
    ends = np.cumsum(counts)
    return np.array([tokens[end - count : end].sum() for end, count in zip(ends, counts, strict=True)], np.float64)


def _words(films: Films, film: int, contributions: np.ndarray) -> list[tuple[str, float]]:
    return list(zip(films.overviews[film].split(), np.asarray(contributions).tolist(), strict=True))


def _slope(scaling: PlattScaling | None, genre: int) -> float:
    return float(scaling.slopes[genre]) if scaling else 1.0
