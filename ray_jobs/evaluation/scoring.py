"""Scoring of films by checkpoints, and averaging of several runs of one kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.store.film_store import Store
from genre_models.metrics import classification
from genre_models.metrics.comparison import EvaluatedModel, figure
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Console, Countdown
from ray_jobs.evaluation.candidates import Candidate
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.predict import predict_splits
from ray_jobs.inputs.feature_extraction import with_encoder, with_features

# The metrics reported for each of several runs: name in the report -> name in the metrics.
_OF_A_RUN = {
    "loss": "loss",
    "mean_average_precision": "mean_average_precision",
    "micro_f1": "at_tuned_micro_f1",
    "macro_f1": "at_tuned_macro_f1",
}


@dataclasses.dataclass(frozen=True)
class Scored:
    """A checkpoint with its scores of the evaluated and, optionally, the validation films."""

    found: Candidate
    entrant: EvaluatedModel


def score(
    found: Candidate, store: Store, eval_set: EvalSet, console: Console, *, use_gpu: bool, validate: bool = False
) -> Scored:
    """Score the evaluated films and, with `validate`, the store's validation films."""
    checkpoint, timer = found.about, Countdown()
    kind, label = checkpoint.model_spec, f"{checkpoint.model_spec.label} ({found.run})"
    console.status(f"{label}: loading")
    wanted = [(eval_set.store, "test"), *([(store, "validation")] if validate else [])]
    inputs = checkpoint.inputs
    for films, split in wanted:
        inputs = with_features(with_encoder(checkpoint), films, (split,), console, use_gpu=use_gpu).inputs
    number = sum(films.manifest.films[split] for films, split in wanted)
    scores = predict_splits(
        wanted,
        found.path,
        inputs=inputs,
        use_gpu=use_gpu,
        progress=lambda done: console.status(f"{label}: {done:,} of {number:,} films{timer.left(done, number)}"),
    )
    entrant = EvaluatedModel(
        checkpoint.kind,
        scores[0],
        np.array(checkpoint.thresholds),
        {
            "label": kind.label,
            "sees": inputs.modality,
            "what": kind.what,
            "checkpoint": found.path,
            "epoch": checkpoint.epoch,
            "epochs": len(checkpoint.history),
            "parameters": checkpoint.parameters,
            "seconds": sum(epoch.seconds for epoch in checkpoint.history),
            "config": dataclasses.asdict(checkpoint.config),
            "recipe": dataclasses.asdict(checkpoint.recipe),
            "versions": checkpoint.versions,
            "history": [dataclasses.asdict(epoch) for epoch in checkpoint.history],
        },
        scores[1] if validate else None,
    )
    return Scored(found, entrant)


def average_runs(scored: Sequence[Scored], store: Store, eval_set: EvalSet) -> EvaluatedModel:
    """Return one model: the only run as it is, or the mean of the probabilities of several runs of one kind.

    The mean has its own thresholds, tuned on the validation films, and the history and settings of the run with the
    lowest validation loss; `runs` in its `about` has each run's metrics on the evaluated films.
    """
    if len(scored) == 1:
        return scored[0].entrant
    members = [run.entrant for run in scored]
    best = min(scored, key=lambda run: run.found.about.figures.validation_loss).entrant
    validation = np.mean([member.validation for member in members if member.validation is not None], axis=0)
    return EvaluatedModel(
        best.key,
        np.mean([member.scores for member in members], axis=0),
        tune_thresholds(store.labels("validation"), validation),
        {
            **best.about,
            "what": f"mean of {len(members)} runs of {best.about['what']}",
            "parameters": sum(member.about["parameters"] for member in members),
            "seconds": sum(member.about["seconds"] for member in members),
            "runs": [_of_a_run(run, eval_set) for run in scored],
        },
        validation,
    )


def _of_a_run(scored: Scored, eval_set: EvalSet) -> dict[str, Any]:
    """Return the metrics and metadata of one of several runs."""
    model = scored.entrant
    metrics = classification.metrics(eval_set.labels, model.scores, model.thresholds)
    return {
        "name": scored.found.run,
        "checkpoint": scored.found.path,
        "epoch": model.about["epoch"],
        "epochs": model.about["epochs"],
        "seed": model.about["recipe"].get("seed"),
        **{short: figure(metrics, name) for short, name in _OF_A_RUN.items()},
    }
