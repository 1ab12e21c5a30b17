"""What tests share: a calm environment, a local Ray, the real films where there are some, jobs as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before Ray or TensorFlow is imported. No token: it would be written to the home folder of whoever runs the tests.
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

ROOT = Path(__file__).resolve().parent.parent
RunJob = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the place of the real films."""
    parser.addoption(
        "--real-films",
        default=str(ROOT.parent / "shared" / "data" / "multimodal_imdb"),
        help="folder of real films in the coursework's layout; tests that need it are skipped where it is missing",
    )


@pytest.fixture(scope="session")
def real_films(request: pytest.FixtureRequest) -> Path:
    """Return the folder of real films, or skip the test."""
    folder = Path(request.config.getoption("--real-films"))
    if not folder.is_dir():
        pytest.skip(f"no real films at {folder}: name their folder with --real-films")
    return folder


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Run a Ray of two CPUs in this process's session, for the tests that call rooms and not jobs."""
    import ray

    from ray_jobs._shared.cluster import calm_data

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    calm_data()
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def run_job() -> RunJob:
    """Return what runs a job as a user would: `run_job("train_cnn", "--store", path, ..., fails=False)`."""

    def run(
        job: str, *options: object, fails: bool = False, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "ray_jobs" / f"{job}.py"), *map(str, options)]
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=540,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            check=False,
        )
        said = f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
        assert (result.returncode != 0) == fails, said
        return result

    return run
