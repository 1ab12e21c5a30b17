"""The driver of a training run: films and workers in, a run folder with the best checkpoint out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets import files
from datasets.store import Store
from genre_models import history as histories
from genre_models.catalog import KINDS, without_cudnn
from genre_models.checkpoint import Checkpoint
from genre_models.history import Epoch
from genre_models.recipe import Recipe
from ray_jobs._shared import cluster, runs
from ray_jobs._shared.board import Board
from ray_jobs._shared.claim import claim, settings_of
from ray_jobs._shared.features import with_encoder, with_features
from ray_jobs._shared.feeding import (
    TRAINING_SPLITS,
    datasets_for_workers,
    require_films_enough,
    require_posters_that_fit,
    vocabulary_of,
    word_vectors_of,
)
from ray_jobs._shared.films import open_store
from ray_jobs._shared.options import TrainError, TrainOptions, timestamp
from ray_jobs._shared.quiet import import_trainer_behind
from ray_jobs._shared.runs import RunFolder
from ray_jobs._shared.screen import Countdown, Screen, duration
from ray_jobs._shared.train_run import run_workers
from ray_jobs._shared.train_worker import Progress, TrainJob


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
    importing = import_trainer_behind()
    try:
        return _train(kind, config, recipe, options)
    finally:
        # The import holds stderr back: what went wrong must not be said before it is done.
        importing.join()


def _train(kind: str, config: Any, recipe: Recipe, options: TrainOptions) -> TrainResult:
    """Train one model while Ray's trainer is imported behind it."""
    screen = Screen()
    have = cluster.connect(screen)
    per_worker = cluster.worker_resources(
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
    claim(folder, settings_of(about), what="run", resume=options.resume)
    screen.line(
        f"Training {about.model_kind.label} on {store.manifest.films['train']:,} films of {store.path}, "
        f"{recipe.epochs} epochs in batches of {recipe.batch_size}, on {options.workers} "
        f"worker{'s' if options.workers > 1 else ''}"
    )
    if options.use_gpu and (said := without_cudnn(config)):
        screen.line(said)
    about = with_features(about, store, TRAINING_SPLITS, screen, use_gpu=options.use_gpu)
    with Board(_Display(recipe.epochs, screen).show) as board:
        screen.status("reading the films")
        datasets, split, shares = datasets_for_workers(
            about,
            store,
            workers=options.workers,
            object_store_share=options.object_store_share,
            have=have,
            spare_cpus=cluster.spare_cpus(options.workers, per_worker, have),
        )
        job = TrainJob(
            checkpoint=about,
            run=folder.path,
            training_films=shares["train"],
            validation_films=shares["validation"],
            shuffle_window=options.shuffle_window,
            use_gpu=options.use_gpu,
            steps_per_call=options.steps_per_call,
            metric=options.metric,
            board=board.actor,
            genre_films=store.manifest.films_of_genres("train"),
            word_vectors=word_vectors_of(about, store),
        )
        screen.status("starting the workers")
        run_workers(job, datasets, workers=options.workers, per_worker=per_worker, split=split)
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


def _finish(folder: RunFolder, kind: str, metric: str, screen: Screen) -> TrainResult:
    """Name the best epoch, and give its checkpoint the curves of the whole run."""
    best = runs.best_below(folder.path, kind=kind, metric=metric)
    if best is None:
        raise TrainError(f"the run {folder.path} left no checkpoint")
    history = runs.run_history(best.path)
    files.write_text(files.join(best.path, "history.csv"), histories.to_csv(history))
    figures = history[int(best.about["epoch"]) - 1]
    screen.line(
        f"Best epoch {figures.epoch} of {len(history)}: validation loss {figures.validation_loss:.4f}, "
        f"precision {figures.validation_precision:.3f}, recall {figures.validation_recall:.3f}, "
        f"mean average precision {figures.validation_mean_average_precision:.3f}\nCheckpoint: {best.path}"
    )
    return TrainResult(best.path, figures, history)


class _Display:
    """Shows the run's progress: a line an epoch, and in between a line that says how far and how long still."""

    def __init__(self, epochs: int, screen: Screen) -> None:
        self._epochs, self._screen = epochs, screen
        self._timer: Countdown | None = None
        self._before = 0.0

    def show(self, word: Progress) -> None:
        """Show one word from rank 0."""
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
