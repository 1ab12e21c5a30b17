"""The two baselines, fitted to the store's training films and scored."""

from __future__ import annotations

import time
from typing import Any

from datasets.store.film_store import Store
from genre_models.metrics.baselines import TfidfBaseline, prior_scores
from genre_models.metrics.comparison import Entrant
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Screen
from ray_jobs.evaluation.eval_films import Judged


def enter_baselines(store: Store, judged: Judged, screen: Screen) -> list[Entrant]:
    """Fit the baselines to the store's training films and let them score the judged and the validation films."""
    screen.status("fitting the baselines")
    labels = {split: store.labels(split) for split in ("train", "validation")}
    overviews = {split: store.table(split, ["overview"])["overview"].to_pylist() for split in labels}
    prior = prior_scores(labels["train"], len(labels["validation"]))
    started = time.monotonic()
    model = TfidfBaseline(overviews["train"], labels["train"])
    fitted = time.monotonic() - started
    tfidf = model.scores(overviews["validation"])
    return [
        Entrant(
            "prior",
            prior_scores(labels["train"], len(judged.labels)),
            tune_thresholds(labels["validation"], prior),
            untrained(
                "Prior",
                "nothing",
                "each genre's share of the training films, the same answer for every film",
                labels["train"].shape[1],
            ),
            prior,
        ),
        Entrant(
            "tfidf",
            model.scores(judged.overviews),
            tune_thresholds(labels["validation"], tfidf),
            untrained(
                "TF-IDF",
                "overview",
                "the overview's words and word pairs, weighted by TF-IDF, with a logistic regression for each genre",
                model.parameters,
                fitted,
            ),
            tfidf,
        ),
    ]


def untrained(label: str, sees: str, what: str, parameters: int, seconds: float = 0.0) -> dict[str, Any]:
    """Return what is told of a model that has no training run: `Entrant.about`."""
    none = dict.fromkeys(("checkpoint", "epoch", "epochs", "config", "recipe", "versions"))
    return {
        "label": label,
        "sees": sees,
        "what": what,
        "parameters": parameters,
        "seconds": seconds,
        "history": [],
        **none,
    }
