"""A service of models that answer from a table, in this process, for tests of all that is around them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from genre_models.predictors.films import Films
from genre_models.predictors.predictor import ModelInfo, info_of, score_where_possible
from ray_jobs.serving.app import build_app
from ray_jobs.serving.served_models import ServedModels
from ray_jobs.serving.service import Service
from ray_jobs.serving.service_metrics import ServiceMetrics
from ray_jobs.serving.settings import ServingOptions

GENRES, THRESHOLDS = ("Action", "Comedy", "Drama"), (0.5, 0.2, 0.9)


class FakePredictor:
    """A predictor whose scores hang on the mean of the poster and the length of the overview."""

    def __init__(self, label: str, *, poster: bool = True, overview: bool = True, needs_all: bool = False) -> None:
        self.info: ModelInfo = info_of(
            label, GENRES, THRESHOLDS, poster_size=(8, 6) if poster else None, uses_overview=overview,
            needs_all=needs_all,
        )  # fmt: skip
        self.batches: list[int] = []

    def scores(self, films: Films) -> np.ndarray:
        """Return [0.1, brightness, length / 100] of each film."""
        self.batches.append(len(films))
        return score_where_possible(self.info, films, self._scores)

    def _scores(self, films: Films) -> np.ndarray:
        none = np.zeros(len(films))
        light = films.posters[(8, 6)].mean(axis=(1, 2, 3)) / 255 if self.info.poster_sizes else none
        length = [len(text) / 100 for text in films.overviews] if self.info.uses_overview else none
        return np.stack([np.full(len(films), 0.1), light, length], axis=1)


def side_by_side() -> ServedModels:
    """Return models of a poster, of an overview, and one of both, whose genres are the answer."""
    made = {
        "cnn": FakePredictor("Poster CNN, epoch 3", overview=False),
        "lstm": FakePredictor("Overview LSTM, epoch 2", poster=False),
        "joint": FakePredictor("Joint model"),
    }
    return ServedModels(made, "joint")


@contextmanager
def client_of(models: ServedModels | None = None, **options: Any) -> Iterator[TestClient]:
    """Give a client of a service in this process; an error of the service is its answer, as over HTTP."""
    service = Service(models or side_by_side(), ServingOptions(model=("models",), **options), ServiceMetrics())
    with TestClient(build_app(service), raise_server_exceptions=False) as client:
        yield client


def picture(kind: str = "JPEG", size: tuple[int, int] = (12, 16), colour: Sequence[int] = (255, 255, 255)) -> bytes:
    """Return the file of a picture of one colour, of (width, height)."""
    file = io.BytesIO()
    Image.new("RGB", size, tuple(colour)).save(file, kind)
    return file.getvalue()


def base64_of(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode()
