"""Ensembling and probability calibration, fitted on the validation films."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from datasets.store.film_store import Store
from genre_models.checkpoint import CheckpointError
from genre_models.metrics.calibration import fit_platt
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.metrics.stacking import FEWEST_FILMS, StackingResult, fuse
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Console
from ray_jobs.evaluation.baselines import untrained
from ray_jobs.evaluation.candidates import Candidate


def why_no_ensemble(candidates: Mapping[str, Sequence[Candidate]], store: Store) -> str:
    """Return the reason why these models cannot form an ensemble, or "" if they can."""
    if len(candidates) < 2:
        return "it takes two kinds of model"
    if not all(candidate.trained_on(store) for runs in candidates.values() for candidate in runs):
        return f"a model was trained on another store, perhaps on the validation films of {store.path}"
    films = store.manifest.films["validation"]
    return f"{films} validation films are too few to learn from" if films < FEWEST_FILMS else ""


def require_validation_films(store: Store) -> None:
    """Check that there are enough validation films to calibrate on.

    Raises:
        CheckpointError: the store has fewer than ten validation films.
    """
    films = store.manifest.films["validation"]
    if films < FEWEST_FILMS:
        raise CheckpointError(
            f"--calibrate needs at least {FEWEST_FILMS} validation films; {store.path} has {films}: evaluate without"
        )


def build_ensemble(
    models: Sequence[EvaluatedModel], optional: Sequence[EvaluatedModel], store: Store, console: Console, *, seed: int
) -> EvaluatedModel:
    """Return the late fusion of the models, with the optional models that improve it.

    Cross-validation on the validation films decides which optional models do. All models need validation scores. The
    fusion's thresholds are tuned on its out-of-fold scores of the validation films.
    """
    console.status("learning the ensemble")
    started = time.monotonic()
    labels = store.labels("validation")
    offered = {model.key: model for model in (*models, *optional)}
    validation = {key: model.validation for key, model in offered.items() if model.validation is not None}
    fused = fuse(labels, validation, optional=[model.key for model in optional], seed=seed)
    members = [offered[key] for key in fused.model.members]
    scores = fused.model({model.key: model.scores for model in members})
    names = ", ".join(model.metadata["label"] for model in members)
    method = {
        "average": "a weighted average of their logits",
        "stack": "a logistic regression for each genre on their logits",
    }[fused.model.method]
    info = untrained(
        "Ensemble",
        "both",
        f"the answers of {names}, weighed and added up ({method})",
        sum(model.metadata["parameters"] for model in members) + fused.model.coefficients.size,
        time.monotonic() - started,
    )
    info["fused"] = _fused(fused, len(labels), [model.key for model in optional], store.manifest.genres)
    best = fused.tried[0]
    console.line(f"Ensemble: {info['what']} (out-of-fold loss {best['loss']:.4f} on {len(labels):,} validation films)")
    return EvaluatedModel("ensemble", scores, tune_thresholds(labels, fused.out_of_fold), info, fused.out_of_fold)


def _fused(fused: StackingResult, films: int, optional: Sequence[str], genres: Sequence[str]) -> dict[str, Any]:
    model = fused.model
    return {
        "method": model.method,
        "weights": dict(zip(model.members, model.weights.tolist(), strict=True)),
        "coefficients": dict(zip(genres, model.coefficients.tolist(), strict=True)),
        "optional": list(optional),
        "films": films,
        "folds": fused.folds,
        "tried": fused.tried,
    }


def calibrated(model: EvaluatedModel, store: Store) -> EvaluatedModel:
    """Return a model with Platt-scaled probabilities and retuned thresholds.

    Both are fitted on the validation films. The prior is returned unchanged: it predicts frequencies already.
    """
    if model.validation is None or model.metadata["sees"] == "nothing":
        return model
    labels = store.labels("validation")
    scaling = fit_platt(labels, model.validation)
    validation = scaling(model.validation)
    return dataclasses.replace(
        model,
        scores=scaling(model.scores),
        validation=validation,
        thresholds=tune_thresholds(labels, validation),
        metadata={
            **model.metadata,
            "scaling": {
                genre: [float(slope), float(intercept)]
                for genre, slope, intercept in zip(
                    store.manifest.genres, scaling.slopes, scaling.intercepts, strict=True
                )
            },
        },
    )
