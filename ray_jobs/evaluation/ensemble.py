"""The ensemble of an evaluation, and probabilities brought in line: what is learned on the validation films."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from datasets.store.film_store import Store
from genre_models.checkpoint import CheckpointError
from genre_models.metrics.calibration import fit_platt
from genre_models.metrics.comparison import Entrant
from genre_models.metrics.stacking import FEWEST_FILMS, Fused, fuse
from genre_models.metrics.thresholds import tune_thresholds
from ray_jobs.cli.console import Screen
from ray_jobs.evaluation.baselines import untrained
from ray_jobs.evaluation.candidates import Found


def why_no_ensemble(found: Mapping[str, Sequence[Found]], store: Store) -> str:
    """Return why these models can make no ensemble, or nothing where they can."""
    if len(found) < 2:
        return "it takes two kinds of model"
    if not all(one.trained_on(store) for runs in found.values() for one in runs):
        return f"a model was trained on another store, perhaps on the validation films of {store.path}"
    films = store.manifest.films["validation"]
    return f"{films} validation films are too few to learn from" if films < FEWEST_FILMS else ""


def require_validation_films(store: Store) -> None:
    """Refuse to calibrate on too few films.

    Raises:
        CheckpointError: the store has fewer than ten validation films.
    """
    films = store.manifest.films["validation"]
    if films < FEWEST_FILMS:
        raise CheckpointError(
            f"--calibrate needs at least {FEWEST_FILMS} validation films; {store.path} has {films}: judge without"
        )


def enter_ensemble(
    models: Sequence[Entrant], optional: Sequence[Entrant], store: Store, screen: Screen, *, seed: int
) -> Entrant:
    """Return the late fusion of models, and of the optional ones that help by cross-validation on the validation films.

    All of them must have their scores of the validation films. The fusion's thresholds are tuned on scores of the
    validation films by fusions that had not seen them.
    """
    screen.status("learning the ensemble")
    started = time.monotonic()
    labels = store.labels("validation")
    offered = {one.key: one for one in (*models, *optional)}
    validation = {key: one.validation for key, one in offered.items() if one.validation is not None}
    fused = fuse(labels, validation, optional=[one.key for one in optional], seed=seed)
    voices = [offered[key] for key in fused.model.voices]
    scores = fused.model({one.key: one.scores for one in voices})
    names = ", ".join(one.about["label"] for one in voices)
    how = {
        "average": "a weighted average of the logits",
        "stack": "a logistic regression for each genre on the logits",
    }[fused.model.method]
    about = untrained(
        "Ensemble",
        "both",
        f"{how} of {names}",
        sum(one.about["parameters"] for one in voices) + fused.model.coefficients.size,
        time.monotonic() - started,
    )
    about["fused"] = _fused(fused, len(labels), [one.key for one in optional], store.manifest.genres)
    best = fused.tried[0]
    screen.line(f"Ensemble: {about['what']} (out-of-fold loss {best['loss']:.4f} on {len(labels):,} validation films)")
    return Entrant("ensemble", scores, tune_thresholds(labels, fused.out_of_fold), about, fused.out_of_fold)


def _fused(fused: Fused, films: int, optional: Sequence[str], genres: Sequence[str]) -> dict[str, Any]:
    model = fused.model
    return {
        "method": model.method,
        "weights": dict(zip(model.voices, model.weights.tolist(), strict=True)),
        "coefficients": dict(zip(genres, model.coefficients.tolist(), strict=True)),
        "optional": list(optional),
        "films": films,
        "folds": fused.folds,
        "tried": fused.tried,
    }


def calibrated(entrant: Entrant, store: Store) -> Entrant:
    """Return a model with its probabilities scaled on the validation films and its thresholds tuned on them anew.

    A model that sees nothing stays as it is: its shares are frequencies already.
    """
    if entrant.validation is None or entrant.about["sees"] == "nothing":
        return entrant
    labels = store.labels("validation")
    scaling = fit_platt(labels, entrant.validation)
    validation = scaling(entrant.validation)
    return dataclasses.replace(
        entrant,
        scores=scaling(entrant.scores),
        validation=validation,
        thresholds=tune_thresholds(labels, validation),
        about={
            **entrant.about,
            "scaling": {
                genre: [float(slope), float(intercept)]
                for genre, slope, intercept in zip(
                    store.manifest.genres, scaling.slopes, scaling.intercepts, strict=True
                )
            },
        },
    )
