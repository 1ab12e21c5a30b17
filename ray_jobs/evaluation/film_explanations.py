"""Explanations of evaluated films by every model: checkpoints in tasks of Ray's, TF-IDF and combinations here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import ray

from datasets.store.film_store import poster_array
from genre_models.explain.combination import combined, rescaled
from genre_models.explain.explanation import Explanation
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.comparison import EvaluatedModel
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.model_folders import stacking_of

Pairs = Sequence[tuple[int, int]]
"""Place of a film among the explained ones, and index of a genre."""
_ByPair = dict[tuple[int, int], Explanation]


def explanations(
    eval_set: EvalSet,
    models: Sequence[EvaluatedModel],
    films: Sequence[int],
    *,
    genres: Mapping[int, int],
    tfidf: TfidfBaseline | None = None,
) -> dict[int, list[dict[str, Any]]]:
    """Return the explanations of films by their numbers, at most one by each model.

    Args:
        eval_set: the films.
        models: the evaluated models; the ensemble after its members.
        films: numbers of the films to explain.
        genres: index of the genre to explain, by a film's number; of other films each model's most probable one.
        tfidf: the fitted TF-IDF model.

    Each is `Explanation.to_plain` without members, with the model's `key` and `label`.
    """
    reasons: dict[int, list[dict[str, Any]]] = {film: [] for film in films}
    if not films:
        return reasons
    overviews = [eval_set.overviews[film] or "" for film in films]
    column = eval_set.store.table("test", ["poster"])["poster"].take(list(films))
    posters = poster_array(column, eval_set.store.manifest.poster_shape)
    whole = [bool(overview) and bool(poster.any()) for overview, poster in zip(overviews, posters, strict=True)]
    asked = {
        m.key: [(place, genres.get(film, int(m.scores[film].argmax()))) for place, film in enumerate(films)]
        for m in models
    }
    members = {m.key: _with_members(m, models, asked) for m in models}
    by_model = _by_checkpoints(models, (overviews, posters), members)
    if tfidf is not None and "tfidf" in members:
        by_model["tfidf"] = _by_tfidf(tfidf, eval_set.store.manifest.genres, overviews, members["tfidf"])
    for model in models:
        if "fused" in model.metadata:
            by_model[model.key] = _by_ensemble(model, by_model, asked[model.key], whole)
        lines = list((model.metadata.get("scaling") or {}).values())
        for place, genre in asked[model.key]:
            if (one := by_model.get(model.key, {}).get((place, genre))) is not None:
                scaled = replace(rescaled(one, lines[genre][0] if lines else 1.0), members={})
                plain = replace(scaled, probability=float(model.scores[films[place], genre])).to_plain()
                reasons[films[place]].append({**plain, "key": model.key, "label": model.metadata["label"]})
    return reasons


def _with_members(model: EvaluatedModel, models: Sequence[EvaluatedModel], asked: Mapping[str, Pairs]) -> Pairs:
    """Return the pairs that a model explains for itself and for its ensembles."""
    ensembles = [one.key for one in models if model.key in (one.metadata.get("fused") or {}).get("weights", {})]
    return sorted({pair for key in (model.key, *ensembles) for pair in asked[key]})


def _by_checkpoints(
    models: Sequence[EvaluatedModel],
    films: tuple[Sequence[str], np.ndarray],
    wanted: Mapping[str, Pairs],
) -> dict[str, _ByPair]:
    """Explain by each checkpoint in a process of Ray's, which imports TensorFlow; average several runs."""
    paths = {m.key: _checkpoints(m) for m in models if _checkpoints(m)}
    if not paths:
        return {}
    shared = ray.put(films)
    task = ray.remote(num_cpus=1)(explain_checkpoint)
    answers = {key: [task.remote(path, shared, wanted[key]) for path in of_model] for key, of_model in paths.items()}
    joint = {m.key for m in models if m.metadata["sees"] == "both"}
    by_model = {}
    for key, runs in answers.items():
        explained = [dict(zip(wanted[key], answer, strict=True)) for answer in ray.get(runs)]
        by_model[key] = {
            pair: _mean(runs_of_pair, takes_both=key in joint)
            for pair in wanted[key]
            if len(runs_of_pair := [own for one in explained if (own := one[pair]) is not None]) == len(explained)
        }
    return by_model


def _checkpoints(model: EvaluatedModel) -> list[str]:
    runs = model.metadata.get("runs") or []
    single = model.metadata.get("checkpoint")
    return [run["checkpoint"] for run in runs] or ([single] if single else [])


def _mean(runs: Sequence[Explanation], *, takes_both: bool) -> Explanation:
    if len(runs) == 1:
        return runs[0]
    named = {f"run-{number}": one for number, one in enumerate(runs, start=1)}
    weights = dict.fromkeys(named, 1 / len(runs))
    return combined(runs[0].genre, runs[0].probability, named, weights, takes_both=takes_both)


def explain_checkpoint(path: str, films: tuple[Sequence[str], np.ndarray], pairs: Pairs) -> list[Explanation | None]:
    """Explain genres of films by the model at a path.

    Args:
        path: a checkpoint or model folder.
        films: their overviews, and posters uint8 [films, height, width, 3], black where there is none.
        pairs: films and genres to explain.

    Returns:
        An explanation for each pair; None for films that lack what the model reads, or whose posters have another size
        than it takes.
    """
    from genre_models.predictors.explain_films import explain_films
    from genre_models.predictors.films import Films
    from genre_models.predictors.load import load_predictor

    predictor, (overviews, posters) = load_predictor(path), films
    if predictor.info.poster_sizes - {(posters.shape[1], posters.shape[2])}:
        return [None] * len(pairs)
    has_poster = posters.reshape(len(posters), -1).max(axis=1, initial=0) > 0
    given = Films(list(overviews), dict.fromkeys(predictor.info.poster_sizes, posters), has_poster)
    has = list(zip(has_poster.tolist(), given.has_overview.tolist(), strict=True))
    able = [pair for pair in pairs if has[pair[0]] in predictor.info.scorable]
    explained = dict(zip(able, explain_films(predictor, given, able), strict=True))
    return [explained.get(pair) for pair in pairs]


def _by_tfidf(model: TfidfBaseline, genres: Sequence[str], overviews: Sequence[str], pairs: Pairs) -> _ByPair:
    """Explain by the exact contributions of words; the probability is set later."""
    words = {place: overviews[place].split() for place, _ in pairs}
    exact = {place: model.contributions(split) for place, split in words.items() if split}
    return {
        (place, genre): Explanation(
            genres[genre], 0.0, words=list(zip(words[place], exact[place][genre].tolist(), strict=True))
        )
        for place, genre in pairs
        if place in exact
    }


def _by_ensemble(
    model: EvaluatedModel, by_model: Mapping[str, _ByPair], pairs: Pairs, whole: Sequence[bool]
) -> _ByPair:
    """Combine the explanations of the members that can read a film; of a whole film, all of them are needed."""
    stacking, explained = stacking_of(model), {}
    for pair in pairs:
        members = {key: by_model[key][pair] for key in stacking.members if pair in by_model.get(key, {})}
        if len(members) == len(stacking.members) or (members and not whole[pair[0]]):
            weights = stacking.member_weights(pair[1], list(members))
            first = next(iter(members.values()))
            explained[pair] = combined(first.genre, 0.0, members, weights, takes_both=model.metadata["sees"] == "both")
    return explained
