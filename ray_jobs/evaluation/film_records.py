"""The evaluated films as records: labels, probabilities, thumbnails, and which of them stand out."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from genre_models.metrics import film_findings
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.classification import top3_recalls
from genre_models.metrics.comparison import EvaluatedModel
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.film_explanations import explanations

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
    showing: Mapping[int, int] | None = None,
    tfidf: TfidfBaseline | None = None,
) -> list[dict[str, Any]]:
    """Return a record of every film, most surprising first.

    Args:
        eval_set: the films.
        models: the evaluated models.
        genres: names of the genres.
        explained: films to explain: those of `showing`, the examples, and then the most surprising ones; 0 for none.
        examples: ids of example films.
        showing: genres by the number of the film that shows them, which is explained for that genre.
        tfidf: the fitted TF-IDF model, if it is among the models.

    Each has `id`, `overview`, `genres`, `probabilities` of each model in the order of `genres`, `top3_recall` of each
    model, `surprise` (mean binary cross-entropy over the models that see the film),
    `suspects` (genres of the label that all of them contradict, with the kind) and `poster_jpeg`, a thumbnail in
    base64 or None, and `explanations` of a genre by each model.
    """
    seeing = [m.scores for m in models if m.metadata["sees"] != "nothing"] or [m.scores for m in models]
    surprise = film_findings.surprise(eval_set.labels, seeing)
    suspects = film_findings.suspects(eval_set.labels, seeing)
    recalls = {m.key: top3_recalls(eval_set.labels, m.scores) for m in models}
    order = np.argsort(-surprise, kind="stable").tolist()
    posters = dict(zip(order[:MOST_FILMS], _thumbnails(eval_set, order[:MOST_FILMS]), strict=True))
    shown = dict(showing or {})
    first = [*shown, *(film for film in order if eval_set.ids[film] in examples), *order]
    reasons = explanations(eval_set, models, list(dict.fromkeys(first))[:explained], genres=shown, tfidf=tfidf)
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
