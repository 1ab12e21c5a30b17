"""The two baselines, the commonest genres and TF-IDF, fitted to the store's training films."""

from __future__ import annotations

import time
from typing import Any

from datasets.store.film_store import Store
from genre_models.metrics.baselines import TfidfBaseline, prior_scores
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Console
from ray_jobs.evaluation.eval_films import EvalSet


def score_baselines(
    store: Store, eval_set: EvalSet, console: Console
) -> tuple[list[EvaluatedModel], TfidfBaseline | None]:
    """Fit the baselines and score the evaluated and the validation films.

    Also return the TF-IDF model, or None for a store without overviews, which has the other baseline only.
    """
    console.status("fitting the baselines")
    labels = {split: store.labels(split) for split in ("train", "validation")}
    overviews = {split: store.table(split, ["overview"])["overview"].to_pylist() for split in labels}
    prior = prior_scores(labels["train"], len(labels["validation"]))
    frequencies = EvaluatedModel(
        "prior",
        prior_scores(labels["train"], len(eval_set.labels)),
        tune_thresholds(labels["validation"], prior),
        untrained(
            "Commonest genres",
            "nothing",
            "the same answer for every film: each genre's share of the training films",
            labels["train"].shape[1],
        ),
        prior,
    )
    if not store.has("overview"):
        return [frequencies], None
    started = time.monotonic()
    model = TfidfBaseline(overviews["train"], labels["train"])
    fitted = time.monotonic() - started
    tfidf, scores = model.scores(overviews["validation"]), model.scores(eval_set.overviews)
    scoring = {"films": len(tfidf) + len(scores), "seconds": time.monotonic() - started - fitted}
    baselines = [
        frequencies,
        EvaluatedModel(
            "tfidf",
            scores,
            tune_thresholds(labels["validation"], tfidf),
            untrained(
                "TF-IDF",
                "overview",
                "a weight for each word and word pair of the overview, added up (TF-IDF with logistic regression)",
                model.parameters,
                fitted,
            )
            | {"scoring": scoring},
            tfidf,
        ),
    ]
    return baselines, model


def untrained(label: str, modality: str, description: str, parameters: int, seconds: float = 0.0) -> dict[str, Any]:
    """Return `EvaluatedModel.metadata` of a model without a training run."""
    none = dict.fromkeys(("checkpoint", "epoch", "epochs", "config", "recipe", "versions"))
    return {
        "label": label,
        "sees": modality,
        "what": description,
        "parameters": parameters,
        "seconds": seconds,
        "history": [],
        **none,
    }
