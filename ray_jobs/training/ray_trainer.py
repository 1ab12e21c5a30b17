"""A Ray Train run of a training job, with restarts after a crash."""

from __future__ import annotations

import contextlib
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
from ray_jobs.cli.options import WorkerRange
from ray_jobs.cluster.node_watch import NodeWatch
from ray_jobs.cluster.ray_storage import ray_storage
from ray_jobs.runs.find_checkpoints import CheckpointInfo
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.ray_internals import LeanTrainer
from ray_jobs.training.train_spec import TrainSpec
from ray_jobs.training.worker import train_func

_OF_RAY = ".ray"  # folder of Ray's own files in a run's
_RESTARTS = 3  # a worker or node that dies costs at most the current epoch
_RESTARTS_OF_ELASTIC = 20  # which lives on nodes that come and go
_COUNTED_EVERY_S = 30.0  # seconds between looks for more or fewer nodes
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
    workers: WorkerRange,
    per_worker: dict[str, float],
    split: Sequence[str] = (),
    callbacks: Sequence[Any] = (),
    watch: NodeWatch | None = None,
) -> None:
    """Train a model on several workers; a run that exists is resumed.

    Args:
        spec: the specification of the run.
        datasets: each rank's own (`train-0`, `validation-0`, …), or one stream `train` named in `split`; films that
            are still being read come through the run's progress channel.
        workers: number of worker processes, one for each rank; Ray Train chooses it between two numbers, by the nodes.
        per_worker: Ray resources of each worker.
        split: the names of the datasets that Ray Data splits over the ranks.
        callbacks: Ray Train's user callbacks, for a run that is a trial of Ray Tune.
        watch: says which node is gone, and ends the wait for others.

    Raises:
        TrainError: the run failed; the message says why, and whether it can be resumed.
    """
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", _POLL_EVERY_S)
    if watch is not None:
        # The watch ends the wait. Workers whose number is fixed wait in one piece; others are counted anew each minute.
        start_s = _COUNTED_EVERY_S if workers.is_elastic else watch.patience_s + _COUNTED_EVERY_S
        os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = str(start_s)
    restarts = _RESTARTS_OF_ELASTIC if workers.is_elastic else _RESTARTS
    if len(ray.nodes()) == 1 and not workers.is_elastic:
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
            num_workers=(workers.least, workers.most) if workers.is_elastic else workers.most,
            use_gpu=bool(spec.gpus),
            resources_per_worker=per_worker,
            elastic_resize_monitor_interval_s=_COUNTED_EVERY_S,
        ),
        run_config=ray.train.RunConfig(
            # Ray's metrics take ASCII alone, and what it keeps of a run must not stand between a run and its resuming.
            name=urllib.parse.quote(files.name(spec.run)),
            **ray_storage(files.join(spec.run, _OF_RAY)),
            failure_config=ray.train.FailureConfig(
                max_failures=restarts, controller_failure_limit=-1 if workers.is_elastic else restarts
            ),
            callbacks=list(callbacks),
        ),
    )
    try:
        with watch.watching(trainer.end) if watch is not None else contextlib.nullcontext():
            trainer.fit()
    except ray.exceptions.RayActorError as error:
        if watch is None or not watch.gave_up:
            raise
        raise RunError(f"the run {spec.run} {watch.gave_up}.{_hint(spec, before)}") from error
    except ray.train.TrainingFailedError as error:
        raise RunError(f"the run {spec.run} failed: {reason(error)}.{_hint(spec, before)}") from error
    except KeyboardInterrupt:
        trainer.abort()
        raise


def _hint(spec: TrainSpec, before: CheckpointInfo | None) -> str:
    """Return the advice to resume; "" where resuming is what has just failed."""
    last = RunFolder.at(spec.run).last()
    further = last is not None and (before is None or last.epoch > before.epoch)
    return " Its epochs so far are kept: go on with --resume." if further else ""
