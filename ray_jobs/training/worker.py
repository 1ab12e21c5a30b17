"""Training of a model in a process: in Ray Train's workers and in a sweep's trials."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import ray

from datasets.batches.readers import blocks_of
from datasets.storage import files
from ray_jobs.cluster.node_watch import WorkerStarted
from ray_jobs.inputs.held_films import HeldFilms
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.reporter import Reporter, Save
from ray_jobs.training.timing import WORKER, Timer, process_started
from ray_jobs.training.train_spec import TrainSpec
from ray_jobs.training.worker_batches import Read, WorkerBatches, shares_of_ranks


def train_func(config: dict[str, TrainSpec]) -> None:
    """Train on this worker's share of the films; Ray Train calls it on every worker."""
    import ray.train

    from ray_jobs.cluster.resources import configure_ray_data

    configure_ray_data()
    spec = config["spec"]
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    if spec.channel is not None:
        spec.channel.send.remote(_started(rank, workers))
    timer = Timer(WORKER, spec.channel.send.remote if spec.timing and rank == 0 else None)
    timer.record("its process started, Ray Train in it", process_started())
    with timer.span("importing TensorFlow"):
        from genre_models.training import trainer  # imports TensorFlow: timed, and not earlier
    threads = None if spec.gpus else max(1, (os.cpu_count() or 1) // context.get_local_world_size())
    # Each rank takes its own share (see `inputs.train_inputs`), or Ray Data splits one stream while it is read.
    with timer.span("waiting for the films"):
        films = ray.get(spec.channel.received.remote()) if spec.films_via_channel else []
        if films is None:
            return  # reading them failed: the driver raises the error
        received = ray.get(films[0]) if films else {}
    read = {split: _reader(split, spec, received.get(split), rank, workers) for split in ("train", "validation")}
    batches = WorkerBatches(spec, rank, workers, training=read["train"], validation=read["validation"])
    # By our own checkpoints, not by Ray Train's record of them: it may be gone, or name one that is broken.
    run = RunFolder.at(spec.run)
    latest = run.last()
    last = files.local_copy(latest.path) if latest else contextlib.nullcontext()
    strategy = trainer.set_up_tensorflow(
        workers=workers,
        threads=threads,
        inter_op_parallel=spec.checkpoint.inputs.inter_op_parallel,
        devices=spec.devices,
    )
    with last as folder:
        reporter = Reporter(spec, rank, functools.partial(_report, run), timer)
        train_model(spec, batches, reporter, strategy=strategy, resume_from=folder)


def _started(rank: int, workers: int) -> WorkerStarted:
    node = ray.get_runtime_context().get_node_id()
    return WorkerStarted(rank, workers, node, ray.util.get_node_ip_address())


def _reader(split: str, spec: TrainSpec, held: HeldFilms | None, rank: int, workers: int) -> Read:
    """Return the reader of this rank's films: of its rows of the held ones, or of a dataset of Ray Train."""
    import ray.train

    if held is not None:
        shares = shares_of_ranks(spec, split, workers)
        return functools.partial(held.blocks, sum(shares[:rank]), sum(shares[: rank + 1]))
    streamed = split == "train" and not spec.training_films
    shard = ray.train.get_dataset_shard(split if streamed else f"{split}-{rank}")
    return lambda: blocks_of(shard)


def _report(run: RunFolder, metrics: dict[str, Any], save: Save | None) -> None:
    """Write the checkpoint, keep it and the best, and report the metrics."""
    import ray.train

    if save is not None:
        with run.new_checkpoint(metrics["epoch"]) as folder:
            save(folder)
        run.prune_checkpoints({metrics["best_epoch"], metrics["epoch"]})
    # Without the checkpoint: Ray Train would keep a record of its own, and remove folders that hold more than it.
    ray.train.report(metrics)


def train_model(
    spec: TrainSpec, batches: WorkerBatches, reporter: Reporter, *, strategy: Any, resume_from: Path | None
) -> None:
    """Train the run's model on these batches, from scratch or from a checkpoint's folder."""
    from genre_models.checkpoint import load_initial_weights, restore
    from genre_models.training import trainer
    from genre_models.training.initialization import initialize

    checkpoint = spec.checkpoint

    def build() -> Any:
        model = checkpoint.build_model()
        if resume_from is None:
            films = checkpoint.store["films"]["train"]
            initialize(
                model, checkpoint.config, genre_films=spec.genre_films, films=films, word_vectors=spec.word_vectors
            )
            if spec.init_from:
                with files.local_copy(spec.init_from) as start:
                    load_initial_weights(start, model, where=spec.init_from)
        return model

    with contextlib.closing(reporter):
        trainer.fit(
            build,
            checkpoint.recipe,
            strategy=strategy,
            training=batches.training,
            validation=batches.validation,
            genre_counts=np.array(spec.genre_films) if spec.genre_films else None,
            metric=spec.metric,
            steps_per_execution=spec.steps_per_execution,
            resume=(lambda model, optimizer: restore(resume_from, model, optimizer)) if resume_from else None,
            on_step=lambda step: reporter.step(step, batches.steps),
            on_trained=reporter.trained,
            on_epoch=reporter.epoch,
        )
