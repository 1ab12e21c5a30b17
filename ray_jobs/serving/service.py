"""Answers to films: decoded in threads, predicted in batches, explained where asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from fastapi import HTTPException

from genre_models.predictors.films import Films
from genre_models.predictors.model import Model
from ray_jobs.serving.answers import Answer, answer_of, genres_to_explain
from ray_jobs.serving.film_request import UNPROCESSABLE, FilmRequest, decode_film, together
from ray_jobs.serving.served_models import ServedModels
from ray_jobs.serving.service_metrics import ServiceMetrics
from ray_jobs.serving.settings import ServingOptions

_DECODERS = 2  # threads: more would only take cores from the models

Scores = dict[str, np.ndarray]
"""Probabilities float32 [genres] of a film by the key of each model."""
PredictTogether = Callable[[list[Films]], Awaitable[list[Scores]]]
PredictOne = Callable[[Films], Awaitable[Scores]]
Batched = Callable[[PredictTogether], PredictOne]


def one_by_one(predict: PredictTogether) -> PredictOne:
    """Predict each film by itself."""

    async def predict_one(film: Films) -> Scores:
        (scores,) = await predict([film])
        return scores

    return predict_one


class Service:
    """Models that answer requests, in the event loop of one replica."""

    def __init__(
        self, models: ServedModels, options: ServingOptions, metrics: ServiceMetrics, batched: Batched = one_by_one
    ) -> None:
        """Serve loaded models.

        Args:
            models: the models.
            options: limits of posters and overviews.
            metrics: counters.
            batched: gathers films into batches, as `ray.serve.batch` does.
        """
        self.models, self.options, self.metrics = models, options, metrics
        self._decoders = ThreadPoolExecutor(_DECODERS, "decode")
        # Networks are asked by one thread at a time.
        self._network_thread = ThreadPoolExecutor(1, "predict")
        self._main = Model(models.predictors[models.main], models.main)
        self._predict = batched(self._predict_together)

    async def answer(self, request: FilmRequest) -> Answer:
        """Predict the genres of a film, and explain them if asked.

        Raises:
            HTTPException: the poster is unusable, or the answering model needs what the film lacks.
        """
        film = await self._in(
            self._decoders, decode_film, request, self.models.poster_sizes, self.options.max_poster_pixels
        )
        has_poster, has_overview = bool(film.has_poster[0]), bool(film.has_overview[0])
        if why := self.models.info.why_not(has_poster, has_overview):
            raise HTTPException(UNPROCESSABLE, f"{self.models.info.label} cannot predict the film: {why}")
        answer = answer_of(self.models, await self._predict(film), has_poster, has_overview)
        if request.explain:
            answer.explanations = await self._in(
                self._network_thread, self._explain, request, film.overviews[0], genres_to_explain(answer)
            )
        return answer

    async def _predict_together(self, films: list[Films]) -> list[Scores]:
        """Predict films that came at about the same time."""
        self.metrics.batch_films.observe(len(films))
        scores = await self._in(self._network_thread, self.models.scores, together(films))
        return [{key: values[film] for key, values in scores.items()} for film in range(len(films))]

    def _explain(self, request: FilmRequest, overview: str, genres: Sequence[str]) -> list[dict[str, Any]]:
        (explained,) = self._main.explain(
            [request.poster], [overview or None], genres=list(genres), max_pixels=self.options.max_poster_pixels
        )
        return [one.to_plain() for one in explained]

    async def _in(self, threads: ThreadPoolExecutor, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)

    def warm_up(self) -> None:
        """Predict a film, then two together: networks are compiled for their first shapes."""
        sizes = self.models.poster_sizes
        for films in (1, 2):
            posters = {size: np.full((films, *size, 3), 127, np.uint8) for size in sizes}
            self.models.scores(Films(["a film"] * films, posters, np.full(films, bool(sizes))))
