"""The deployment of Ray Serve, and the application that Serve's YAML names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import DeploymentActorConfig

from genre_models.predictors.find import find_model
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.serving.service import Service
from ray_jobs.serving.service_metrics import ServiceMetrics, Snapshot, alone
from ray_jobs.serving.settings import ServingOptions, parse_settings

NAME = "film-genres"
_COUNTERS = "counters"
_DRAIN_S = 20.0  # requests in progress get this long when a replica ends


@ray.remote(num_cpus=0)
class SharedCounters:
    """The latest counters of every replica.

    Those of ended ones are kept, so that sums never fall.
    """

    def __init__(self) -> None:
        self._snapshots: dict[str, Snapshot] = {}

    def exchange(self, replica: str, own: Snapshot) -> list[Snapshot]:
        """Keep a replica's counters, and return all."""
        self._snapshots[replica] = own
        return list(self._snapshots.values())


@serve.ingress()
class ModelReplica:
    """A process that holds the models and answers HTTP requests."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Load the models of `ServingOptions`, given as a mapping."""
        from ray_jobs.serving.served_models import ServedModels

        settings = parse_settings(options)
        metrics = ServiceMetrics(_gather_by_actor if settings.replicas > 1 else alone)
        with quiet_stderr():
            models = ServedModels.load(settings.model, **_network_options(settings))
            self._service = Service(models, settings, metrics)
            self._service.warm_up()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Build the application; Serve calls this."""
        from ray_jobs.serving.app import build_app

        return build_app(self._service)


async def _gather_by_actor(own: Snapshot) -> Sequence[Snapshot]:
    """Exchange counters with the other replicas."""
    counters = serve.get_deployment_actor(_COUNTERS)
    replica = serve.get_replica_context().replica_id.unique_id
    found: list[Snapshot] = await counters.exchange.remote(replica, own)
    return found


def _network_options(options: ServingOptions) -> dict[str, Any]:
    from genre_models.predictors.network import PIECE, PIECE_ON_GPU

    if options.gpus_per_replica:
        return {"piece": PIECE_ON_GPU, "threads": None}
    return {"piece": PIECE, "threads": max(1, (os.cpu_count() or 1) // options.replicas)}


def build(options: ServingOptions, *, cpus_per_replica: float = 1.0) -> serve.Application:
    """Build the application of Ray Serve.

    Raises:
        CheckpointError: a path holds no model.
    """
    # The same checkpoint for every replica, and for those that come later.
    resolved = {**asdict(options), "model": [find_model(path) for path in options.model]}
    counters = DeploymentActorConfig(name=_COUNTERS, actor_class=SharedCounters, actor_options={"num_cpus": 0})
    deployment = serve.deployment(
        ModelReplica,
        name="models",
        num_replicas=options.replicas,
        ray_actor_options={"num_cpus": cpus_per_replica, "num_gpus": options.gpus_per_replica},
        # While one batch is predicted the next ones gather.
        max_ongoing_requests=max(16, 3 * options.max_batch_size),
        max_queued_requests=options.max_queued_requests,
        graceful_shutdown_timeout_s=_DRAIN_S,
        graceful_shutdown_wait_loop_s=0.2,
        logging_config={"enable_access_log": False},
        deployment_actors=[counters] if options.replicas > 1 else None,
    )
    return deployment.bind(resolved)


def application(args: dict[str, Any]) -> serve.Application:
    """Build the application from the `args` of Serve's YAML, `ray_jobs.serving.replica:application`."""
    return build(parse_settings(args))
