"""A run of Ray Train's workers: started, restarted after a crash, and its failure put into words."""

from __future__ import annotations

import importlib
import json
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
from ray.train.backend import Backend, BackendConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from genre_models.history import METRICS
from ray_jobs._shared import cluster, runs
from ray_jobs._shared.options import TrainError
from ray_jobs._shared.train_worker import TrainJob, train_fn_per_worker

_RESTARTS = 3  # a worker or node that dies costs at most the epoch under way, this many times
# Ray Train asks its workers how they are every 2 s, and takes one report of an epoch each time: an epoch shorter than
# that would wait for it, and the run's end for the next question.
_ASK_EVERY_S = "0.25"
# Part of what Ray matches processes by. The second is Ray Train's own, which its controller would add.
_WORKER_ENV = {"TF_CPP_MIN_LOG_LEVEL": "2", "RAY_WARN_BLOCKING_GET_INSIDE_ASYNC": "0"}
_ALL_COME_UP_S = 1.0


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


def import_behind(workers: int, have: cluster.Resources, *, use_gpu: bool) -> None:
    """Let processes begin to import TensorFlow that Ray will then make the workers, while Ray Train starts.

    Ray gives a new actor a process that is idle and has its environment; which these have, and no other tasks. If it
    takes another one, nothing is lost but the import. Only on one machine, where they cannot be on the wrong node,
    and without GPUs, which Ray shows to a process only when it becomes the worker.
    """
    if have.nodes > 1 or use_gpu:
        return
    start = ray.remote(num_cpus=0, runtime_env={"env_vars": _worker_env()})(_start_importing)
    for _ in range(workers):
        start.remote(_ALL_COME_UP_S if workers > 1 else 0)


def _start_importing(stay: float) -> None:
    """Import what a worker computes with in a thread, and leave this process to the worker: where there are several,
    not before each of them has one."""
    threading.Thread(target=importlib.import_module, args=("genre_models.fit",), daemon=True).start()
    time.sleep(stay)


def _worker_env() -> dict[str, str]:
    """Return the environment that Ray Train gives its workers: ours, and what it hands on itself."""
    from ray.train.v2._internal.constants import get_env_vars_to_propagate

    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", _ASK_EVERY_S)
    return {**get_env_vars_to_propagate(), **_WORKER_ENV}


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
        callbacks: Ray Train's user callbacks.

    Raises:
        TrainError: the run failed; the reason in a line, and what is left of it.
    """
    runs_folder, name = job.run.rsplit("/", 1)
    trainer = DataParallelTrainer(
        train_fn_per_worker,
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
            worker_runtime_env={"env_vars": _worker_env()},
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
