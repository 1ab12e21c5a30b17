"""The driver of a training run under Ray Train."""

from __future__ import annotations

import dataclasses
from typing import Any

from datasets.storage import atomic, files
from genre_models.checkpoint import Checkpoint
from genre_models.checkpoint_files import HISTORY
from genre_models.models.registry import without_cudnn
from genre_models.training import history as histories
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console, counted
from ray_jobs.cli.errors import RunError, TrainError
from ray_jobs.cli.options import TrainOptions, WorkerRange
from ray_jobs.cluster.node_watch import NodeWatch
from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.cluster.resources import NODES_COME_UP_S
from ray_jobs.inputs.batch_sizes import report_cut_batches, with_batches_that_fit
from ray_jobs.inputs.train_inputs import films_for_workers, fits_in_cache, word_vectors_of
from ray_jobs.runs import find_checkpoints
from ray_jobs.runs.lease import lease
from ray_jobs.runs.resume import check_resume, require_whole_checkpoints, settings_of
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.job_setup import JobSetup
from ray_jobs.training.progress_display import ProgressDisplay
from ray_jobs.training.publish_films import published
from ray_jobs.training.ray_trainer import run_workers
from ray_jobs.training.timing import Span, Timer, driver_timer


def train(kind: str, config: Any, recipe: Recipe, options: TrainOptions) -> str:
    """Train one model of a kind under Ray Train and return its best checkpoint's path.

    Raises:
        TrainError, StoreError, ClusterError: the message names the problem and its remedy.
    """
    console = Console()
    spans: list[Span] = []
    timer = driver_timer(spans if options.timing else None)
    workers = options.worker_range
    setup = JobSetup.start(kind, options, console, workers=workers, may_wait=options.wait_for_nodes is not None)
    _require_shares(recipe, workers, options.gpus)
    setup.require_inputs_that_fit(kind, config)
    films = setup.store.manifest.films["train"]
    # Workers that come and go share a batch unequally.
    devices = 1 if workers.is_elastic else workers.most * options.devices
    report_cut_batches([recipe.batch_size], films, devices, console)
    recipe = with_batches_that_fit(recipe, films, devices)
    folder = setup.folder(RunFolder, kind)
    checkpoint = setup.with_vocabulary(setup.checkpoint(kind, config, recipe))
    init_checkpoint = _init_checkpoint(folder, checkpoint, options)
    requested = settings_of(checkpoint) | ({"init_from": init_checkpoint} if init_checkpoint else {})
    with lease(folder.path):
        check_resume(folder, requested, options)
        require_whole_checkpoints(folder, console.line)
        with setup.launched(folder, recipe):
            return _train(setup, folder, checkpoint, init_checkpoint, spans, timer)


def _train(
    setup: JobSetup, folder: RunFolder, checkpoint: Checkpoint, init_checkpoint: str, spans: list[Span], timer: Timer
) -> str:
    """Train in a folder that this job holds; return the best checkpoint's path."""
    options, console, recipe, kind = setup.options, setup.console, checkpoint.recipe, checkpoint.kind
    assert isinstance(options, TrainOptions)
    _introduce(setup, checkpoint, init_checkpoint)
    checkpoint = setup.with_features(checkpoint)
    held = fits_in_cache(
        checkpoint, setup.store, setup.have, hold=options.cache_films, share=options.object_store_share
    )
    if not held and options.cache_films == "auto":
        console.line(
            f"The training films take more than {options.object_store_share:.0%} of the "
            f"{setup.have.object_store_bytes / 1e9:.1f} GB of Ray's object store: they are read again in every epoch"
        )
    films = films_for_workers(
        checkpoint,
        setup.store,
        per_worker=setup.per_worker,
        workers=setup.workers,
        held=held,
        have=setup.have,
        elastic=options.worker_range.is_elastic,
    )
    minutes = NODES_COME_UP_S / 60 if options.wait_for_nodes is None else options.wait_for_nodes
    watch = NodeWatch(options.worker_range, setup.per_worker, patience_s=60 * minutes, tell=console.line)
    display = ProgressDisplay(recipe.epochs, console, spans, watch)
    with ProgressChannel(display.show) as channel:
        spec = dataclasses.replace(
            setup.train_spec(checkpoint, folder.path, films.shares),
            steps_per_execution=options.steps_per_execution,
            channel=channel.actor,
            word_vectors=word_vectors_of(checkpoint, setup.store),
            films_via_channel=True,
            read_ahead=options.read_ahead,
            timing=options.timing,
            init_from=init_checkpoint,
        )
        console.status("starting the workers, reading the films")
        with published(films, channel, timer):
            run_workers(
                spec,
                films.streams,
                workers=options.worker_range,
                per_worker=setup.per_worker,
                split=list(films.streams),
                watch=watch,
            )
    return _finish(folder, kind, options.metric, console)


def _require_shares(recipe: Recipe, workers: WorkerRange, gpus: float) -> None:
    """Raise TrainError if the workers, or one's GPUs, cannot share a batch."""
    if gpus > 1 and recipe.batch_size % int(gpus):
        raise TrainError(
            f"--batch-size {recipe.batch_size} cannot be shared equally by {gpus:g} GPUs: take a multiple of {gpus:g}"
        )
    if recipe.batch_size < workers.most:
        raise TrainError(
            f"--batch-size {recipe.batch_size} has no film for each of {counted(workers.most, 'worker')}: "
            f"take at least {workers.most}"
        )


def _init_checkpoint(folder: RunFolder, checkpoint: Checkpoint, options: TrainOptions) -> str:
    """Return the path of the run's initial checkpoint, or "" without one.

    A resumed run keeps the path it began with: that run may have been trained further or removed since.

    Raises:
        CheckpointError: there is no checkpoint at the path in the options.
    """
    requested = files.absolute(options.init_from) if options.init_from else ""
    previous = str(folder.options().get("init_from", "")) if options.resume and folder.exists() else ""
    if previous and (not requested or files.is_within(previous, requested)):
        return previous
    return find_checkpoints.find_init_checkpoint(requested, checkpoint, options.metric) if requested else ""


def _introduce(setup: JobSetup, checkpoint: Checkpoint, init_checkpoint: str) -> None:
    """Print what is trained on what, and advice on the options."""
    recipe, config, console = checkpoint.recipe, checkpoint.config, setup.console
    assert isinstance(setup.options, TrainOptions)
    console.line(
        f"Training {checkpoint.model_spec.label} on {setup.store.manifest.films['train']:,} films of "
        f"{setup.store.path}, {recipe.epochs} epochs in batches of {recipe.batch_size}, on "
        f"{setup.options.worker_range}" + (f", from {init_checkpoint}" if init_checkpoint else "")
    )
    if setup.options.gpus and (message := without_cudnn(config)):
        console.line(message)
    if checkpoint.inputs.fine_tuned and not init_checkpoint:
        console.line(
            "The encoder trains further from the first step on, under a head that knows nothing yet: "
            "it does better where it was frozen first, in a run that --init-from names (docs/pretrained.md)"
        )


def _finish(folder: RunFolder, kind: str, metric: str, console: Console) -> str:
    """Print the best epoch, write the run's history into its checkpoint, and return its path."""
    best = find_checkpoints.best_below(folder.path, kind=kind, metric=metric, tell=console.line)
    if best is None:
        raise RunError(f"the run {folder.path} left no checkpoint")
    history = find_checkpoints.run_history(best.path)
    atomic.write_text(files.join(best.path, HISTORY), histories.to_csv(history))
    metrics = history[best.epoch - 1]
    console.line(
        f"Best epoch {metrics.epoch} of {len(history)}: validation loss {metrics.validation_loss:.4f}, "
        f"precision {metrics.validation_precision:.3f}, recall {metrics.validation_recall:.3f}, "
        f"mean average precision {metrics.validation_mean_average_precision:.3f}\nCheckpoint: {best.path}"
    )
    return best.path
