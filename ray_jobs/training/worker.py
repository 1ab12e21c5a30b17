"""What runs where a model is trained, by Ray Train's workers and in a sweep's trials alike: films in, the training
loop, figures and checkpoints out."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from datasets.batches.batching import Batching, Block, join_blocks, narrowed, training_batches, validation_batches
from datasets.batches.readers import blocks_of
from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.training.history import Epoch, best_epoch
from ray_jobs.runs.run_folder import RunFolder, epoch_folder
from ray_jobs.runs.tensorboard import TensorBoard
from ray_jobs.training.timing import WORKER, Clock, Gaps, process_started

_POST_EVERY_S = 0.5

Save = Callable[[Path], None]
"""Writes a checkpoint into a folder."""
Deliver = Callable[[dict[str, Any], Save | None], None]
"""Hands an epoch's figures over, and its checkpoint on the rank that writes it."""
Read = Callable[[], Iterable[Block]]
"""Reads a worker's films from their beginning."""


@dataclass(frozen=True)
class TrainJob:
    """Everything a worker must be told; the same for all of them."""

    checkpoint: Checkpoint
    """What every checkpoint of this run says, epoch and figures still missing."""
    run: str
    """The run's folder."""
    training_films: tuple[int, ...]
    """Films in each rank's share; empty where Ray Data splits a stream into equal shares."""
    validation_films: tuple[int, ...]
    """Films in each rank's share of the validation films."""
    shuffle_window: int
    use_gpu: bool
    steps_per_call: int = 1
    """Steps that a worker's device takes by itself where so many batches of one shape follow each other."""
    metric: str = "validation_loss"
    """Figure of `history.METRICS` by which an epoch is the best."""
    board: Any = None
    """Handle of the board's actor; without one, steps are not told."""
    genre_films: tuple[int, ...] = ()
    """Training films of each genre, in the model's order: for a recipe that weighs genres, a model that starts at
    their shares."""
    word_vectors: Any = None
    """What words' vectors are before training, float [vocabulary or more, units], where the model asks for it."""
    films_handed: bool = False
    """Whether the films come through the board, once they are read; else they are Ray Train's datasets."""
    read_ahead: bool = True
    """Whether an epoch's films begin to be read while the epoch before still trains."""
    timing: bool = False
    """Whether the board is told where the time goes."""
    start_from: str = ""
    """Checkpoint whose weights the model begins with; its place must be readable by every worker."""


@dataclass(frozen=True)
class Progress:
    """Word from rank 0: a step done, or an epoch's figures."""

    epoch: int
    step: int = 0
    steps: int = 0
    phase: str = "training"
    figures: Any = None


def train_fn_per_worker(config: dict[str, TrainJob]) -> None:
    """Train on this worker's share of the films; Ray Train runs it on every worker."""
    import ray.train

    job = config["job"]
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    clock = Clock(WORKER, job.board.post.remote if job.timing and rank == 0 else None)
    clock.told("its process started, Ray Train in it", process_started())
    with clock.span("importing TensorFlow"):
        from genre_models.training import trainer  # imports TensorFlow: here and nowhere earlier
    threads = None if job.use_gpu else max(1, (os.cpu_count() or 1) // context.get_local_world_size())
    # A share of its own for every rank (see `inputs.train_inputs`), or one stream that Ray Data splits as it reads.
    with clock.span("waiting for the films"):
        handed = ray.get(job.board.handed.remote()) if job.films_handed else {}
    if handed is None:
        return  # they could not be read: the driver knows, and says why
    shard = ray.train.get_dataset_shard
    training = handed.get(f"train-{rank}") or shard(f"train-{rank}" if job.training_films else "train")
    validation = handed.get(f"validation-{rank}") or shard(f"validation-{rank}")
    feed = Feed(job, rank, workers, training=lambda: blocks_of(training), validation=lambda: blocks_of(validation))
    latest = ray.train.get_checkpoint()
    strategy = trainer.set_up_tensorflow(
        workers=workers, threads=threads, side_by_side=job.checkpoint.runs_side_by_side
    )
    with latest.as_directory() if latest else contextlib.nullcontext() as folder:
        reporter = Reporter(job, rank, _to_ray_train, clock)
        train_on(job, feed, reporter, strategy=strategy, resume_from=Path(folder) if folder else None)


def _to_ray_train(metrics: dict[str, Any], save: Save | None) -> None:
    """Report to Ray Train, which keeps the best checkpoint and the last."""
    import ray.train

    if save is None:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
        save(Path(folder))
        ray.train.report(
            metrics,
            checkpoint=ray.train.Checkpoint.from_directory(folder),
            checkpoint_dir_name=epoch_folder(metrics["epoch"]),
        )


def train_on(job: TrainJob, feed: Feed, reporter: Reporter, *, strategy: Any, resume_from: Path | None) -> None:
    """Train the job's model on a feed, from the start or from a checkpoint's folder."""
    from genre_models.checkpoint import begin_from, restore
    from genre_models.training import trainer
    from genre_models.training.initialization import begin

    about = job.checkpoint

    def build() -> Any:
        model = about.model_kind.build(about.config, genres=len(about.genres), **about.fed_units)
        if resume_from is None:
            films = about.store["films"]["train"]
            begin(model, about.config, genre_films=job.genre_films, films=films, word_vectors=job.word_vectors)
            if job.start_from:
                with tempfile.TemporaryDirectory() as copy:
                    begin_from(files.download(job.start_from, Path(copy)), model, where=job.start_from)
        return model

    with contextlib.closing(reporter):
        trainer.fit(
            build,
            about.recipe,
            strategy=strategy,
            training=feed.training,
            validation=feed.validation,
            genre_counts=np.array(job.genre_films) if job.genre_films else None,
            metric=job.metric,
            steps_per_call=job.steps_per_call,
            resume=(lambda model, optimizer: restore(resume_from, model, optimizer)) if resume_from else None,
            on_step=lambda step: reporter.step(step, feed.steps),
            on_trained=reporter.trained,
            on_epoch=reporter.epoch,
        )


class Feed:
    """This worker's batches, from its share of the films."""

    def __init__(self, job: TrainJob, rank: int, workers: int, *, training: Read, validation: Read) -> None:
        self._job, self._rank = job, rank
        recipe = job.checkpoint.recipe
        self._batching = Batching(max(1, recipe.batch_size // workers), job.shuffle_window, recipe.oversampling)
        self._training, self._validation = training, validation
        self.steps = self._steps(job.training_films) if job.training_films else 0
        self._held: dict[str, list[Block]] = {}
        self._behind = ThreadPoolExecutor(1, "read ahead")
        self._ahead: dict[int, Future[Iterator[Block]]] = {}
        self._lock = threading.Lock()
        self._taken = self._read = 0  # the epochs whose batches were asked for, whose last film was read

    def _steps(self, shares: tuple[int, ...]) -> int:
        """Return how many batches the largest share makes: every rank takes as many."""
        return -(-max(shares) // self._batching.batch_size)

    def training(self, epoch: int) -> Iterator[Block]:
        """Yield this worker's batches of an epoch, whose first window may have been read during the one before."""
        ahead = self._ahead.pop(epoch, None)
        batches = ahead.result() if ahead else self._batches(epoch)
        self._read_ahead(taken=epoch)
        return batches

    def _read_ahead(self, *, taken: int = 0, read: int = 0) -> None:
        """Once an epoch is both under way and read, begin to read the next in a thread, up to its first batch: that
        takes its first window."""

        def first_and_others(epoch: int) -> Iterator[Block]:
            batches = self._batches(epoch)
            return chain([next(batches)], batches)

        with self._lock:
            self._taken, self._read = max(taken, self._taken), max(read, self._read)
            epoch = self._taken + 1
            more = self._job.read_ahead and epoch <= self._job.checkpoint.recipe.epochs
            if more and self._read == self._taken and epoch not in self._ahead:
                self._ahead[epoch] = self._behind.submit(first_and_others, epoch)

    def _batches(self, epoch: int) -> Iterator[Block]:
        """Yield an epoch's batches; once its last film is read, the next epoch's first window is read behind."""
        job = self._job

        def blocks() -> Iterator[Block]:
            yield from self._blocks("training", self._training, job.training_films)
            self._read_ahead(read=epoch)

        return training_batches(
            blocks(),
            self._batching,
            seed=job.checkpoint.recipe.seed,
            epoch=epoch,
            rank=self._rank,
            steps=self.steps or None,
        )

    def validation(self) -> Iterator[Block]:
        """Yield this worker's share of the validation films, each once."""
        steps = self._steps(self._job.validation_films)
        blocks = self._blocks("validation", self._validation, self._job.validation_films)
        return validation_batches(blocks, self._batching, steps=steps)

    def _blocks(self, name: str, read: Read, shares: tuple[int, ...]) -> Iterable[Block]:
        """Read a share, in the first epoch only if the window that is held in memory anyway holds all of it."""
        if not shares or max(shares) > self._job.shuffle_window:
            return map(self._fitted, read())
        if name not in self._held:
            self._held[name] = [self._fitted(join_blocks(list(read())))]
        return self._held[name]

    def _fitted(self, block: Block) -> Block:
        """Return films as this model reads them: a sweep's are encoded for its largest vocabulary and length."""
        if "lengths" not in block:
            return block
        config = self._job.checkpoint.config
        return narrowed(block, vocabulary_size=config.known_ids, max_tokens=config.max_tokens)


class Reporter:
    """Tells how far the run is, and hands over each epoch's figures and checkpoint; rank 0 does the writing."""

    def __init__(self, job: TrainJob, rank: int, deliver: Deliver, timing: Clock | None = None) -> None:
        self._job, self._first, self._deliver = job, rank == 0, deliver
        self._timing = timing or Clock(WORKER, None)
        self._gaps = Gaps(self._timing)
        self._posted = 0.0
        self._weights: Future[tempfile.TemporaryDirectory[str]] | None = None
        self._behind = ThreadPoolExecutor(1, "checkpoint")
        self._folder = RunFolder(*job.run.rsplit("/", 1))
        self._tensorboard = TensorBoard(job.run) if self._first else None

    def step(self, step: Any, steps: int) -> None:
        """Post a step, at most twice a second."""
        self._gaps.step(step)
        if self._first and time.monotonic() - self._posted > _POST_EVERY_S:
            self._posted = time.monotonic()
            self._post(Progress(step.epoch, step.step, steps, step.phase))

    def trained(self, state: Any) -> None:
        """Begin to write the weights, which stay as they are while the epoch is validated."""
        self._gaps.trained()
        if self._first:
            self._weights = self._behind.submit(_write_weights, state)

    def epoch(self, state: Any) -> None:
        """Write the epoch's figures and deliver it with its checkpoint: every rank delivers equally often."""
        self._gaps.validated()
        figures: Epoch = state.history[-1]
        best = best_epoch(state.history, self._job.metric)
        metrics = {**asdict(figures), "best": getattr(best, self._job.metric), "best_epoch": best.epoch}
        if not self._first:
            self._deliver(metrics, None)
            return

        def save(folder: Path) -> None:
            self._save(folder, state)
            self._folder.write_history(state.history)
            if self._tensorboard:
                self._tensorboard.write(figures)

        self._deliver(metrics, save)
        self._post(Progress(figures.epoch, figures=figures))

    def close(self) -> None:
        """End what it writes: a sweep's process goes on with another trial."""
        self._behind.shutdown()
        if self._tensorboard:
            self._tensorboard.close()

    def _post(self, progress: Progress) -> None:
        if self._job.board is not None:
            self._job.board.post.remote(progress)

    def _save(self, folder: Path, state: Any) -> None:
        from genre_models import checkpoint
        from genre_models.metrics import thresholds

        assert self._weights is not None
        with self._weights.result() as written:
            for part in Path(written).iterdir():
                shutil.move(part, folder / part.name)
        tuned = thresholds.tune_thresholds(state.validation_labels, state.validation_scores)
        about = replace(
            self._job.checkpoint,
            epoch=state.history[-1].epoch,
            history=tuple(state.history),
            thresholds=tuple(float(t) for t in tuned),
        )
        checkpoint.save_about(folder, about, parameters=state.model.count_params())


def _write_weights(state: Any) -> tempfile.TemporaryDirectory[str]:
    """Write a checkpoint's weights and training state into a folder of their own."""
    from genre_models import checkpoint

    folder = tempfile.TemporaryDirectory(prefix="weights-")
    checkpoint.save_weights(Path(folder.name), state.model, state.optimizer)
    return folder
