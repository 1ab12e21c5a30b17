"""Options of a service on the command line and in Serve's YAML; its extra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from datasets.raw.posters import MOST_PIXELS
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import at_home


@dataclass(frozen=True)
class ServingOptions:
    """Models, replicas, batches and limits of a service."""

    model: tuple[str, ...] = (at_home("runs"),)
    """Checkpoint, run (its best checkpoint), folder of runs (the ensemble of their last evaluation, or their best
    checkpoint), or a model that evaluate.py wrote. An ensemble answers with its members side by side, several models
    with their mean."""
    replicas: int = 1
    """Processes that each hold the models and share the requests."""
    gpus_per_replica: float = 0.0
    """GPUs of each replica; 0.5 lets two share one, 0 computes on CPUs."""
    max_batch_size: int = 32
    """Films predicted together, at most; 1 predicts each by itself."""
    batch_wait_ms: float = 5.0
    """Milliseconds that a film waits for others to be predicted with."""
    max_queued_requests: int = 200
    """Requests that wait for a replica; more are refused with status 503."""
    max_body_mb: float = 10.0
    """Largest request, in megabytes."""
    max_poster_pixels: int = 16_000_000
    """Posters with more pixels than this are not decoded."""
    max_overview_characters: int = 10_000
    """Longest overview."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("--model is the path of at least one model")
        for name in ("replicas", "max_batch_size", "max_queued_requests", "max_overview_characters"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        self._require("batch_wait_ms", 0 <= self.batch_wait_ms <= 10_000, "0 to 10000")
        self._require("max_body_mb", 0 < self.max_body_mb <= 1_000, "above 0 and at most 1000")
        self._require("max_poster_pixels", 0 < self.max_poster_pixels <= MOST_PIXELS, f"1 to {MOST_PIXELS}")
        gpus = self.gpus_per_replica
        # Ray shares a single GPU, and gives several only as whole ones.
        self._require("gpus_per_replica", 0 <= gpus <= 1 or gpus == int(gpus) > 0, "0 to 1, or a whole number")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"--{name.replace('_', '-')} must be {what}, not {getattr(self, name)}")

    @property
    def max_body_bytes(self) -> int:
        """Return the size of the largest request in bytes."""
        return round(self.max_body_mb * 1e6)


def parse_settings(values: Mapping[str, Any]) -> ServingOptions:
    """Read a service's options from the `args` of Serve's YAML.

    Args:
        values: options by their names in Python; `model` is a path or a list of paths.

    Raises:
        ValueError: an option is unknown, or its value impossible.
    """
    known = [field.name for field in fields(ServingOptions)]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"unknown option of the service: {', '.join(unknown)}; there are {', '.join(known)}")
    given = dict(values)
    if "model" in given:
        given["model"] = (given["model"],) if isinstance(given["model"], str) else tuple(given["model"])
    return replace(ServingOptions(), **given)


def require_extra() -> None:
    """Raise TrainError if a package of the extra `serve` is missing."""
    try:
        import fastapi
        import prometheus_client
        import python_multipart
        import uvicorn
        from ray import serve
    except ImportError as error:
        raise TrainError(
            f"serving needs packages that are not installed ({error}): `pip install -e '.[serve]'`"
        ) from error
    del fastapi, prometheus_client, python_multipart, uvicorn, serve
