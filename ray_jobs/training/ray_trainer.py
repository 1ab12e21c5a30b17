"""A Ray Train run of a training job, with restarts after a crash."""

from __future__ import annotations

import json
import os
import socket
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
from ray.train.backend import Backend, BackendConfig

from datasets.storage import files
from ray_jobs.cli.errors import RunError, reason
from ray_jobs.cluster.ray_storage import ray_storage
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.ray_internals import LeanTrainer
from ray_jobs.training.train_spec import TrainSpec
from ray_jobs.training.worker import train_func

_OF_RAY = ".ray"  # folder of Ray's own files in a run's
_RESTARTS = 3  # a worker or node that dies costs at most the current epoch
# Ray Train polls its workers every 2 s by default and takes one epoch's report at each poll: shorter epochs, and the
# end of the run, would wait for the next poll.
_POLL_EVERY_S = "0.25"


@dataclass
class TensorFlowWorkers(BackendConfig):
    """Ray Train backend that sets TF_CONFIG on every worker.

    Unpickling Ray Train's own `TensorflowConfig` imports TensorFlow, also in the driver and in Ray Train's controller,
    which do not need it.
    """

    @property
    def backend_cls(self) -> type[Backend]:
        """Return the backend class."""
        return _TensorFlowBackend


class _TensorFlowBackend(Backend):
    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Set TF_CONFIG on every worker; a single worker needs none."""
        del backend_config
        if len(worker_group) == 1:
            return
        addresses = worker_group.execute(_free_address)
        for rank in range(len(addresses)):
            worker_group.execute_single(rank, _set_tf_config, addresses, rank)


def _free_address() -> str:
    """Return this node's address with a free port."""
    ip = ray.util.get_node_ip_address()
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as probe:
        probe.bind(("", 0))
        return f"[{ip}]:{probe.getsockname()[1]}" if ":" in ip else f"{ip}:{probe.getsockname()[1]}"


def _set_tf_config(addresses: list[str], rank: int) -> None:
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}},
    )


def run_workers(
    spec: TrainSpec,
    datasets: dict[str, Any],
    *,
    workers: int,
    per_worker: dict[str, float],
    split: Sequence[str] = (),
    callbacks: Sequence[Any] = (),
) -> None:
    """Train a model on several workers; a run that exists is resumed.

    Args:
        spec: the specification of the run.
        datasets: each rank's own (`train-0`, `validation-0`, …), or one stream `train` named in `split`; films that
            are still being read come through the run's progress channel.
        workers: number of worker processes, one for each rank.
        per_worker: Ray resources of each worker.
        split: the names of the datasets that Ray Data splits over the ranks.
        callbacks: Ray Train's user callbacks, for a run that is a trial of Ray Tune.

    Raises:
        TrainError: the run failed; the message says why, and whether it can be resumed.
    """
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", _POLL_EVERY_S)
    if len(ray.nodes()) == 1:
        # Saves a process: it watches for preempted cloud nodes, of which a single-node cluster has none.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    before = RunFolder.at(spec.run).last()
    trainer = LeanTrainer(
        train_func,
        ends_with_driver=not callbacks,
        train_loop_config={"spec": spec},
        backend_config=TensorFlowWorkers(),
        datasets=datasets,
        dataset_config=ray.train.DataConfig(datasets_to_split=list(split)),
        scaling_config=ray.train.ScalingConfig(
            num_workers=workers, use_gpu=bool(spec.gpus), resources_per_worker=per_worker
        ),
        run_config=ray.train.RunConfig(
            # Ray's metrics take ASCII alone, and what it keeps of a run must not stand between a run and its resuming.
            name=urllib.parse.quote(files.name(spec.run)),
            **ray_storage(files.join(spec.run, _OF_RAY)),
            failure_config=ray.train.FailureConfig(max_failures=_RESTARTS, controller_failure_limit=_RESTARTS),
            callbacks=list(callbacks),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        last = RunFolder.at(spec.run).last()
        # Not where resuming is what has just failed.
        further = last is not None and (before is None or last.epoch > before.epoch)
        hint = " Its epochs so far are kept: go on with --resume." if further else ""
        raise RunError(f"the run {spec.run} failed: {reason(error)}.{hint}") from error
    except KeyboardInterrupt:
        trainer.abort()
        raise
