"""A run of Ray Train's workers: started, restarted after a crash, and its failure put into words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray.train

from genre_models.history import METRICS
from ray_jobs._shared import runs
from ray_jobs._shared.options import TrainError
from ray_jobs._shared.train_worker import TrainJob, train_fn_per_worker

_RESTARTS = 3  # a worker or node that dies costs at most the epoch under way, this many times


def run_workers(
    job: TrainJob,
    datasets: dict[str, Any],
    *,
    workers: int,
    per_worker: dict[str, float],
    split: Sequence[str] = (),
    callbacks: Sequence[Any] = (),
) -> None:
    """Train a job's model on this many workers, into the job's run folder; one that exists goes on.

    Args:
        job: what to train.
        datasets: each rank's own (`train-0`, `validation-0`, …), or one stream `train` named in `split`.
        workers: processes, one for each rank.
        per_worker: what each asks of Ray.
        split: the datasets that Ray Data is to split over the ranks.
        callbacks: Ray Train's user callbacks.

    Raises:
        TrainError: the run failed; the reason in a line, and what is left of it.
    """
    from ray.train.tensorflow import TensorflowTrainer

    runs_folder, name = job.run.rsplit("/", 1)
    trainer = TensorflowTrainer(
        train_fn_per_worker,
        train_loop_config={"job": job},
        datasets=datasets,
        dataset_config=ray.train.DataConfig(datasets_to_split=list(split)),
        scaling_config=ray.train.ScalingConfig(
            num_workers=workers, use_gpu=job.use_gpu, resources_per_worker=per_worker
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=runs_folder,
            checkpoint_config=ray.train.CheckpointConfig(
                num_to_keep=1, checkpoint_score_attribute=job.metric, checkpoint_score_order=METRICS[job.metric]
            ),
            failure_config=ray.train.FailureConfig(max_failures=_RESTARTS, controller_failure_limit=_RESTARTS),
            callbacks=list(callbacks),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        kept = " Its epochs so far are kept: go on with --resume." if runs.checkpoints_below(job.run) else ""
        raise TrainError(f"the run {job.run} failed: {reason(error)}.{kept}") from error


def reason(error: BaseException) -> str:
    """Say in one line why something failed: the innermost cause's type and the last line of what it says."""
    failures = getattr(error, "worker_failures", {}) or {}
    cause: BaseException = next(iter(failures.values()), error)
    while cause.__cause__ is not None:
        cause = cause.__cause__
    said = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {said[-1] if said else repr(cause)}"
