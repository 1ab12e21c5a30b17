"""Trained models as an HTTP service, with a page.

    python ray_jobs/serve.py --model RUNS
    python ray_jobs/serve.py --model REPORT/models/ensemble --port 8080 --replicas 2

Answers at http://127.0.0.1:8000: a page at /, predictions at /predict, the description of the interface at
/openapi.json (docs/serving.md). Needs the extra `serve`. Ctrl-C or SIGTERM ends it, after the requests in progress. It
is up in about 20 s on 2 cores.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass

from ray_jobs.cli.console import Console
from ray_jobs.cli.runner import run_job
from ray_jobs.serving.settings import ServingOptions, require_extra


@dataclass(frozen=True)
class Options(ServingOptions):
    """Options of a service: models, address, replicas, batches and limits."""

    host: str = "127.0.0.1"
    """Address to listen at. 0.0.0.0 lets other machines in: the service asks nobody for a password."""
    port: int = 8000
    """Port to listen at."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("port", 0 < self.port < 65_536, "1 to 65535")


def main(options: Options) -> None:
    """Serve until stopped."""
    require_extra()
    # Imported here: it needs the extra.
    from ray_jobs.serving.lifetime import serve_until_stopped

    service = ServingOptions(**{name: getattr(options, name) for name in ServingOptions.__dataclass_fields__})
    serve_until_stopped(service, options.host, options.port, Console())


if __name__ == "__main__":
    run_job(main, Options)
