"""The driver of a training run under Ray Train."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Any

import ray

from datasets.storage import atomic, files
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.models.registry import REGISTRY, without_cudnn
from genre_models.training import history as histories
from genre_models.training.history import EpochMetrics
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console, Countdown, duration
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TrainOptions, timestamp
from ray_jobs.cluster import ray_init, resources
from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.store_setup import open_store
from ray_jobs.inputs.train_inputs import (
    TRAINING_SPLITS,
    FilmsForWorkers,
    films_for_workers,
    fits_in_cache,
    require_films_enough,
    require_posters_that_fit,
    vocabulary_of,
    word_vectors_of,
)
from ray_jobs.runs import find_checkpoints
from ray_jobs.runs.resume import check_resume, settings_of
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.ray_trainer import run_workers
from ray_jobs.training.timing import DRIVER, FIRST_STEP, EpochGap, Span, Timer, process_started, table
from ray_jobs.training.train_job import Progress, TrainSpec


@dataclass(frozen=True)
class TrainResult:
    """The result of a training run."""

    checkpoint: str
    """Path of the best checkpoint."""
    best: EpochMetrics
    history: list[EpochMetrics]


def train(kind: str, config: Any, recipe: Recipe, options: TrainOptions) -> TrainResult:
    """Train one model of a kind under Ray Train and return its best checkpoint.

    Raises:
        TrainError, StoreError, ClusterError: the message names the problem and its remedy.
    """
    console = Console()
    spans: list[Span] = []
    clock = Timer(DRIVER, spans.append if options.timing else None)
    imported = time.time()
    have = resources.connect(console)
    begun, ended = ray_init.started or (imported, time.time())
    clock.told("Python, the command line", process_started(), begun)
    clock.told("starting Ray", begun, ended)
    clock.told("importing the rest", ended, imported)
    per_worker = resources.worker_resources(
        workers=options.workers, use_gpu=options.use_gpu, cpus_per_worker=options.cpus_per_worker, have=have
    )
    store = open_store(options.store, console)
    _check(kind, config, recipe, options, store)
    folder = RunFolder(files.absolute(options.runs), options.name or f"{kind}-{timestamp()}")
    vocabulary = vocabulary_of(kind, config, store)
    checkpoint = with_encoder(
        Checkpoint(
            kind=kind,
            genres=store.manifest.genres,
            config=config,
            recipe=recipe,
            vocabulary=vocabulary.tokens if vocabulary else (),
            store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
        )
    )
    init_checkpoint = _init_checkpoint(folder, checkpoint, options)
    begins = {"init_from": init_checkpoint} if init_checkpoint else {}
    check_resume(folder, settings_of(checkpoint) | begins, what="run", resume=options.resume)
    console.line(
        f"Training {checkpoint.model_spec.label} on {store.manifest.films['train']:,} films of {store.path}, "
        f"{recipe.epochs} epochs in batches of {recipe.batch_size}, on {options.workers} "
        f"worker{'s' if options.workers > 1 else ''}" + (f", from {init_checkpoint}" if init_checkpoint else "")
    )
    if options.use_gpu and (message := without_cudnn(config)):
        console.line(message)
    if checkpoint.inputs.fine_tuned and not init_checkpoint:
        console.line(
            "The encoder trains further from the first step on, under a head that knows nothing yet: "
            "it does better where it was frozen first, in a run that --init-from names (docs/pretrained.md)"
        )
    checkpoint = with_features(checkpoint, store, TRAINING_SPLITS, console, use_gpu=options.use_gpu)
    held = fits_in_cache(checkpoint, store, have, hold=options.cache_films, share=options.object_store_share)
    films = films_for_workers(checkpoint, store, per_worker=per_worker, workers=options.workers, held=held, have=have)
    with ProgressChannel(_Display(recipe.epochs, console, spans).show) as channel:
        job = TrainSpec(
            checkpoint=checkpoint,
            run=folder.path,
            training_films=films.shares["train"],
            validation_films=films.shares["validation"],
            shuffle_buffer=options.shuffle_buffer,
            use_gpu=options.use_gpu,
            steps_per_execution=options.steps_per_execution,
            metric=options.metric,
            channel=channel.actor,
            genre_films=store.manifest.films_of_genres("train"),
            word_vectors=word_vectors_of(checkpoint, store),
            films_via_channel=True,
            read_ahead=options.read_ahead,
            timing=options.timing,
            init_from=init_checkpoint,
        )
        console.status("starting the workers, reading the films")
        with _HandedOut(films, channel, clock):
            run_workers(job, films.streams, workers=options.workers, per_worker=per_worker, split=list(films.streams))
    return _finish(folder, kind, options.metric, console)


# -- setup ------------------------------------------------------------------------------------------------------------


def _check(kind: str, config: Any, recipe: Recipe, options: TrainOptions, store: Store) -> None:
    """Reject invalid combinations of options, model and store before the workers start."""
    if recipe.batch_size % options.workers:
        raise TrainError(
            f"--batch-size {recipe.batch_size} cannot be shared equally by {options.workers} workers: "
            f"take a multiple of {options.workers}"
        )
    require_films_enough(store, options.workers)
    require_posters_that_fit(REGISTRY[kind], config, store)


def _init_checkpoint(folder: RunFolder, checkpoint: Checkpoint, options: TrainOptions) -> str:
    """Return the path of the run's initial checkpoint, or "" without one.

    A resumed run keeps the path it began with: that run may have been trained further or removed since.

    Raises:
        CheckpointError: there is no checkpoint at the path in the options.
    """
    requested = files.absolute(options.init_from) if options.init_from else ""
    previous = str(folder.options().get("init_from", "")) if options.resume and folder.exists() else ""
    if previous and (not requested or f"{previous}/".startswith(f"{requested.rstrip('/')}/")):
        return previous
    return find_checkpoints.find_init_checkpoint(requested, checkpoint, options.metric) if requested else ""


def _finish(folder: RunFolder, kind: str, metric: str, console: Console) -> TrainResult:
    """Report the best epoch, and write the history of the whole run into its checkpoint."""
    best = find_checkpoints.best_below(folder.path, kind=kind, metric=metric)
    if best is None:
        raise TrainError(f"the run {folder.path} left no checkpoint")
    history = find_checkpoints.run_history(best.path)
    atomic.write_text(files.join(best.path, "history.csv"), histories.to_csv(history))
    figures = history[int(best.about["epoch"]) - 1]
    console.line(
        f"Best epoch {figures.epoch} of {len(history)}: validation loss {figures.validation_loss:.4f}, "
        f"precision {figures.validation_precision:.3f}, recall {figures.validation_recall:.3f}, "
        f"mean average precision {figures.validation_mean_average_precision:.3f}\nCheckpoint: {best.path}"
    )
    return TrainResult(best.path, figures, history)


class _HandedOut:
    """Reads the films in a thread and publishes them on the progress channel.

    An error is raised on exit: workers that receive no films return at once.
    """

    def __init__(self, films: FilmsForWorkers, channel: ProgressChannel, clock: Timer) -> None:
        self._films, self._board, self._clock = films, channel, clock
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._read, daemon=True, name="read films")

    def __enter__(self) -> None:
        self._thread.start()
        if self._films.before_workers:
            self._thread.join()

    def __exit__(self, *_: object) -> None:
        if self._failure is not None:
            raise self._failure

    def _read(self) -> None:
        films = None
        try:
            with self._clock.span("reading the films"):
                films = self._films.read()
        except BaseException as error:  # raised in __exit__
            self._failure = error
        with contextlib.suppress(ray.exceptions.RayError):  # the run has ended before the films were read
            # As a reference in a list: the channel's actor forwards it without unpickling the films' classes.
            ray.get(self._board.actor.publish.remote(None if films is None else [ray.put(films)]))


class _Display:
    """Console display of the run: a line for each epoch, and a status line with the remaining time."""

    def __init__(self, epochs: int, console: Console, spans: list[Span]) -> None:
        self._epochs, self._screen, self._spans = epochs, console, spans
        self._timer: Countdown | None = None
        self._before = 0.0

    def show(self, message: Progress | Span | EpochGap) -> None:
        """Show a message from rank 0; with `--timing` also the table of the start-up and the epoch gaps."""
        if isinstance(message, EpochGap):
            self._screen.line(message.line())
            return
        if isinstance(message, Span):
            self._spans.append(message)
            if message.what == FIRST_STEP:
                self._screen.line("\n".join(table(self._spans)))
            return
        if self._timer is None:
            self._timer = Countdown()
            self._before = message.epoch - 1 + (message.step / message.steps if message.steps else 0)
        if message.figures is None:
            position = f"{message.step}/{message.steps}" if message.steps else f"{message.step}"
            done = message.epoch - 1 + (message.step / message.steps if message.steps else 0)
            activity = f"step {position}" if message.phase == "training" else "validating"
            self._screen.status(f"epoch {message.epoch}/{self._epochs}, {activity}{self._left(done)}")
            return
        self._screen.line(epoch_line(message.figures, self._epochs) + self._left(float(message.epoch)))

    def _left(self, done: float) -> str:
        assert self._timer is not None
        if done >= self._epochs:
            return ""
        return self._timer.left(done - self._before, self._epochs - self._before)


def epoch_line(figures: EpochMetrics, epochs: int) -> str:
    """Return an epoch's training metrics as a line, with validation metrics in brackets."""
    return (
        f"epoch {figures.epoch:>{len(str(epochs))}}/{epochs}  "
        f"loss {figures.loss:.4f} ({figures.validation_loss:.4f})  "
        f"precision {figures.precision:.3f} ({figures.validation_precision:.3f})  "
        f"recall {figures.recall:.3f} ({figures.validation_recall:.3f})  "
        f"mean AP ({figures.validation_mean_average_precision:.3f})  {duration(figures.seconds)}"
    )
