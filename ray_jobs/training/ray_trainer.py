"""A run of Ray Train's workers: started, restarted after a crash, and its failure put into words."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
from ray.train.backend import Backend, BackendConfig

from genre_models.training.history import METRICS
from ray_jobs.cli.errors import TrainError, reason
from ray_jobs.runs import find_checkpoints
from ray_jobs.training.ray_internals import LeanTrainer
from ray_jobs.training.train_job import TrainJob
from ray_jobs.training.worker import train_fn_per_worker

_RESTARTS = 3  # a worker or node that dies costs at most the epoch under way, this many times
# Ray Train asks its workers how they are every 2 s, and takes one report of an epoch each time: an epoch shorter than
# that would wait for it, and the run's end for the next question.
_ASK_EVERY_S = "0.25"


@dataclass
class TensorFlowWorkers(BackendConfig):
    """Tells TensorFlow, through TF_CONFIG, which workers train together.

    Ray Train has one of its own (`TensorflowConfig`), but every process that unpickles it imports TensorFlow: the
    driver and Ray Train's controller too, neither of which computes.
    """

    @property
    def backend_cls(self) -> type[Backend]:
        """Return what sets the workers up."""
        return _TensorFlowBackend


class _TensorFlowBackend(Backend):
    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Name all workers to each of them; a single one needs nobody's name."""
        del backend_config
        if len(worker_group) == 1:
            return
        addresses = worker_group.execute(_free_address)
        for rank in range(len(addresses)):
            worker_group.execute_single(rank, _set_tf_config, addresses, rank)


def _free_address() -> str:
    """Return this node's address with a port that is free."""
    ip = ray.util.get_node_ip_address()
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as probe:
        probe.bind(("", 0))
        return f"[{ip}]:{probe.getsockname()[1]}" if ":" in ip else f"{ip}:{probe.getsockname()[1]}"


def _set_tf_config(addresses: list[str], rank: int) -> None:
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}},
    )


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
        datasets: each rank's own (`train-0`, `validation-0`, …), or one stream `train` named in `split`; those that
            are still being read come through the job's board.
        workers: processes, one for each rank.
        per_worker: what each asks of Ray.
        split: the datasets that Ray Data is to split over the ranks.
        callbacks: Ray Train's user callbacks, of a run that is a trial of Ray Tune.

    Raises:
        TrainError: the run failed; the reason in a line, and what is left of it.
    """
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", _ASK_EVERY_S)
    if len(ray.nodes()) == 1:
        # A process less to start, which would watch for nodes that the cloud is about to take away.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    runs_folder, name = job.run.rsplit("/", 1)
    trainer = LeanTrainer(
        train_fn_per_worker,
        ends_with_driver=not callbacks,
        train_loop_config={"job": job},
        backend_config=TensorFlowWorkers(),
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
        kept = (
            " Its epochs so far are kept: go on with --resume." if find_checkpoints.checkpoints_below(job.run) else ""
        )
        raise TrainError(f"the run {job.run} failed: {reason(error)}.{kept}") from error
