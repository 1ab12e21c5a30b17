"""The rule that keeps training films in the object store, or reads them again in every epoch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from genre_models.checkpoint import Checkpoint
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from ray_jobs.cli.errors import TrainError
from ray_jobs.cluster.resources import Resources
from ray_jobs.inputs.train_inputs import films_for_workers, fits_in_cache

# 1,000 films of 8 x 5 pixels of 3 bytes, and 4 bytes for each of 2 genres: 128 bytes a film.
STORE: Any = SimpleNamespace(
    manifest=SimpleNamespace(poster_shape=(8, 5, 3), films={"train": 1_000, "validation": 100})
)
ABOUT = Checkpoint("cnn", ("a", "b"), PosterCNN(height=8, width=5), Recipe(), {})


def held(object_store: float, **how: Any) -> bool:
    have = Resources(2, 0, 1, object_store, 2, 0)
    return fits_in_cache(ABOUT, STORE, have, **{"hold": "auto", "share": 0.5, **how})


def test_films_are_held_up_to_their_share_of_the_object_store() -> None:
    assert held(256_000)
    assert not held(255_999)
    assert held(128_000, share=1.0)


def test_either_can_be_forced() -> None:
    assert held(128_000, hold="always")
    assert not held(1e12, hold="never")


def test_films_that_cannot_be_held_are_refused() -> None:
    with pytest.raises(TrainError, match="1,000 training films take more than"):
        held(127_999, hold="always")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_film_is_in_one_share(workers: int) -> None:
    films = films_for_workers(
        ABOUT, STORE, per_worker={"CPU": 0.5}, workers=workers, held=True, have=Resources(2, 0, 1, 1e9, 2, 0)
    )
    assert sum(films.shares["train"]) == 1_000 and len(films.shares["train"]) == workers
