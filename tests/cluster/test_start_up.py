"""Jobs whose workers are new processes: who imports TensorFlow when a model is trained, and `ray job submit`."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs import ROOT, started_alone
from tests.ray_node import RAY, Head, head_node

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux to see what a process has loaded"),
]
TINY = ("--stem-filters", "4", "--block-filters", "8", "--dense-units", "16", "--epochs", "3")


def has_tensorflow(process: psutil.Process) -> bool:
    """Return whether TensorFlow's library is loaded into a process."""
    return "libtensorflow" in Path(f"/proc/{process.pid}/maps").read_text(errors="replace")


def find_tensorflow(job: psutil.Process, found: dict[int, str]) -> None:
    """Add the processes of a job that have TensorFlow loaded now, by name; ask no process that is known to."""
    for process in [job, *job.children(recursive=True)]:
        try:
            if process.pid not in found and has_tensorflow(process):
                found[process.pid] = " ".join(process.cmdline())
        except (OSError, psutil.Error):  # it has just ended
            continue


@pytest.fixture(scope="module")
def cold_head() -> Iterator[Head]:
    """Run a head node whose workers are new processes, as on any cluster."""
    with head_node(warm=False) as head:
        yield head


def test_alone_only_the_worker_imports_tensorflow(tmp_path: Path, sample_store: Path) -> None:
    """And where the time went is told. On a Ray of its own, films kept in the object store."""
    with started_alone("train_cnn", *options(sample_store, tmp_path, "always")) as job:
        said = only_the_worker_imports_tensorflow(job, job.pid)
    assert "starting Ray" in said


def options(store: Path, runs: Path, hold: str) -> tuple[object, ...]:
    return (
        "--store", store, "--runs", runs, "--name", "run", "--batch-size", 32, "--timing", "--cache-films", hold,
        *TINY,
    )  # fmt: skip


def only_the_worker_imports_tensorflow(job: subprocess.Popen[str], above: int) -> str:
    """Look at all descendants of a process while a job runs; return what it said."""
    found: dict[int, str] = {}
    while job.poll() is None:
        find_tensorflow(psutil.Process(above), found)
        time.sleep(1)  # importing it takes longer; and to ask all of Ray's processes takes a tenth of a core
    assert job.stdout is not None
    said = job.stdout.read()
    assert job.returncode == 0, said
    assert len(found) == 1, found
    assert "RayTrainWorker" in next(iter(found.values()))
    for what in ("reading the films", "importing TensorFlow", "first step, traced", "s in all"):
        assert what in said
    assert "from epoch 1 to the first step of 2" in said
    assert "from epoch 2 to the first step of 3" in said
    return said


@contextlib.contextmanager
def submitted(head: Head, folder: Path, *command: object) -> Iterator[subprocess.Popen[str]]:
    """Submit a job; its processes, the driver too, are descendants of the head node's."""
    with subprocess.Popen(
        [*RAY, "job", "submit", "--address", head.jobs, "--working-dir", ROOT, "--", "python", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    ) as job:
        yield job


def test_prepare_train_and_tune_as_submitted_jobs(cold_head: Head, tmp_path: Path) -> None:
    """The way that README gives to whoever has a cluster: worth a minute, for these are processes of Ray's jobs API.

    Only the training's worker imports TensorFlow, and where the time went is told, with films read in every epoch,
    through Ray Data's own processes.
    """

    def submit(*command: object) -> str:
        with submitted(cold_head, tmp_path, *command) as job:
            said, _ = job.communicate(timeout=400)
        assert job.returncode == 0, said
        return said

    store, runs = tmp_path / "store", tmp_path / "runs"
    assert "100 films" in submit("ray_jobs/prepare_data.py", "--store", store, "--sample-films", 100)
    with submitted(cold_head, tmp_path, "ray_jobs/train_cnn.py", *options(store, runs, "never")) as job:
        said = only_the_worker_imports_tensorflow(job, cold_head.above_workers)
    assert "Best epoch" in said
    (best,) = (runs / "run").glob("epoch-*")
    assert (best / "model.keras").is_file()
    sweep = ("ray_jobs/tune_cnn.py", "--store", store, "--runs", runs, "--name", "sweep", "--trials", 2, *TINY[:-2])
    # One process for both: each would import TensorFlow.
    assert "2 of 2 trials ended" in submit(*sweep, "--epochs", 1, "--max-concurrent", 1)
    assert (runs / "sweep" / "sweep.html").is_file()
