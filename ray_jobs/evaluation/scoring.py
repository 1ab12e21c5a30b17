"""What checkpoints say of films, and several runs of one kind as one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.store.feature_store import fed_of
from datasets.store.film_store import Store
from genre_models.metrics import classification
from genre_models.metrics.comparison import Entrant, figure
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Countdown, Screen
from ray_jobs.evaluation.candidates import Found
from ray_jobs.evaluation.eval_films import Judged
from ray_jobs.evaluation.predict import predict_splits
from ray_jobs.inputs.feature_extraction import with_encoder, with_features

# What is told of each of several runs, by its name there.
_OF_A_RUN = {
    "loss": "loss",
    "mean_average_precision": "mean_average_precision",
    "micro_f1": "at_tuned_micro_f1",
    "macro_f1": "at_tuned_macro_f1",
}


@dataclasses.dataclass(frozen=True)
class Scored:
    """A checkpoint with what it says of the judged films and, where asked for, of the validation films."""

    found: Found
    entrant: Entrant


def score(
    found: Found, store: Store, judged: Judged, screen: Screen, *, use_gpu: bool, validate: bool = False
) -> Scored:
    """Let a checkpoint's model, loaded once, score the judged films and, with `validate`, the store's validation
    films."""
    about, timer = found.about, Countdown()
    kind, label = about.model_kind, f"{about.model_kind.label} ({found.run})"
    screen.status(f"{label}: loading")
    wanted = [(judged.store, "test"), *([(store, "validation")] if validate else [])]
    fed: dict[str, Any] = {}
    for films, split in wanted:
        fed = with_features(with_encoder(about), films, (split,), screen, use_gpu=use_gpu).features
    number = sum(films.manifest.films[split] for films, split in wanted)
    scores = predict_splits(
        wanted,
        found.path,
        sees=kind.sees,
        features=fed_of(fed),
        use_gpu=use_gpu,
        progress=lambda done: screen.status(f"{label}: {done:,} of {number:,} films{timer.left(done, number)}"),
    )
    entrant = Entrant(
        about.kind,
        scores[0],
        np.array(about.thresholds),
        {
            "label": kind.label,
            "sees": kind.sees,
            "what": kind.what,
            "checkpoint": found.path,
            "epoch": about.epoch,
            "epochs": len(about.history),
            "parameters": about.parameters,
            "seconds": sum(epoch.seconds for epoch in about.history),
            "config": dataclasses.asdict(about.config),
            "recipe": dataclasses.asdict(about.recipe),
            "versions": about.versions,
            "history": [dataclasses.asdict(epoch) for epoch in about.history],
        },
        scores[1] if validate else None,
    )
    return Scored(found, entrant)


def enter_runs(scored: Sequence[Scored], store: Store, judged: Judged) -> Entrant:
    """Return one model: the only run as it is, or the mean of the probabilities of several runs of one kind.

    The mean has thresholds of its own, tuned on the validation films, and the history and settings of the run with the
    lowest validation loss; `runs` in its `about` has each run's own figures on the judged films.
    """
    if len(scored) == 1:
        return scored[0].entrant
    members = [one.entrant for one in scored]
    best = min(scored, key=lambda one: one.found.about.figures.validation_loss).entrant
    validation = np.mean([one.validation for one in members if one.validation is not None], axis=0)
    return Entrant(
        best.key,
        np.mean([one.scores for one in members], axis=0),
        tune_thresholds(store.labels("validation"), validation),
        {
            **best.about,
            "what": f"mean of {len(members)} runs of {best.about['what']}",
            "parameters": sum(one.about["parameters"] for one in members),
            "seconds": sum(one.about["seconds"] for one in members),
            "runs": [_of_a_run(one, judged) for one in scored],
        },
        validation,
    )


def _of_a_run(scored: Scored, judged: Judged) -> dict[str, Any]:
    """Return what is told of one of several runs."""
    one = scored.entrant
    metrics = classification.metrics(judged.labels, one.scores, one.thresholds)
    return {
        "name": scored.found.run,
        "checkpoint": scored.found.path,
        "epoch": one.about["epoch"],
        "epochs": one.about["epochs"],
        "seed": one.about["recipe"].get("seed"),
        **{short: figure(metrics, name) for short, name in _OF_A_RUN.items()},
    }
