"""One trial of a sweep, trained in this process or on Ray Train's workers."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
import ray.tune

from datasets.batches.batching import Block
from datasets.storage import files
from genre_models.models import search_space
from ray_jobs.cli.errors import is_disk_full, reason
from ray_jobs.inputs.batch_sizes import with_batches_that_fit
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.sweep_folder import SweepFolder
from ray_jobs.training.reporter import Reporter, ReportFn, Save
from ray_jobs.training.train_spec import TrainSpec
from ray_jobs.training.worker import train_model
from ray_jobs.training.worker_batches import WorkerBatches

CHECKPOINTS_PER_TRIAL = 2
"""The best and the last while a trial runs; only the best after it has ended."""


@dataclass(frozen=True)
class TrialSpec:
    """The specification shared by all trials of a sweep."""

    start: TrainSpec
    """The starting point, in the sweep's folder; its vocabulary is the largest that any trial uses."""
    films: dict[str, Any]
    """By split, references to blocks of films in the object store; with several workers, Ray Train's datasets."""
    workers: int
    per_worker: dict[str, float]
    """Ray resources of each worker."""


def run_trial(config: dict[str, Any], *, spec: TrialSpec) -> None:
    """Train one trial, in its process under Ray Tune; an error is reported as the trial's result."""
    started = time.monotonic()
    number, settings = config["number"], config["settings"]
    folder = SweepFolder.at(spec.start.run).trial_folder(number)
    try:
        own = _train_spec(spec.start, settings, folder)
        if spec.workers == 1:
            _train_here(own, spec, folder, started)
        else:
            _train_on_workers(own, spec)
    except Exception as error:  # it ends this trial, not the sweep; the reason is recorded
        # A full disk is not due to the trial's settings: the trial can be resumed.
        ray.tune.report({"failed": reason(error), "try_again": is_disk_full(error)})


def _train_spec(start: TrainSpec, settings: dict[str, Any], folder: RunFolder) -> TrainSpec:
    """Return the trial's training specification: the starting point with its settings."""
    checkpoint = start.checkpoint
    recipe, model = search_space.split(settings, checkpoint.recipe, checkpoint.config)
    devices = len(start.training_films) * start.devices
    recipe = with_batches_that_fit(recipe, sum(start.training_films), devices)
    checkpoint = dataclasses.replace(checkpoint, recipe=recipe, config=model)
    if ids := checkpoint.inputs.own_vocabulary:
        known = checkpoint.vocabulary[: max(0, ids.vocabulary_size - 2)]  # ids 0 and 1 are padding and unknown
        checkpoint = dataclasses.replace(checkpoint, vocabulary=known)
    return dataclasses.replace(start, checkpoint=checkpoint, run=folder.path, settings=dict(settings))


def _train_here(own: TrainSpec, spec: TrialSpec, folder: RunFolder, started: float) -> None:
    """Train in this process, on films from the object store."""
    timer = _Timer(started)
    from genre_models.training import trainer

    timer.mark("import")
    trainer.release_memory()
    threads = None if own.gpus else max(1, int(spec.per_worker["CPU"]))
    inter_op_parallel = own.checkpoint.inputs.inter_op_parallel and (threads or 0) > 1
    strategy = trainer.set_up_tensorflow(
        workers=1, threads=threads, inter_op_parallel=inter_op_parallel, devices=own.devices
    )

    def films(split: str) -> Iterator[Block]:
        return (ray.get(block) for block in spec.films[split])

    batches = WorkerBatches(own, 0, 1, training=lambda: films("train"), validation=lambda: films("validation"))

    def report(metrics: dict[str, Any], save: Save | None) -> None:
        assert save is not None
        with folder.new_checkpoint(metrics["epoch"]) as local:
            save(local)
        folder.prune_checkpoints({metrics["best_epoch"], metrics["epoch"]})
        ray.tune.report({**metrics, "start_seconds": timer.laps, "cpu_seconds": round(timer.cpu_seconds, 2)})

    reporter = _TrialReporter(own, report, timer)
    before = folder.last()
    with files.local_copy(before.path) if before else contextlib.nullcontext() as last:
        timer.mark("set up")
        train_model(own, batches, reporter, strategy=strategy, resume_from=last)


class _TrialReporter(Reporter):
    """Reporter of a trial with a single worker, which also times the first step."""

    def __init__(self, spec: TrainSpec, report: ReportFn, timer: _Timer) -> None:
        super().__init__(spec, 0, report)
        self._timer = timer

    def step(self, step: Any, steps: int) -> None:
        """Time the first step; a sweep's display shows epochs, not steps."""
        del step, steps
        self._timer.mark("first step", once=True)


class _Timer:
    """Timer of consecutive phases."""

    def __init__(self, started: float) -> None:
        self.laps: dict[str, float] = {}
        self._last = started
        self._cpu_before = time.process_time()

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all threads of this process since the trial's start."""
        return time.process_time() - self._cpu_before

    def mark(self, name: str, *, once: bool = False) -> None:
        """Record the time since the last mark under a name; with `once`, only its first time."""
        now = time.monotonic()
        if not (once and name in self.laps):
            self.laps[name] = round(now - self._last, 3)
        self._last = now


def _train_on_workers(own: TrainSpec, spec: TrialSpec) -> None:
    """Train in the trial's own Ray Train run; a run that exists is resumed."""
    from ray.tune.integration.ray_train import TuneReportCallback

    from ray_jobs.cli.options import WorkerRange
    from ray_jobs.cluster.resources import configure_ray_data
    from ray_jobs.training.ray_trainer import run_workers

    configure_ray_data()
    run_workers(
        own,
        spec.films,
        workers=WorkerRange(spec.workers, spec.workers),
        per_worker=spec.per_worker,
        callbacks=[TuneReportCallback()],
    )
