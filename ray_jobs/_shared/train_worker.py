"""What runs in each training worker: films in, the training loop, figures and checkpoints out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets.stream import Batching, Block, blocks_of, join_blocks, training_batches, validation_batches
from genre_models.checkpoint import Checkpoint
from ray_jobs._shared.runs import RunFolder, TensorBoard

_POST_EVERY_S = 0.5


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
    board: Any
    """Handle of the board's actor."""


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

    from genre_models import fit  # imports TensorFlow: here and nowhere earlier

    job = config["job"]
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    threads = None if job.use_gpu else max(1, (os.cpu_count() or 1) // context.get_local_world_size())
    strategy = fit.set_up_tensorflow(workers=workers, threads=threads)
    reporter = Reporter(job, rank)
    feed = Feed(job, rank, workers)
    about = job.checkpoint
    latest = ray.train.get_checkpoint()

    def restore(model: Any, optimizer: Any) -> Any:
        from genre_models.checkpoint import restore as restore_from

        with latest.as_directory() as folder:
            return restore_from(Path(folder), model, optimizer)

    fit.fit(
        lambda: about.model_kind.build(about.config, genres=len(about.genres)),
        about.recipe,
        strategy=strategy,
        training=feed.training,
        validation=feed.validation,
        resume=restore if latest else None,
        on_step=lambda step: reporter.step(step, feed.steps),
        on_epoch=reporter.epoch,
    )


class Feed:
    """This worker's batches, from its shards of the datasets."""

    def __init__(self, job: TrainJob, rank: int, workers: int) -> None:
        import ray.train

        self._job, self._rank = job, rank
        self._batching = Batching(max(1, job.checkpoint.recipe.batch_size // workers), job.shuffle_window)
        # A share of its own for every rank (see `_shared.train`), or one stream that Ray Data splits as it reads.
        own = f"train-{rank}" if job.training_films else "train"
        self._training = ray.train.get_dataset_shard(own)
        self._validation = ray.train.get_dataset_shard(f"validation-{rank}")
        self.steps = self._steps(job.training_films) if job.training_films else 0
        self._held: dict[str, list[Block]] = {}

    def _steps(self, shares: tuple[int, ...]) -> int:
        """Return how many batches the largest share makes: every rank takes as many."""
        return -(-max(shares) // self._batching.batch_size)

    def training(self, epoch: int) -> Iterator[Block]:
        """Yield this worker's batches of an epoch."""
        job = self._job
        return training_batches(
            self._blocks("training", self._training, job.training_films),
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

    def _blocks(self, name: str, shard: Any, shares: tuple[int, ...]) -> Iterable[Block]:
        """Read a shard, in the first epoch only if the window that is held in memory anyway holds all of it."""
        if not shares or max(shares) > self._job.shuffle_window:
            return blocks_of(shard)
        if name not in self._held:
            self._held[name] = [join_blocks(list(blocks_of(shard)))]
        return self._held[name]


class Reporter:
    """Tells the driver how far the run is, and Ray Train when a checkpoint is made; rank 0 does the writing."""

    def __init__(self, job: TrainJob, rank: int) -> None:
        self._job, self._first = job, rank == 0
        self._posted = 0.0
        self._folder = RunFolder(*job.run.rsplit("/", 1))
        self._tensorboard = TensorBoard(job.run) if self._first else None

    def step(self, step: Any, steps: int) -> None:
        """Post a step, at most twice a second."""
        if self._first and time.monotonic() - self._posted > _POST_EVERY_S:
            self._posted = time.monotonic()
            self._job.board.post.remote(Progress(step.epoch, step.step, steps, step.phase))

    def epoch(self, state: Any) -> None:
        """Write the epoch's figures and its checkpoint, and report both: every rank reports equally often."""
        import ray.train

        figures = state.history[-1]
        metrics = {"epoch": figures.epoch, "loss": figures.loss, "validation_loss": figures.validation_loss}
        if not self._first:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
            self._save(Path(folder), state)
            self._folder.write_history(state.history)
            if self._tensorboard:
                self._tensorboard.write(figures)
            ray.train.report(
                metrics,
                checkpoint=ray.train.Checkpoint.from_directory(folder),
                checkpoint_dir_name=f"epoch-{figures.epoch:03d}",
            )
        self._job.board.post.remote(Progress(figures.epoch, figures=figures))

    def _save(self, folder: Path, state: Any) -> None:
        from genre_models import checkpoint, thresholds

        tuned = thresholds.tune_thresholds(state.validation_labels, state.validation_scores)
        about = replace(
            self._job.checkpoint,
            epoch=state.history[-1].epoch,
            history=tuple(state.history),
            thresholds=tuple(float(t) for t in tuned),
        )
        checkpoint.save(folder, about, state.model, state.optimizer)
