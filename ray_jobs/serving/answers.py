"""Answers of the service as JSON, and its own description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from genre_models.predictors.predictor import ModelInfo
from ray_jobs.serving.served_models import ServedModels
from ray_jobs.serving.settings import ServingOptions

_TOP = 3
_MOST_EXPLAINED = 5


class Prediction(BaseModel):
    """The genres of a film by one model."""

    probabilities: dict[str, float] = Field(description="Of each genre; empty if the model cannot predict the film.")
    genres: list[str] = Field(description="Those beyond their tuned thresholds, most probable first.")
    top3: list[str] = Field(description="The three most probable genres.")


class ModelPrediction(Prediction):
    """The genres of a film by one of the models side by side."""

    model: str = Field(description="Key of the model, as in /models.")
    problem: str = Field("", description='Why the model cannot predict the film, such as "no poster".')


class Answer(Prediction):
    """The genres of a film by the answering model and by all models."""

    model: str = Field(description="Key of the answering model.")
    models: list[ModelPrediction] = Field(description="All models, the answering one among them.")
    explanations: list[dict[str, Any]] | None = Field(
        None,
        description="With `explain`, for each chosen and each of the three most probable genres: genre, probability, "
        "heat (importance 0 to 1 of the poster's regions, in rows), words ([word, contribution] in order), "
        "poster_share (of the poster against the overview), and members (the same of each member).",
    )


class ModelDescription(BaseModel):
    """A served model."""

    model: str
    label: str
    uses_poster: bool
    uses_overview: bool
    thresholds: dict[str, float] = Field(description="Tuned decision threshold of each genre.")


class Limits(BaseModel):
    """Limits of a request."""

    body_bytes: int
    poster_pixels: int
    overview_characters: int


class Description(BaseModel):
    """The service: its models, genres and limits."""

    answering: str = Field(description="Key of the model whose genres are the answer.")
    genres: list[str]
    models: list[ModelDescription]
    limits: Limits


class Problem(BaseModel):
    """A request that cannot be answered."""

    error: str = Field(description="What is wrong with it, in one sentence.")


def describe(models: ServedModels, options: ServingOptions) -> Description:
    """Describe a service."""
    return Description(
        answering=models.main,
        genres=list(models.info.genres),
        models=[
            ModelDescription(
                model=key,
                label=one.info.label,
                uses_poster=bool(one.info.poster_sizes),
                uses_overview=one.info.uses_overview,
                thresholds=dict(zip(one.info.genres, one.info.thresholds.tolist(), strict=True)),
            )
            for key, one in models.predictors.items()
        ],
        limits=Limits(
            body_bytes=options.max_body_bytes,
            poster_pixels=options.max_poster_pixels,
            overview_characters=options.max_overview_characters,
        ),
    )


def answer_of(models: ServedModels, scores: Mapping[str, np.ndarray], has_poster: bool, has_overview: bool) -> Answer:
    """Make an answer of a film's scores.

    Args:
        models: the models.
        scores: probabilities float32 [genres] by the key of each model; NaN where it cannot predict the film.
        has_poster: whether the film has a poster.
        has_overview: whether the film has an overview.
    """
    predictions = [
        ModelPrediction(
            model=key, problem=one.info.why_not(has_poster, has_overview), **_prediction(one.info, scores[key])
        )
        for key, one in models.predictors.items()
    ]
    return Answer(model=models.main, models=predictions, **_prediction(models.info, scores[models.main]))


def _prediction(info: ModelInfo, scores: np.ndarray) -> dict[str, Any]:
    if np.isnan(scores).any():
        return {"probabilities": {}, "genres": [], "top3": []}
    ranked = np.argsort(-scores, kind="stable")
    return {
        "probabilities": dict(zip(info.genres, scores.tolist(), strict=True)),
        "genres": [info.genres[i] for i in ranked if scores[i] >= info.thresholds[i]],
        "top3": [info.genres[i] for i in ranked[:_TOP]],
    }


def genres_to_explain(answer: Answer) -> list[str]:
    """Return the genres chosen and the most probable ones, most probable first."""
    wanted = {*answer.genres, *answer.top3}
    ranked = sorted(wanted, key=lambda genre: -answer.probabilities[genre])
    return ranked[:_MOST_EXPLAINED]
