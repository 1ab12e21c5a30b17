"""Answers to films: decoded in threads, predicted in batches, explained where asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from fastapi import HTTPException

from genre_models.predictors.films import Films
from genre_models.predictors.model import Model
from ray_jobs.serving.answers import Answer, answer_of, genres_to_explain
from ray_jobs.serving.batching import Batcher
from ray_jobs.serving.film_request import UNPROCESSABLE, FilmRequest, decode_film, together
from ray_jobs.serving.served_models import ServedModels
from ray_jobs.serving.service_metrics import ServiceMetrics
from ray_jobs.serving.settings import ServingOptions

_DECODERS = 2  # threads: more would only take cores from the models
_OVERVIEWS = ("a film", "a film of another length " * 8)
"""Overviews of two lengths, to compile networks with."""

Scores = dict[str, np.ndarray]
"""Probabilities float32 [genres] of a film by the key of each model."""


class Service:
    """Models that answer requests, in the event loop of one replica."""

    def __init__(self, models: ServedModels, options: ServingOptions, metrics: ServiceMetrics) -> None:
        """Serve loaded models.

        Args:
            models: the models.
            options: batches, and limits of posters and overviews.
            metrics: counters.
        """
        self.models, self.options, self.metrics = models, options, metrics
        self._decoders = ThreadPoolExecutor(_DECODERS, "decode")
        self._network_thread = ThreadPoolExecutor(1, "predict")
        # An explanation takes long: predictions of other films do not wait for it.
        self._explaining_thread = ThreadPoolExecutor(1, "explain")
        self._main = Model(models.predictors[models.main], models.main)
        self._predict = Batcher(
            self._predict_together, most=options.max_batch_size, wait_s=options.batch_wait_ms / 1_000
        )

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
                self._explaining_thread, self._explain, request, film.overviews[0], genres_to_explain(answer)
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
        """Predict a film, then two longer ones: networks are compiled for a shape, then for all.

        Explanations, which take seconds to compile, follow in their thread, while the service answers.
        """
        sizes = self.models.poster_sizes
        for films, overview in enumerate(_OVERVIEWS, 1):
            posters = {size: np.full((films, *size, 3), 127, np.uint8) for size in sizes}
            self.models.scores(Films([overview] * films, posters, np.full(films, bool(sizes))))
        self._explaining_thread.submit(self._warm_up_explanations)

    def _warm_up_explanations(self) -> None:
        """Explain films with what the answering model takes."""
        picture = np.full((*next(iter(self.models.info.poster_sizes), (1, 1)), 3), 127, np.uint8)
        poster = picture if self.models.info.poster_sizes else None
        for overview in _OVERVIEWS:
            text = overview if self.models.info.uses_overview else None
            self._main.explain([poster], [text], genres=list(self.models.info.genres[:1]))
