"""The driver of a training run: films and workers in, a run folder with the best checkpoint out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import ray
import ray.data
import ray.train

from datasets import files
from datasets.store import Store
from datasets.stream import overview_films, poster_films
from datasets.vocabulary import Vocabulary
from genre_models import history as histories
from genre_models.catalog import KINDS
from genre_models.checkpoint import Checkpoint
from genre_models.history import Epoch
from genre_models.recipe import Recipe
from ray_jobs._shared import cluster, runs
from ray_jobs._shared.board import Board
from ray_jobs._shared.films import open_store
from ray_jobs._shared.options import TrainOptions, timestamp
from ray_jobs._shared.quiet import import_trainer_behind
from ray_jobs._shared.runs import RunFolder
from ray_jobs._shared.screen import Countdown, Screen, duration
from ray_jobs._shared.train_worker import Progress, TrainJob, train_fn_per_worker

_RESTARTS = 3  # a worker or node that dies costs at most the epoch under way, this many times


class TrainError(RuntimeError):
    """A run that cannot start or could not end; the message is for the person."""


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
    vocabulary = _vocabulary(kind, config, store)
    about = Checkpoint(
        kind=kind,
        genres=store.manifest.genres,
        config=config,
        recipe=recipe,
        vocabulary=vocabulary.tokens if vocabulary else (),
        store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
    )
    _claim(folder, about, resume=options.resume)
    screen.line(
        f"Training {about.model_kind.label} on {store.manifest.films['train']:,} films of {store.path}, "
        f"{recipe.epochs} epochs in batches of {recipe.batch_size}, on {options.workers} "
        f"worker{'s' if options.workers > 1 else ''}"
    )
    with Board(_Display(recipe.epochs, screen).show) as board:
        spare = cluster.spare_cpus(options.workers, per_worker, have)
        datasets, split, shares = _datasets(about, store, vocabulary, options, have, spare, screen)
        job = TrainJob(
            checkpoint=about,
            run=folder.path,
            training_films=shares["train"],
            validation_films=shares["validation"],
            shuffle_window=options.shuffle_window,
            use_gpu=options.use_gpu,
            board=board.actor,
        )
        screen.status("starting the workers")
        _run(job, datasets, split, options, per_worker, folder)
    return _finish(folder, kind, screen)


# -- before -----------------------------------------------------------------------------------------------------------


def _check(kind: str, config: Any, recipe: Recipe, options: TrainOptions, store: Store) -> None:
    """Refuse what could only fail later."""
    if recipe.batch_size % options.workers:
        raise TrainError(
            f"--batch-size {recipe.batch_size} cannot be shared equally by {options.workers} workers: "
            f"take a multiple of {options.workers}"
        )
    for split in ("train", "validation"):
        if store.manifest.films[split] < options.workers:
            raise TrainError(
                f"{store.path} has {store.manifest.films[split]} films in its {split} split, "
                f"too few for {options.workers} workers"
            )
    if KINDS[kind].sees == "poster":
        wanted = {"height": config.height, "width": config.width}
        if wanted != store.manifest.poster:
            have = store.manifest.poster
            raise TrainError(
                f"the model takes posters of {config.height} by {config.width} pixels, but {store.path} holds "
                f"{have['height']} by {have['width']}: train with --height {have['height']} --width {have['width']}, "
                f"or prepare the films again with --height {config.height} --width {config.width} --overwrite"
            )


def _vocabulary(kind: str, config: Any, store: Store) -> Vocabulary | None:
    """Build the vocabulary of a model that reads, from the words of the training films."""
    if KINDS[kind].sees != "overview":
        return None
    return Vocabulary.from_counts(store.word_counts(), size=config.vocabulary_size)


def _claim(folder: RunFolder, about: Checkpoint, *, resume: bool) -> None:
    """Take the run's folder for a new run, or make sure that it is the same run that goes on."""
    asked = {
        "kind": about.kind,
        "recipe": dataclasses.asdict(about.recipe),
        "config": _plain(dataclasses.asdict(about.config)),
        "store": about.store["fingerprint"],
    }
    if not folder.exists():
        if resume:
            raise TrainError(f"there is no run at {folder.path} to go on with: leave out --resume to start it")
        folder.write_options(asked)
        return
    if not resume:
        raise TrainError(f"the run {folder.path} exists: go on with it by --resume, or take another --name")
    before = folder.options()
    changed = [
        f"{name} {before[part][name]} -> {asked[part][name]}"
        for part in ("recipe", "config")
        for name in asked[part]
        if name != "epochs" and before[part].get(name) != asked[part][name]
    ]
    changed += [f"{part} {before[part]} -> {asked[part]}" for part in ("kind", "store") if before[part] != asked[part]]
    if changed:
        raise TrainError(
            f"the run {folder.path} was started otherwise ({', '.join(changed)}): give it the same options and films, "
            "or start a new run under another --name"
        )
    folder.write_options(asked)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


# -- films to workers -------------------------------------------------------------------------------------------------


def _datasets(
    about: Checkpoint,
    store: Store,
    vocabulary: Vocabulary | None,
    options: TrainOptions,
    have: cluster.Resources,
    spare_cpus: float,
    screen: Screen,
) -> tuple[dict[str, Any], list[str], dict[str, tuple[int, ...]]]:
    """Return the datasets for Ray Train, which of them it must split itself, and each rank's number of films.

    Films that fit are decoded and tokenised once into the object store, and every rank gets an equal share of its
    own, so that an epoch starts at once and no film is lost to equal splitting. Where they do not fit, Ray Data
    reads the store again in every epoch and splits the stream.
    """
    screen.status("reading the films")

    def films(split: str, cpus: float = 1) -> ray.data.Dataset:
        if vocabulary is None:
            return poster_films(store, split, cpus=cpus)
        return overview_films(store, split, vocabulary, max_tokens=about.config.max_tokens, cpus=cpus)

    shares = {split: _equal_shares(store.manifest.films[split], options.workers) for split in ("train", "validation")}
    datasets: dict[str, Any] = _parts(films("validation"), shares["validation"], "validation")
    if (
        _film_bytes(about, store) * store.manifest.films["train"]
        <= options.object_store_share * have.object_store_bytes
    ):
        datasets |= _parts(films("train"), shares["train"], "train")
        return datasets, [], shares
    # Read while the workers hold their CPUs: a task that asked for more than they leave would wait for ever.
    return {**datasets, "train": films("train", cpus=spare_cpus)}, ["train"], {**shares, "train": ()}


def _parts(dataset: ray.data.Dataset, shares: tuple[int, ...], name: str) -> dict[str, Any]:
    """Materialise a dataset and cut it into consecutive parts of these sizes."""
    held = dataset.materialize()
    if len(shares) == 1:
        return {f"{name}-0": held}
    ends = [sum(shares[: rank + 1]) for rank in range(len(shares) - 1)]
    return {f"{name}-{rank}": part for rank, part in enumerate(held.split_at_indices(ends))}


def _equal_shares(films: int, workers: int) -> tuple[int, ...]:
    """Share films out so that no two ranks differ by more than one."""
    return tuple(films // workers + (rank < films % workers) for rank in range(workers))


def _film_bytes(about: Checkpoint, store: Store) -> int:
    """Return how much of the object store one film takes as the model's input."""
    if about.model_kind.sees == "poster":
        height, width, channels = store.manifest.poster_shape
        return height * width * channels + 4 * len(about.genres)
    return 4 * (about.config.max_tokens + 1 + len(about.genres))


# -- the run ----------------------------------------------------------------------------------------------------------


def _run(
    job: TrainJob,
    datasets: dict[str, Any],
    split: list[str],
    options: TrainOptions,
    per_worker: dict[str, float],
    folder: RunFolder,
) -> None:
    from ray.train.tensorflow import TensorflowTrainer

    runs_folder, name = folder.path.rsplit("/", 1)
    trainer = TensorflowTrainer(
        train_fn_per_worker,
        train_loop_config={"job": job},
        datasets=datasets,
        dataset_config=ray.train.DataConfig(datasets_to_split=split),
        scaling_config=ray.train.ScalingConfig(
            num_workers=options.workers, use_gpu=options.use_gpu, resources_per_worker=per_worker
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=runs_folder,
            checkpoint_config=ray.train.CheckpointConfig(
                num_to_keep=1, checkpoint_score_attribute="validation_loss", checkpoint_score_order="min"
            ),
            failure_config=ray.train.FailureConfig(max_failures=_RESTARTS, controller_failure_limit=_RESTARTS),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise TrainError(_reason(error, folder)) from error


def _reason(error: Exception, folder: RunFolder) -> str:
    """Say in one line why a run failed, and what is left of it."""
    failures = getattr(error, "worker_failures", {}) or {}
    cause: BaseException = next(iter(failures.values()), error)
    while cause.__cause__ is not None:
        cause = cause.__cause__
    said = str(cause).strip().splitlines()
    kept = " Its epochs so far are kept: go on with --resume." if runs.checkpoints_below(folder.path) else ""
    return f"the run {folder.path} failed: {type(cause).__name__}: {said[-1] if said else cause!r}.{kept}"


def _finish(folder: RunFolder, kind: str, screen: Screen) -> TrainResult:
    """Name the best epoch, and give its checkpoint the curves of the whole run."""
    best = runs.best_below(folder.path, kind=kind)
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
