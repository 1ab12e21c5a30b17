"""Training of a model in a process: in Ray Train's workers and in a sweep's trials."""

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
from ray_jobs.training.timing import WORKER, Timer, process_started
from ray_jobs.training.train_job import TrainSpec
from ray_jobs.training.worker_batches import WorkerBatches


def train_func(config: dict[str, TrainSpec]) -> None:
    """Train on this worker's share of the films; Ray Train calls it on every worker."""
    import ray.train

    from ray_jobs.cluster.resources import configure_ray_data

    configure_ray_data()
    job = config["job"]
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    clock = Timer(WORKER, job.channel.send.remote if job.timing and rank == 0 else None)
    clock.told("its process started, Ray Train in it", process_started())
    with clock.span("importing TensorFlow"):
        from genre_models.training import trainer  # imports TensorFlow: timed, and not earlier
    threads = None if job.use_gpu else max(1, (os.cpu_count() or 1) // context.get_local_world_size())
    # Each rank has its own share (see `inputs.train_inputs`), or Ray Data splits one stream while it is read.
    with clock.span("waiting for the films"):
        films = ray.get(job.channel.received.remote()) if job.films_via_channel else []
        if films is None:
            return  # reading them failed: the driver raises the error
        received = ray.get(films[0]) if films else {}
    shard = ray.train.get_dataset_shard
    training = received.get(f"train-{rank}") or shard(f"train-{rank}" if job.training_films else "train")
    validation = received.get(f"validation-{rank}") or shard(f"validation-{rank}")
    feed = WorkerBatches(
        job, rank, workers, training=lambda: blocks_of(training), validation=lambda: blocks_of(validation)
    )
    latest = ray.train.get_checkpoint()
    strategy = trainer.set_up_tensorflow(
        workers=workers, threads=threads, inter_op_parallel=job.checkpoint.inputs.inter_op_parallel
    )
    with latest.as_directory() if latest else contextlib.nullcontext() as folder:
        reporter = Reporter(job, rank, _to_ray_train, clock)
        train_model(job, feed, reporter, strategy=strategy, resume_from=Path(folder) if folder else None)


def _to_ray_train(metrics: dict[str, Any], save: Save | None) -> None:
    """Report to Ray Train, which keeps the best and the last checkpoint."""
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


def train_model(
    job: TrainSpec, feed: WorkerBatches, reporter: Reporter, *, strategy: Any, resume_from: Path | None
) -> None:
    """Train the job's model on a feed, from scratch or from a checkpoint's folder."""
    from genre_models.checkpoint import load_initial_weights, restore
    from genre_models.training import trainer
    from genre_models.training.initialization import initialize

    checkpoint = job.checkpoint

    def build() -> Any:
        model = checkpoint.build_model()
        if resume_from is None:
            films = checkpoint.store["films"]["train"]
            initialize(
                model, checkpoint.config, genre_films=job.genre_films, films=films, word_vectors=job.word_vectors
            )
            if job.init_from:
                with tempfile.TemporaryDirectory() as copy:
                    load_initial_weights(files.download(job.init_from, Path(copy)), model, where=job.init_from)
        return model

    with contextlib.closing(reporter):
        trainer.fit(
            build,
            checkpoint.recipe,
            strategy=strategy,
            training=feed.training,
            validation=feed.validation,
            genre_counts=np.array(job.genre_films) if job.genre_films else None,
            metric=job.metric,
            steps_per_execution=job.steps_per_execution,
            resume=(lambda model, optimizer: restore(resume_from, model, optimizer)) if resume_from else None,
            on_step=lambda step: reporter.step(step, feed.steps),
            on_trained=reporter.trained,
            on_epoch=reporter.epoch,
        )
