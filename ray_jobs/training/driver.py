"""The driver of a training run: films and workers in, a run folder with the best checkpoint out."""

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
from genre_models.encoders.backbones import is_fine_tuned
from genre_models.models.registry import KINDS, without_cudnn
from genre_models.training import history as histories
from genre_models.training.history import Epoch
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Countdown, Screen, duration
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TrainOptions, timestamp
from ray_jobs.cluster import ray_init, resources
from ray_jobs.cluster.progress_channel import Board
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.store_setup import open_store
from ray_jobs.inputs.train_inputs import (
    TRAINING_SPLITS,
    FilmsForWorkers,
    are_held,
    films_for_workers,
    require_films_enough,
    require_posters_that_fit,
    vocabulary_of,
    word_vectors_of,
)
from ray_jobs.runs import find_checkpoints
from ray_jobs.runs.resume import claim, settings_of
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.ray_trainer import run_workers
from ray_jobs.training.timing import DRIVER, FIRST_STEP, Clock, Gap, Span, process_started, table
from ray_jobs.training.train_job import Progress, TrainJob


@dataclass(frozen=True)
class TrainResult:
    """What a run leaves."""

    checkpoint: str
    """Path of the best checkpoint."""
    best: Epoch
    history: list[Epoch]


def train(kind: str, config: Any, recipe: Recipe, options: TrainOptions) -> TrainResult:
    """Train one model of a kind under Ray Train and return its best checkpoint.

    Raises:
        TrainError, StoreError, ClusterError: with what was found and what to do.
    """
    screen = Screen()
    spans: list[Span] = []
    clock = Clock(DRIVER, spans.append if options.timing else None)
    imported = time.time()
    have = resources.connect(screen)
    begun, ended = ray_init.started or (imported, time.time())
    clock.told("Python, the command line", process_started(), begun)
    clock.told("starting Ray", begun, ended)
    clock.told("importing the rest", ended, imported)
    per_worker = resources.worker_resources(
        workers=options.workers, use_gpu=options.use_gpu, cpus_per_worker=options.cpus_per_worker, have=have
    )
    store = open_store(options.store, screen)
    _check(kind, config, recipe, options, store)
    folder = RunFolder(files.absolute(options.runs), options.name or f"{kind}-{timestamp()}")
    vocabulary = vocabulary_of(kind, config, store)
    about = with_encoder(
        Checkpoint(
            kind=kind,
            genres=store.manifest.genres,
            config=config,
            recipe=recipe,
            vocabulary=vocabulary.tokens if vocabulary else (),
            store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
        )
    )
    origin = _origin(folder, about, options)
    begins = {"start from": origin} if origin else {}
    claim(folder, settings_of(about) | begins, what="run", resume=options.resume)
    screen.line(
        f"Training {about.model_kind.label} on {store.manifest.films['train']:,} films of {store.path}, "
        f"{recipe.epochs} epochs in batches of {recipe.batch_size}, on {options.workers} "
        f"worker{'s' if options.workers > 1 else ''}" + (f", from {origin}" if origin else "")
    )
    if options.use_gpu and (said := without_cudnn(config)):
        screen.line(said)
    if is_fine_tuned(config) and not origin:
        screen.line(
            "The encoder trains further from the first step on, under a head that knows nothing yet: "
            "it does better where it was frozen first, in a run that --start-from names (docs/pretrained.md)"
        )
    about = with_features(about, store, TRAINING_SPLITS, screen, use_gpu=options.use_gpu)
    held = are_held(about, store, have, hold=options.hold_films, share=options.object_store_share)
    films = films_for_workers(about, store, per_worker=per_worker, workers=options.workers, held=held, have=have)
    with Board(_Display(recipe.epochs, screen, spans).show) as board:
        job = TrainJob(
            checkpoint=about,
            run=folder.path,
            training_films=films.shares["train"],
            validation_films=films.shares["validation"],
            shuffle_window=options.shuffle_window,
            use_gpu=options.use_gpu,
            steps_per_call=options.steps_per_call,
            metric=options.metric,
            board=board.actor,
            genre_films=store.manifest.films_of_genres("train"),
            word_vectors=word_vectors_of(about, store),
            films_handed=True,
            read_ahead=options.read_ahead,
            timing=options.timing,
            start_from=origin,
        )
        screen.status("starting the workers, reading the films")
        with _HandedOut(films, board, clock):
            run_workers(job, films.streams, workers=options.workers, per_worker=per_worker, split=list(films.streams))
    return _finish(folder, kind, options.metric, screen)


# -- before -----------------------------------------------------------------------------------------------------------


def _check(kind: str, config: Any, recipe: Recipe, options: TrainOptions, store: Store) -> None:
    """Refuse what could only fail later."""
    if recipe.batch_size % options.workers:
        raise TrainError(
            f"--batch-size {recipe.batch_size} cannot be shared equally by {options.workers} workers: "
            f"take a multiple of {options.workers}"
        )
    require_films_enough(store, options.workers)
    require_posters_that_fit(KINDS[kind], config, store)


def _origin(folder: RunFolder, about: Checkpoint, options: TrainOptions) -> str:
    """Return the checkpoint that a run begins with, or nothing; of one that goes on, what it began with.

    That is not looked for anew: since then it may have been trained further, or removed.

    Raises:
        CheckpointError: there is none where the options say.
    """
    told = files.absolute(options.start_from) if options.start_from else ""
    began = str(folder.options().get("start from", "")) if options.resume and folder.exists() else ""
    if began and (not told or f"{began}/".startswith(f"{told.rstrip('/')}/")):
        return began
    return find_checkpoints.start_of(told, about, options.metric) if told else ""


def _finish(folder: RunFolder, kind: str, metric: str, screen: Screen) -> TrainResult:
    """Name the best epoch, and give its checkpoint the curves of the whole run."""
    best = find_checkpoints.best_below(folder.path, kind=kind, metric=metric)
    if best is None:
        raise TrainError(f"the run {folder.path} left no checkpoint")
    history = find_checkpoints.run_history(best.path)
    atomic.write_text(files.join(best.path, "history.csv"), histories.to_csv(history))
    figures = history[int(best.about["epoch"]) - 1]
    screen.line(
        f"Best epoch {figures.epoch} of {len(history)}: validation loss {figures.validation_loss:.4f}, "
        f"precision {figures.validation_precision:.3f}, recall {figures.validation_recall:.3f}, "
        f"mean average precision {figures.validation_mean_average_precision:.3f}\nCheckpoint: {best.path}"
    )
    return TrainResult(best.path, figures, history)


class _HandedOut:
    """Reads the films while the workers start, or before where it must be, and hands them out on the board.

    What went wrong is raised at the end: workers that get no films end at once.
    """

    def __init__(self, films: FilmsForWorkers, board: Board, clock: Clock) -> None:
        self._films, self._board, self._clock = films, board, clock
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
        handed = None
        try:
            with self._clock.span("reading the films"):
                handed = self._films.read()
        except BaseException as error:  # raised where the run ends
            self._failure = error
        with contextlib.suppress(ray.exceptions.RayError):  # the run has ended without them
            # In a list, as a reference: the board hands it on and need not import what the films are made of.
            ray.get(self._board.actor.hand_out.remote(None if handed is None else [ray.put(handed)]))


class _Display:
    """Shows the run's progress: a line an epoch, and in between a line that says how far and how long still."""

    def __init__(self, epochs: int, screen: Screen, spans: list[Span]) -> None:
        self._epochs, self._screen, self._spans = epochs, screen, spans
        self._timer: Countdown | None = None
        self._before = 0.0

    def show(self, word: Progress | Span | Gap) -> None:
        """Show one word from rank 0: with `--timing` the table of the start, once it is over, and gaps of epochs."""
        if isinstance(word, Gap):
            self._screen.line(word.line())
            return
        if isinstance(word, Span):
            self._spans.append(word)
            if word.what == FIRST_STEP:
                self._screen.line("\n".join(table(self._spans)))
            return
        if self._timer is None:
            self._timer = Countdown()
            self._before = word.epoch - 1 + (word.step / word.steps if word.steps else 0)
        if word.figures is None:
            of = f"{word.step}/{word.steps}" if word.steps else f"{word.step}"
            done = word.epoch - 1 + (word.step / word.steps if word.steps else 0)
            what = f"step {of}" if word.phase == "training" else "validating"
            self._screen.status(f"epoch {word.epoch}/{self._epochs}, {what}{self._left(done)}")
            return
        self._screen.line(epoch_line(word.figures, self._epochs) + self._left(float(word.epoch)))

    def _left(self, done: float) -> str:
        assert self._timer is not None
        if done >= self._epochs:
            return ""
        return self._timer.left(done - self._before, self._epochs - self._before)


def epoch_line(figures: Epoch, epochs: int) -> str:
    """Return an epoch's figures as a line: training, and validation in brackets."""
    return (
        f"epoch {figures.epoch:>{len(str(epochs))}}/{epochs}  "
        f"loss {figures.loss:.4f} ({figures.validation_loss:.4f})  "
        f"precision {figures.precision:.3f} ({figures.validation_precision:.3f})  "
        f"recall {figures.recall:.3f} ({figures.validation_recall:.3f})  "
        f"mean AP ({figures.validation_mean_average_precision:.3f})  {duration(figures.seconds)}"
    )
