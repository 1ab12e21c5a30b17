"""A service from its start to its graceful end, in the process of the job."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import signal
import socket
import threading
from types import FrameType

import ray
from ray import serve

from genre_models.predictors.find import find_model
from genre_models.predictors.load import read_info
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import ClusterError, TrainError
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.cluster import resources
from ray_jobs.serving.replica import NAME, build
from ray_jobs.serving.settings import ServingOptions

_TIMEOUT_S = 60.0  # of a request, after which it is answered with status 408


def serve_until_stopped(options: ServingOptions, host: str, port: int, console: Console) -> None:
    """Start a service, wait for SIGTERM or Ctrl-C, answer what is in progress, and end.

    Raises:
        CheckpointError: there is no model, or it cannot be loaded.
        ClusterError: the replicas need more than the cluster has.
        TrainError: the port is taken, or Ray Serve runs already.
    """
    info = read_info(*[find_model(path) for path in options.model])
    _require_free(host, port)
    have = resources.connect(console)
    cpus = _cpus_per_replica(options, have)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    if serve.status().proxies:
        raise TrainError(
            "Ray Serve already runs on this Ray: end it by `serve shutdown`, or add an application to it by "
            "`serve deploy` (docs/serving.md)"
        )
    try:
        console.status(f"loading {info.label}")
        _start(options, host, port, cpus)
        stop = _stop_on_signals()
        console.line(f"{info.label}: http://{_shown(host)}:{port}/")
        console.line("POST /predict answers films; docs/serving.md shows how. Ctrl-C ends the service.")
        stop.wait()
        console.line("Ending: requests in progress are answered first")
        # The application first: with it the replicas end, and until then there is a proxy to carry their answers.
        serve.delete(NAME)
    finally:
        # Ray prints, to stdout, that Serve's controller has died, which ends itself.
        with quiet_stderr(show_on_error=False), contextlib.redirect_stdout(io.StringIO()):
            serve.shutdown()
            ray.shutdown()
    console.line("Ended")


def _start(options: ServingOptions, host: str, port: int, cpus_per_replica: float) -> None:
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": host, "port": port, "request_timeout_s": _TIMEOUT_S},
        logging_config={"enable_access_log": False},
    )
    try:
        serve.run(build(options, cpus_per_replica=cpus_per_replica), name=NAME, route_prefix="/")
    except RuntimeError as error:
        raise TrainError(f"the models cannot be loaded: {_reason(error)}") from error


def _reason(error: RuntimeError) -> str:
    """Return the last error in Serve's message, which holds the traceback of a replica."""
    application = serve.status().applications.get(NAME)
    text = "\n".join([str(error), *(one.message for one in (application.deployments.values() if application else ()))])
    raised = re.findall(r"^\s*(?:[\w.]+\.)?(\w+(?:Error|Exception): .+)$", text, flags=re.MULTILINE)
    return raised[-1] if raised else str(error).strip().splitlines()[-1]


def _stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set; a second one ends the process at once."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


def _cpus_per_replica(options: ServingOptions, have: resources.Resources) -> float:
    """Return the CPUs of each replica: 1, or an equal share if there are fewer.

    Raises:
        ClusterError: the replicas need more GPUs than there are.
    """
    gpus = options.replicas * options.gpus_per_replica
    if gpus > have.most_gpus:
        raise ClusterError(
            f"asked for {options.replicas} replicas of {options.gpus_per_replica:g} GPUs each, but the cluster has "
            f"{have.most_gpus:g} GPUs: take fewer --replicas or smaller --gpus-per-replica"
        )
    return min(1.0, max(0.01, int(100 * have.most_cpus / options.replicas) / 100))


def _require_free(host: str, port: int) -> None:
    """Raise TrainError if the service cannot listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
    except OSError as error:
        raise TrainError(
            f"cannot listen at {host}:{port} ({error.strerror or error}): take another --port or --host"
        ) from None


def _shown(host: str) -> str:
    """Return a host as a browser takes it."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
