"""What runs where a model is trained, by Ray Train's workers and in a sweep's trials alike: films in, the training
loop, figures and checkpoints out."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from datasets.batches.readers import blocks_of
from datasets.storage import files
from ray_jobs.runs.run_folder import epoch_folder
from ray_jobs.training.reporter import Reporter, Save
from ray_jobs.training.timing import WORKER, Clock, process_started
from ray_jobs.training.train_job import TrainJob
from ray_jobs.training.worker_batches import Feed


def train_fn_per_worker(config: dict[str, TrainJob]) -> None:
    """Train on this worker's share of the films; Ray Train runs it on every worker."""
    import ray.train

    from ray_jobs.cluster.resources import calm_data

    calm_data()
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
        films = ray.get(job.board.handed.remote()) if job.films_handed else []
        if films is None:
            return  # they could not be read: the driver knows, and says why
        handed = ray.get(films[0]) if films else {}
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
