"""Connecting to Ray, and asking it for no more than it has."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import ray
import ray.data

from ray_jobs._shared.screen import Screen


class ClusterError(RuntimeError):
    """The cluster cannot do what was asked; the message says what was asked and what there is."""


@dataclass(frozen=True)
class Resources:
    """What the cluster has now or, if it grows by itself, can grow to."""

    cpus: float
    gpus: float
    nodes: int
    object_store_bytes: float


def connect(screen: Screen) -> Resources:
    """Join the running Ray cluster, or start one on this machine, and keep its logs off the screen."""
    if not ray.is_initialized():
        screen.status("starting Ray")
        with warnings.catch_warnings():
            # Ray announces a change of a default of its next release; it does not touch what we use.
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False,
                configure_logging=True,
            )
    calm_data()
    return resources()


def calm_data() -> None:
    """Make Ray Data keep the order of films, and say only what went wrong."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # The same films in the same order at every run: the seed then decides the rest.
    context.execution_options.preserve_order = True
    for name in ("ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)


def resources() -> Resources:
    """Return what the cluster has, or could have at its autoscaler's limit."""
    now = ray.cluster_resources()
    most = _autoscaler_limit()
    nodes = sum(1 for node in ray.nodes() if node["Alive"])
    return Resources(
        cpus=max(now.get("CPU", 0.0), most.get("CPU", 0.0)),
        gpus=max(now.get("GPU", 0.0), most.get("GPU", 0.0)),
        nodes=nodes,
        object_store_bytes=now.get("object_store_memory", 0.0),
    )


def _autoscaler_limit() -> dict[str, float]:
    """Return what the autoscaler may grow the cluster to; nothing where the cluster does not grow."""
    from ray._private.state import state  # no public call tells this (Ray 2.60)

    try:
        return {name: float(amount) for name, amount in (state.get_max_resources_from_cluster_config() or {}).items()}
    except Exception:  # the call is private: without it only the resources of the moment count
        return {}


def worker_resources(
    *, workers: int, use_gpu: bool, cpus_per_worker: float | None, have: Resources
) -> dict[str, float]:
    """Return what each training worker asks of Ray, leaving something for Ray Data's tasks.

    Raises:
        ClusterError: the workers need more than the cluster has.
    """
    cpus = cpus_per_worker
    if cpus is None:
        # As many workers as cores would leave Ray Data nothing to run on, and the films would never come.
        cpus = 1.0 if workers < have.cpus else round(0.9 * have.cpus / workers, 3) if workers <= have.cpus else 1.0
    asked = f"{workers} worker{'s' if workers > 1 else ''} of {cpus:g} CPU{' and 1 GPU' if use_gpu else ''} each"
    there = (
        f"the cluster has {have.cpus:g} CPUs and {have.gpus:g} GPUs on {have.nodes} node{'s' if have.nodes > 1 else ''}"
    )
    if use_gpu and workers > have.gpus:
        advice = "leave out --use-gpu" if have.gpus < 1 else f"ask for --workers {int(have.gpus)}"
        raise ClusterError(f"asked for {asked}, but {there}: {advice}, or add GPU nodes")
    if workers * cpus > have.cpus:
        raise ClusterError(
            f"asked for {asked}, but {there}: ask for fewer --workers, or let them share cores with --cpus-per-worker"
        )
    return {"CPU": cpus, **({"GPU": 1.0} if use_gpu else {})}
