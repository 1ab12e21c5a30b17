"""The next epoch's films, read while the one under way trains."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from datasets.batches.batching import Block
from genre_models.checkpoint import Checkpoint
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from ray_jobs.training.train_spec import TrainSpec
from ray_jobs.training.worker_batches import WorkerBatches, shares_of_ranks

FILMS, BATCH, EPOCHS = 40, 4, 3
BLOCKS = [{"inputs": np.arange(start, start + 10), "labels": np.ones((10, 2), np.float32)} for start in (0, 10, 20, 30)]


def job(*, window: int, read_ahead: bool = True, shares: tuple[int, ...] = ()) -> TrainSpec:
    metadata = Checkpoint("cnn", ("a", "b"), PosterCNN(), Recipe(epochs=EPOCHS, batch_size=BATCH), {})
    return TrainSpec(metadata, "runs/one", shares, (1,), window, False, read_ahead=read_ahead)


class Films:
    """Counts how often they are read from the beginning, and says when that was done `times` times."""

    def __init__(self) -> None:
        self.uses_overview = 0
        self._more = threading.Condition()

    def read(self) -> Iterator[Block]:
        with self._more:
            self.uses_overview += 1
            self._more.notify_all()
        yield from BLOCKS

    def reads_reach(self, times: int, timeout: float = 10) -> bool:
        with self._more:
            return self._more.wait_for(lambda: self.uses_overview >= times, timeout)


def feed_of(films: Films, told: TrainSpec) -> WorkerBatches:
    return WorkerBatches(told, 0, 1, training=films.read, validation=films.read)


def batches(told: TrainSpec) -> list[list[np.ndarray]]:
    feed = feed_of(Films(), told)
    return [[batch["inputs"] for batch in feed.training(epoch)] for epoch in range(1, EPOCHS + 1)]


@pytest.mark.parametrize("window", [BATCH, 16, 100])
def test_reading_ahead_changes_no_batch(window: int) -> None:
    np.testing.assert_array_equal(batches(job(window=window)), batches(job(window=window, read_ahead=False)))


@pytest.mark.parametrize("window", [16, 100])
def test_the_next_epoch_and_no_other_is_read_before_this_one_ends(window: int) -> None:
    films = Films()
    feed = feed_of(films, job(window=window))
    under_way = feed.training(1)
    next(under_way)
    assert films.reads_reach(2, timeout=10 if window == 100 else 0.3) == (window == 100)  # one window holds all films
    for _ in range(FILMS // BATCH - 2):
        next(under_way)
    assert films.reads_reach(2)  # the last batch is still to come
    assert films.uses_overview == 2


def test_no_epoch_is_read_that_never_comes() -> None:
    films = Films()
    feed = feed_of(films, job(window=100))
    for epoch in range(1, EPOCHS + 1):
        list(feed.training(epoch))
    assert films.uses_overview == EPOCHS
    assert not feed._ahead


def test_a_run_that_goes_on_reads_ahead_from_where_it_does() -> None:
    films = Films()
    feed = feed_of(films, job(window=100))
    ours = [batch["inputs"] for batch in feed.training(2)]
    np.testing.assert_array_equal(ours, batches(job(window=100))[1])
    assert films.reads_reach(2)


def test_films_that_the_window_holds_are_read_once() -> None:
    films = Films()
    feed = feed_of(films, job(window=100, shares=(FILMS,)))
    for epoch in range(1, EPOCHS + 1):
        assert len(list(feed.training(epoch))) == FILMS // BATCH
    assert films.uses_overview == 1


def test_what_fails_while_reading_ahead_is_raised_by_the_epoch_that_needs_it() -> None:
    class Broken(Films):
        def read(self) -> Iterator[Block]:
            yield from super().read()
            if self.uses_overview == 2:
                raise OSError("the disk is gone")

    feed = feed_of(Broken(), dataclasses.replace(job(window=100)))
    list(feed.training(1))
    with pytest.raises(OSError, match="the disk is gone"):
        list(feed.training(2))


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_any_number_of_workers_takes_the_same_steps_and_each_film_once(workers: int) -> None:
    """A batch of 7 is 4 and 3 films on two workers; each step but the last is of 7 films in all."""
    spec = job(window=100, shares=(20, 20))
    recipe = dataclasses.replace(spec.checkpoint.recipe, batch_size=7)
    spec = dataclasses.replace(
        spec, checkpoint=dataclasses.replace(spec.checkpoint, recipe=recipe), validation_films=(11, 10)
    )
    films, filled, validated = [], np.zeros(6), []
    for rank in range(workers):
        shares = [shares_of_ranks(spec, split, workers) for split in ("train", "validation")]
        own = [np.arange(sum(share[:rank]), sum(share[: rank + 1])) for share in shares]
        blocks = [{"inputs": rows, "labels": np.ones((len(rows), 2), np.float32)} for rows in own]
        read = [lambda block=block: [block] for block in blocks]
        batches = WorkerBatches(spec, rank, workers, training=read[0], validation=read[1])
        steps = list(batches.training(1))
        assert len(steps) == 6
        filled += [batch["weights"].sum() for batch in steps]
        films += [film for batch in steps for film in batch["inputs"][batch["weights"] > 0]]
        sizes = [len(batch["labels"]) for batch in batches.validation()]
        assert set(sizes) == {-(-7 // workers)}  # equal on all ranks, which gather their scores
        validated.append(len(sizes))
    assert sorted(films) == list(range(FILMS))
    assert filled.tolist() == [7.0] * 5 + [5.0]
    assert len(set(validated)) == 1
