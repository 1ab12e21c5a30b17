"""One trial of a sweep: the shared training core with one trial's settings, in this process or on Train's workers."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.tune

from datasets.batches.batching import Block
from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.models import search_space
from ray_jobs.cli.errors import is_disk_full, reason
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.sweep_folder import SweepFolder
from ray_jobs.training.reporter import Reporter, Save
from ray_jobs.training.train_job import TrainJob
from ray_jobs.training.worker import train_on
from ray_jobs.training.worker_batches import Feed

CHECKPOINTS_PER_TRIAL = 2
"""The best and the last while a trial runs; the best alone when it has ended."""


@dataclass(frozen=True)
class SweepJob:
    """What every trial of a sweep shares."""

    checkpoint: Checkpoint
    """The starting point; its vocabulary is the largest that any trial uses."""
    sweep: str
    """The sweep's folder."""
    films: dict[str, Any]
    """By split, references to blocks of films in the object store; for trials of several workers, Train's datasets."""
    shares: dict[str, tuple[int, ...]]
    """By split, films in each worker's share."""
    workers: int
    per_worker: dict[str, float]
    """What each worker asks of Ray."""
    shuffle_window: int
    use_gpu: bool
    metric: str
    genre_films: tuple[int, ...] = ()
    """Training films of each genre."""
    word_vectors: Any = None
    """What words' vectors are before training, for the largest vocabulary that any trial uses."""


def run_trial(config: dict[str, Any], *, sweep: SweepJob) -> None:
    """Train one trial; Ray Tune calls it in the trial's process. A trial that cannot be trained says why and ends."""
    started = time.monotonic()
    number, settings = config["number"], config["settings"]
    folder = SweepFolder(*sweep.sweep.rsplit("/", 1)).trial_folder(number)
    try:
        job = _job(sweep, settings, folder)
        if sweep.workers == 1:
            _train_here(job, sweep, folder, started)
        else:
            _train_on_workers(job, sweep)
    except Exception as error:  # whatever it is, it ends this trial and not the sweep; the reason is recorded
        # A full disk is no fault of the trial's settings: it waits to be gone on with.
        ray.tune.report({"failed": reason(error), "try_again": is_disk_full(error)})


def _job(sweep: SweepJob, settings: dict[str, Any], folder: RunFolder) -> TrainJob:
    """Return what the trial trains: the starting point with the trial's settings."""
    about = sweep.checkpoint
    recipe, model = search_space.split(settings, about.recipe, about.config)
    known = about.vocabulary
    if about.model_kind.reads:
        known = known[: max(0, model.vocabulary_size - 2)]  # ids 0 and 1 are padding and unknown
    return TrainJob(
        checkpoint=dataclasses.replace(about, recipe=recipe, config=model, vocabulary=known),
        run=folder.path,
        training_films=sweep.shares["train"],
        validation_films=sweep.shares["validation"],
        shuffle_window=sweep.shuffle_window,
        use_gpu=sweep.use_gpu,
        metric=sweep.metric,
        genre_films=sweep.genre_films,
        word_vectors=sweep.word_vectors,
    )


def _train_here(job: TrainJob, sweep: SweepJob, folder: RunFolder, started: float) -> None:
    """Train in this process, on films read straight from the object store."""
    clock = _Clock(started)
    from genre_models.training import trainer

    clock.lap("import")
    trainer.forget()
    threads = None if job.use_gpu else max(1, int(sweep.per_worker["CPU"]))
    side_by_side = job.checkpoint.runs_side_by_side and (threads or 0) > 1
    strategy = trainer.set_up_tensorflow(workers=1, threads=threads, side_by_side=side_by_side)

    def films(split: str) -> Iterator[Block]:
        return (ray.get(block) for block in sweep.films[split])

    feed = Feed(job, 0, 1, training=lambda: films("train"), validation=lambda: films("validation"))

    def deliver(metrics: dict[str, Any], save: Save | None) -> None:
        assert save is not None
        with folder.new_checkpoint(metrics["epoch"]) as local:
            save(local)
        folder.keep({metrics["best_epoch"], metrics["epoch"]})
        ray.tune.report({**metrics, "start_seconds": clock.laps, "cpu_seconds": round(clock.cpu_seconds, 2)})

    reporter = _TrialReporter(job, deliver, clock)
    before = folder.checkpoints()
    with tempfile.TemporaryDirectory() as copy:
        last = files.download(before[max(before)], Path(copy)) if before else None
        clock.lap("set up")
        train_on(job, feed, reporter, strategy=strategy, resume_from=last)


class _TrialReporter(Reporter):
    """Reports as a single worker does, and takes the time of the first step."""

    def __init__(self, job: TrainJob, deliver: Any, clock: _Clock) -> None:
        super().__init__(job, 0, deliver)
        self._clock = clock

    def step(self, step: Any, steps: int) -> None:
        """Take the time of the first step; who watches a sweep is told of epochs, not of steps."""
        del step, steps
        self._clock.lap("first step", once=True)


class _Clock:
    """Takes the time of what happens one after the other."""

    def __init__(self, started: float) -> None:
        self.laps: dict[str, float] = {}
        self._last = started
        self._cpu_before = time.process_time()

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time of all of this process's threads since the trial's start."""
        return time.process_time() - self._cpu_before

    def lap(self, name: str, *, once: bool = False) -> None:
        """Name what has passed since the last lap."""
        now = time.monotonic()
        if not (once and name in self.laps):
            self.laps[name] = round(now - self._last, 3)
        self._last = now


def _train_on_workers(job: TrainJob, sweep: SweepJob) -> None:
    """Train by a Ray Train run of the trial's own; one that exists goes on by itself."""
    from ray.tune.integration.ray_train import TuneReportCallback

    from ray_jobs.cluster.resources import calm_data
    from ray_jobs.training.ray_trainer import run_workers

    calm_data()
    run_workers(
        job,
        sweep.films,
        workers=sweep.workers,
        per_worker=sweep.per_worker,
        callbacks=[TuneReportCallback()],
    )
