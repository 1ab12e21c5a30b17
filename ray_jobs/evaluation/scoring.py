"""Scoring of films by checkpoints, and averaging of several runs of one kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.store.film_store import Store
from genre_models.metrics import classification, comparison, names
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Console, Countdown
from ray_jobs.evaluation.candidates import Candidate
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.predict import predict_splits
from ray_jobs.inputs.feature_extraction import with_encoder, with_features


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The films, and the settings that all steps of an evaluation share."""

    store: Store
    """The store that the models were trained on."""
    eval_set: EvalSet
    console: Console
    gpus: float
    """GPUs of each process, one at most; 0 without."""
    resamples: int
    """Bootstrap resamples for each interval."""
    seed: int
    explained: int = 0
    """Films to explain on the page."""

    def compare(self, models: Sequence[EvaluatedModel]) -> dict[str, Any]:
        """Compare models on the evaluated films, see `genre_models.metrics.comparison.compare`."""
        labels, genres = self.eval_set.labels, self.store.manifest.genres
        return comparison.compare(labels, models, genres, resamples=self.resamples, seed=self.seed)


@dataclasses.dataclass(frozen=True)
class Scored:
    """A checkpoint with its scores of the evaluated and, optionally, the validation films."""

    candidate: Candidate
    model: EvaluatedModel


def score(candidate: Candidate, evaluation: Evaluation, *, validate: bool = False) -> Scored:
    """Score the evaluated films and, with `validate`, the store's validation films."""
    console, gpus = evaluation.console, evaluation.gpus
    checkpoint, timer = candidate.checkpoint, Countdown()
    kind, label = checkpoint.model_spec, f"{checkpoint.model_spec.label} ({candidate.run})"
    console.status(f"{label}: loading")
    wanted = [(evaluation.eval_set.store, "test"), *([(evaluation.store, "validation")] if validate else [])]
    inputs = checkpoint.inputs
    for films, split in wanted:
        inputs = with_features(with_encoder(checkpoint), films, (split,), console, gpus=gpus).inputs
    number, prepared = sum(films.manifest.films[split] for films, split in wanted), timer.elapsed
    scores = predict_splits(
        wanted,
        candidate.path,
        inputs=inputs,
        gpus=gpus,
        progress=lambda done: console.status(f"{label}: {done:,} of {number:,} films{timer.left(done, number)}"),
    )
    model = EvaluatedModel(
        checkpoint.kind,
        scores[0],
        np.array(checkpoint.thresholds),
        {
            "label": kind.label,
            "sees": inputs.modality,
            "what": kind.description,
            "checkpoint": candidate.path,
            "epoch": checkpoint.epoch,
            "epochs": len(checkpoint.history),
            "parameters": checkpoint.parameters,
            "seconds": sum(epoch.seconds for epoch in checkpoint.history),
            "scoring": {"films": number, "seconds": timer.elapsed - prepared},
            "config": dataclasses.asdict(checkpoint.config),
            "recipe": dataclasses.asdict(checkpoint.recipe),
            "versions": checkpoint.versions,
            "history": [dataclasses.asdict(epoch) for epoch in checkpoint.history],
        },
        scores[1] if validate else None,
    )
    return Scored(candidate, model)


def average_runs(scored: Sequence[Scored], evaluation: Evaluation) -> EvaluatedModel:
    """Return one model: the only run as it is, or the mean of the probabilities of several runs of one kind.

    The mean has its own thresholds, tuned on the validation films, and the history and settings of the run with the
    lowest validation loss; `runs` in its `metadata` has each run's metrics on the evaluated films.
    """
    if len(scored) == 1:
        return scored[0].model
    members = [run.model for run in scored]
    best = min(scored, key=lambda run: run.candidate.checkpoint.metrics.validation_loss).model
    validation = np.mean([member.validation for member in members if member.validation is not None], axis=0)
    return EvaluatedModel(
        best.key,
        np.mean([member.scores for member in members], axis=0),
        tune_thresholds(evaluation.store.labels("validation"), validation),
        {
            **best.metadata,
            "what": f"mean of {len(members)} runs of {best.metadata['what']}",
            "parameters": sum(member.metadata["parameters"] for member in members),
            "seconds": sum(member.metadata["seconds"] for member in members),
            "runs": [_of_a_run(run, evaluation.eval_set) for run in scored],
        },
        validation,
    )


def _of_a_run(scored: Scored, eval_set: EvalSet) -> dict[str, Any]:
    """Return the metrics and metadata of one of several runs."""
    model = scored.model
    metrics = classification.metrics(eval_set.labels, model.scores, model.thresholds)
    return {
        "name": scored.candidate.run,
        "checkpoint": scored.candidate.path,
        "epoch": model.metadata["epoch"],
        "epochs": model.metadata["epochs"],
        "seed": model.metadata["recipe"].get("seed"),
        **names.summary(metrics),
    }
