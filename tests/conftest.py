"""Fixtures of all tests: one Ray for them, jobs run here or as a user runs them, real films if there are some."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import jobs
from tests.footprint import MOST_BYTES_OF_RAY, Footprint, size_of
from tests.jobs import ROOT, Finished
from tests.ray_node import WARM, Head, head_node, short_folder

# Before Ray or TensorFlow is imported. No token: it would be written to the home folder of whoever runs the tests.
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

RunJob = Callable[..., Finished]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the place of the real films, and the seconds a test may take without saying why."""
    parser.addini("seconds_of_a_test", "a test that takes longer says in its docstring why it is worth that")
    parser.addoption("--nodes", action="store_true", help="run the tests of several machines, which take minutes")
    parser.addoption("--moto", default="moto_server", help="command of moto's S3 server, for those tests")
    parser.addoption(
        "--real-films",
        default=str(ROOT.parent / "shared" / "data" / "multimodal_imdb"),
        help="folder of real films in the coursework's layout; tests that need it are skipped where it is missing",
    )
    parser.addoption(
        "--kuberay-schemas",
        default=str(ROOT.parent / "shared" / "data" / "kuberay"),
        help="folder of KubeRay's definitions (ray.io_*.yaml.gz); tests that need it are skipped where it is missing",
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the tests over the budget; a busy machine makes any test slow, so that this fails none."""
    budget = float(config.getini("seconds_of_a_test"))
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    over = [report for report in reports if report.when == "call" and report.duration > budget]
    if over:
        terminalreporter.section(f"over the budget of {budget:g} s")
    for report in over:
        why = dict(report.user_properties).get("docstring") or "without a word on why it is worth that"
        terminalreporter.line(f"{report.duration:.0f} s {report.nodeid}: {why}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests that need Ray, and put files with slow tests first when all are shuffled.

    No process of tests is then left with a slow file when the other has ended.
    """
    for item in items:
        if "ray_head" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")
    yield
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def footprint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Footprint]:
    """Give the tests, their jobs and Ray's processes one temporary folder; fail if anything is left when all is over.

    It is asked for by every test, so that it ends after the Ray that they share.
    """
    folder = tmp_path_factory.mktemp("temporary")
    with short_folder() as rays, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(rays))
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)  # so that this process asks the variable again
        before = Footprint(folder, rays)
        yield before
        assert before.left() == []


@pytest.fixture(autouse=True)
def docstring(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Keep a test's docstring for the summary."""
    record_property("docstring", (request.function.__doc__ or "").strip())


@pytest.fixture(scope="session")
def real_films(request: pytest.FixtureRequest) -> Path:
    """Return the folder of real films, or skip the test."""
    folder = Path(request.config.getoption("--real-films"))
    if not folder.is_dir():
        pytest.skip(f"no real films at {folder}: name their folder with --real-films")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a module; its event loop ends with it, as other tests may run one of their own."""
    from tests.genre_models.report.browser import headless

    with headless() as started:
        yield started


@pytest.fixture(scope="session")
def ray_head(footprint: Footprint) -> Iterator[Head]:
    """Start one head node for the tests, which they and their jobs join as they would join any cluster."""
    del footprint  # its folder is the temporary one of Ray's processes too
    with head_node(warm=WARM) as head:
        yield head
        assert size_of(head.folder) < MOST_BYTES_OF_RAY, "Ray's session folder has grown large"


@pytest.fixture(scope="session")
def local_ray(ray_head: Head) -> Iterator[None]:
    """Join the head node, for the tests that call rooms, or jobs in this process."""
    import ray

    from ray_jobs.cluster.resources import configure_ray_data

    ray.init(address=ray_head.address, log_to_driver=False, logging_level="ERROR")
    configure_ray_data()
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def run_job(local_ray: None) -> RunJob:
    """Return what runs a job in this process: `run_job("train_cnn", "--store", path, ..., fails=False)`."""
    del local_ray
    return jobs.run_here


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory, run_job: RunJob) -> Path:
    """Return a store of 200 synthetic films, which tests only read."""
    store = tmp_path_factory.mktemp("sample") / "store"
    run_job("prepare_data", "--store", store, "--films", "sample", "--sample-films", 200)
    return store


@pytest.fixture(scope="session")
def run_command() -> RunJob:
    """Return what runs a job as a user does, in a process of its own with no Ray running; called like `run_job`."""
    return jobs.run_alone
