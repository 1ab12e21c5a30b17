"""The evaluated films as records: labels, probabilities, thumbnails, and which of them stand out."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import ray
from PIL import Image

from datasets.store.film_store import poster_array
from genre_models.metrics import film_findings
from genre_models.metrics.classification import top3_recalls
from genre_models.metrics.comparison import EvaluatedModel
from ray_jobs.evaluation.eval_films import EvalSet

MOST_FILMS = 5_000
"""Films with a thumbnail: those that surprised the models most. `scores.csv` has all films."""
_HEIGHT, _QUALITY = 132, 55  # of a thumbnail; about 3 kB
_AT_ONCE = 250  # posters decoded in memory


def film_records(
    eval_set: EvalSet,
    models: Sequence[EvaluatedModel],
    genres: Sequence[str],
    *,
    explained: int = 0,
    examples: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return a record of every film, most surprising first.

    Args:
        eval_set: the films.
        models: the evaluated models.
        genres: names of the genres.
        explained: films to explain, the examples and then the most surprising ones; 0 for none.
        examples: ids of films that are explained first.

    Each has `id`, `overview`, `genres`, `probabilities` of each model in the order of `genres`, `top3_recall` of each
    model, `surprise` (mean binary cross-entropy over the models that see the film),
    `suspects` (genres of the label that all of them contradict, with the kind) and `poster_jpeg`, a thumbnail in
    base64 or None, and `explanations` of the most probable genre by each checkpoint.
    """
    seeing = [m.scores for m in models if m.metadata["sees"] != "nothing"] or [m.scores for m in models]
    surprise = film_findings.surprise(eval_set.labels, seeing)
    suspects = film_findings.suspects(eval_set.labels, seeing)
    recalls = {m.key: top3_recalls(eval_set.labels, m.scores) for m in models}
    order = np.argsort(-surprise, kind="stable").tolist()
    posters = dict(zip(order[:MOST_FILMS], _thumbnails(eval_set, order[:MOST_FILMS]), strict=True))
    first = [film for film in order if eval_set.ids[film] in examples]
    reasons = _explanations(eval_set, models, [*first, *(film for film in order if film not in first)][:explained])
    return [
        {
            "id": eval_set.ids[film],
            "overview": eval_set.overviews[film],
            "genres": [genres[g] for g in np.flatnonzero(eval_set.labels[film]).tolist()],
            "probabilities": {m.key: [float(p) for p in m.scores[film]] for m in models},
            "top3_recall": {key: float(recall[film]) for key, recall in recalls.items()},
            "surprise": float(surprise[film]),
            "suspects": [{"genre": genres[one.genre], "kind": one.kind} for one in suspects[film]],
            "poster_jpeg": posters.get(film),
            "explanations": reasons.get(film, []),
        }
        for film in order
    ]


def _explanations(
    eval_set: EvalSet, models: Sequence[EvaluatedModel], films: Sequence[int]
) -> dict[int, list[dict[str, Any]]]:
    """Return the explanations of films by their numbers, one for each checkpoint.

    Each checkpoint is loaded by a task, in a process of Ray's: it imports TensorFlow.
    """
    reasons: dict[int, list[dict[str, Any]]] = {film: [] for film in films}
    if not films:
        return reasons
    column = eval_set.store.table("test", ["poster"])["poster"].take(list(films))
    posters = poster_array(column, eval_set.store.manifest.poster_shape)
    overviews = [eval_set.overviews[film] or "" for film in films]
    task = ray.remote(num_cpus=1)(explain_checkpoint)
    asked = [
        (model, task.remote(model.metadata["checkpoint"], overviews, posters, model.scores[films].argmax(axis=1)))
        for model in models
        if model.metadata.get("checkpoint") and not model.metadata.get("runs")
    ]
    for model, answer in asked:
        for film, reason in zip(films, ray.get(answer), strict=True):
            if reason is not None:
                reasons[film].append({**reason, "label": model.metadata["label"]})
    return reasons


def explain_checkpoint(
    path: str, overviews: Sequence[str], posters: np.ndarray, genres: Sequence[int]
) -> list[dict[str, Any] | None]:
    """Explain a genre of each film by the model at a path.

    Args:
        path: a checkpoint or model folder.
        overviews: the films' texts.
        posters: uint8 [films, height, width, 3].
        genres: index of a genre for each film.

    Returns:
        `Explanation.to_plain` without members; None for films that lack what the model reads, or whose posters have
        another size than it takes.
    """
    from genre_models.predictors.explain_films import explain_films
    from genre_models.predictors.films import Films
    from genre_models.predictors.load import load_predictor

    predictor = load_predictor(path)
    size = (posters.shape[1], posters.shape[2])
    if predictor.info.poster_sizes - {size}:
        return [None] * len(overviews)
    has_poster = posters.reshape(len(posters), -1).max(axis=1, initial=0) > 0
    films = Films(list(overviews), dict.fromkeys(predictor.info.poster_sizes, posters), has_poster)
    given = zip(has_poster.tolist(), films.has_overview.tolist(), strict=True)
    able = [film for film, one in enumerate(given) if one in predictor.info.scorable]
    explained = explain_films(predictor, films, [(film, int(genres[film])) for film in able])
    plain = {film: {**one.to_plain(), "members": {}} for film, one in zip(able, explained, strict=True)}
    return [plain.get(film) for film in range(len(overviews))]


def _thumbnails(eval_set: EvalSet, films: Sequence[int]) -> list[str]:
    thumbnails = []
    for start in range(0, len(films), _AT_ONCE):
        for jpeg in eval_set.posters(films[start : start + _AT_ONCE]):
            thumbnails.append(base64.b64encode(_thumbnail(jpeg)).decode("ascii"))
    return thumbnails


def _thumbnail(jpeg: bytes) -> bytes:
    """Return a poster as a smaller JPEG."""
    with Image.open(io.BytesIO(jpeg)) as image:
        width = max(1, min(2 * _HEIGHT, round(image.width * _HEIGHT / image.height)))
        small = image.convert("RGB").resize((width, _HEIGHT), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, format="JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()
