"""Connection to Ray, and resource requests that fit the cluster."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass

import ray
import ray.data

from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import ClusterError
from ray_jobs.cluster.ray_init import start_ray
from ray_jobs.cluster.ray_internals import SchedulerThrottle, autoscaler_limit

NODES_COME_UP_S = 1200.0


@dataclass(frozen=True)
class Resources:
    """Current resources of the cluster, and its autoscaler's limit."""

    cpus: float
    gpus: float
    nodes: int
    object_store_bytes: float
    most_cpus: float
    """CPUs at the autoscaler's limit; the current CPUs if the cluster does not autoscale."""
    most_gpus: float
    """GPUs at the autoscaler's limit."""


def connect(console: Console, *, dashboard: bool = False) -> Resources:
    """Join the running Ray cluster, or start one on this machine, without its logs.

    `dashboard` also starts Ray's dashboard, on localhost only.
    """
    if not ray.is_initialized():
        console.status("starting Ray")
        start_ray(dashboard=dashboard)
    configure_ray_data()
    return resources()


def configure_ray_data() -> None:
    """Make Ray Data keep the order of films, and log only errors."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Raise a task's original error: its message may be for the user.
    context.raise_original_map_exception = True
    # With the same films in the same order, a run depends on its seed alone.
    context.execution_options.preserve_order = True
    if SchedulerThrottle not in context.custom_execution_callback_classes:
        context.custom_execution_callback_classes.append(SchedulerThrottle)
    for name in ("ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)


def resources() -> Resources:
    """Return the cluster's current resources and its autoscaler's limit."""
    now = ray.cluster_resources()
    most = autoscaler_limit()
    cpus, gpus = now.get("CPU", 0.0), now.get("GPU", 0.0)
    return Resources(
        cpus=cpus,
        gpus=gpus,
        nodes=sum(1 for node in ray.nodes() if node["Alive"]),
        object_store_bytes=now.get("object_store_memory", 0.0),
        most_cpus=max(cpus, most.get("CPU", 0.0)),
        most_gpus=max(gpus, most.get("GPU", 0.0)),
    )


def worker_resources(
    *,
    workers: int,
    gpus: float,
    cpus_per_worker: float | None,
    have: Resources,
    option: str = "--workers",
    elastic: bool = False,
    may_wait: bool = False,
) -> dict[str, float]:
    """Return each training worker's resource request, leaving CPUs for Ray Data's tasks.

    Args:
        workers: training workers; the fewest of an elastic run.
        gpus: GPUs of each worker, a fraction or a whole number; 0 without.
        cpus_per_worker: CPUs of each worker, if the user chose.
        have: resources of the cluster.
        option: the command line option that the error message suggests to change.
        elastic: whether there may be more workers, as many as fit.
        may_wait: whether nodes that are missing are waited for.

    Raises:
        ClusterError: the workers need more than the cluster has.
    """
    cpus = cpus_per_worker
    if cpus is None and elastic:
        cpus = 0.9  # as many workers as fit leave a tenth of each node's CPUs to read films
    elif cpus is None:
        # As many workers as cores would leave Ray Data no CPU, and the workers would wait for films for ever.
        cpus = round(0.9 * have.most_cpus / workers, 3) if workers == have.most_cpus else 1.0
    wanted = f"{workers} worker{'s' if workers > 1 else ''} of {_request(cpus, gpus)} each"
    there = (
        f"the cluster has {have.cpus:g} CPUs and {have.gpus:g} GPUs on {have.nodes} node{'s' if have.nodes > 1 else ''}"
    )
    if (have.most_cpus, have.most_gpus) != (have.cpus, have.gpus):
        there += f", and can grow to {have.most_cpus:g} CPUs and {have.most_gpus:g} GPUs"
    request = {"CPU": cpus, **({"GPU": gpus} if gpus else {})}
    if may_wait:
        return request
    room = gpu_room(have.most_gpus, gpus)
    if workers > room:
        advice = "leave out --use-gpu" if have.most_gpus < 1 else f"ask for {option} {int(room)}"
        if have.most_gpus >= 1 > room:
            advice = f"ask for --gpus-per-worker {int(have.most_gpus)}"
        raise ClusterError(f"asked for {wanted}, but {there}: {advice}, or add GPU nodes")
    if workers * cpus > have.most_cpus:
        raise ClusterError(
            f"asked for {wanted}, but {there}: ask for a smaller {option}, or let them share cores by --cpus-per-worker"
        )
    if option != "--workers" and (workers * cpus > have.cpus or workers > gpu_room(have.gpus, gpus)):
        # New nodes take minutes to come up; Ray Train would give up after one. A single run has its own patience.
        os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", str(NODES_COME_UP_S))
    return request


def gpu_room(total: float, gpus: float) -> float:
    """Return the number of workers that fit on the cluster's GPUs; infinite without GPUs.

    A fraction is of one GPU: of workers of 0.4 two share each, and its rest stays empty.
    """
    if not gpus or math.isinf(total):
        return math.inf
    return total * int(1 / gpus + 1e-9) if gpus <= 1 else total // gpus


def _request(cpus: float, gpus: float) -> str:
    """Return a worker's resources in words."""
    return f"{cpus:g} CPU" + (f" and {gpus:g} GPU{'s' if gpus > 1 else ''}" if gpus else "")


def actors_for(films: int, *, each: int, gpus: float) -> int:
    """Return the number of model replicas to load. Loading takes seconds, so use one per `each` films.

    Each takes `gpus`, one at most: a model predicts on one.

    Raises:
        ClusterError: GPUs are requested, but the cluster has none and cannot add any.
    """
    if gpus and resources().most_gpus < 1:
        raise ClusterError("asked for --use-gpu, but the cluster has no GPU: leave it out, or add GPU nodes")
    now = ray.cluster_resources()
    free = gpu_room(now.get("GPU", 1), min(gpus, 1)) if gpus else now.get("CPU", 1) - 1
    return max(1, min(int(free), -(-films // each)))


def cpus_per_task(actors: int) -> float:
    """Return the CPUs that each actor, and each task that feeds them, may request.

    That is 1, or an equal share if the actors would leave none for the tasks, which would deadlock."""
    cpus = resources().most_cpus
    return 1.0 if cpus >= actors + 1 else max(0.01, round(cpus / (actors + 1) - 0.0005, 3))


def trials_at_once(
    *, requested: int, workers: int, gpus: float, cpus_per_worker: float | None, have: Resources
) -> tuple[dict[str, float], int]:
    """Return the resource request of each trial worker, and the number of concurrent trials.

    Trials with several workers take resources that Ray Tune does not track, so their number is limited here: with one
    too many they would deadlock.

    Args:
        requested: maximum number of concurrent trials; 0 is as many as fit.
        workers: workers of each trial.
        gpus: GPUs of each worker, a fraction or a whole number.
        cpus_per_worker: CPUs of each worker; by default 1, or for one-worker trials with `requested` an equal share.
        have: resources of the cluster.

    Raises:
        ClusterError: one trial, or the requested number, needs more than the cluster has.
    """
    if workers == 1 and cpus_per_worker is None:
        # Trials on one machine share its cores. On several, a worker must fit on one machine.
        alone = requested > 0 and have.nodes == 1 and have.most_cpus == have.cpus and not gpus
        cpus_per_worker = max(1.0, have.cpus // requested) if alone else 1.0
    per_worker = worker_resources(
        workers=workers, gpus=gpus, cpus_per_worker=cpus_per_worker, have=have, option="--workers-per-trial"
    )
    room = min(have.most_cpus / (workers * per_worker["CPU"]), gpu_room(have.most_gpus, gpus) / workers)
    # Kubernetes reports no limit: allow the requested number, else as many as fit now.
    fits = max(1, int(room + 1e-6) if math.isfinite(room) else max(requested, int(have.cpus)))
    if requested > fits:
        raise ClusterError(
            f"asked for {requested} trials at a time of {workers} worker{'s' if workers > 1 else ''} with "
            f"{_request(per_worker['CPU'], gpus)} each, but the cluster has room for {fits}: "
            f"ask for --max-concurrent {fits} or leave it out, or let workers share cores with --cpus-per-worker"
        )
    return per_worker, requested or fits


def cpus_per_read_task(workers: int, per_worker: dict[str, float], have: Resources) -> float:
    """Return the CPUs of a read task: 1 if the training workers leave one, else a fraction."""
    left = have.most_cpus - workers * per_worker["CPU"]
    return 1.0 if left >= 1 else max(0.01, round(left / 2, 3))
