"""Jobs whose workers are new processes: who imports TensorFlow when a model is trained, and `ray job submit`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs import ROOT, started_alone, started_on
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


def names_with_tensorflow(job: psutil.Process) -> dict[int, str]:
    """Return the processes of a job that have TensorFlow loaded now, by name."""
    found = {}
    for process in [job, *job.children(recursive=True)]:
        try:
            if has_tensorflow(process):
                found[process.pid] = " ".join(process.cmdline())
        except (OSError, psutil.Error):  # it has just ended
            continue
    return found


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


def test_on_a_cluster_only_the_worker_imports_tensorflow(tmp_path: Path, sample_store: Path, cold_head: Head) -> None:
    """And where the time went is told. Films read in every epoch, through Ray Data's own processes."""
    with started_on(cold_head, "train_cnn", *options(sample_store, tmp_path, "never")) as job:
        only_the_worker_imports_tensorflow(job, job.pid, cold_head.above_workers)


def options(store: Path, runs: Path, hold: str) -> tuple[object, ...]:
    return (
        "--store", store, "--runs", runs, "--name", "run", "--batch-size", 32, "--timing", "--cache-films", hold,
        *TINY,
    )  # fmt: skip


def only_the_worker_imports_tensorflow(job: subprocess.Popen[str], *above: int) -> str:
    """Look at all descendants of some processes while a job trains; return what it said."""
    found: dict[int, str] = {}
    while job.poll() is None:
        for process in above:
            found |= names_with_tensorflow(psutil.Process(process))
        time.sleep(0.2)
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


def test_prepare_train_and_tune_as_submitted_jobs(cold_head: Head, tmp_path: Path) -> None:
    """The way that README gives to whoever has a cluster: worth a minute, for these are processes of Ray's jobs API."""

    def submit(*command: str) -> str:
        result = subprocess.run(
            [*RAY, "job", "submit", "--address", cold_head.jobs, "--working-dir", str(ROOT), "--", "python", *command],
            capture_output=True,
            text=True,
            timeout=400,
            cwd=tmp_path,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    store, runs = str(tmp_path / "store"), str(tmp_path / "runs")
    assert "100 films" in submit("ray_jobs/prepare_data.py", "--store", store, "--sample-films", "100")
    tiny = ["--stem-filters", "4", "--block-filters", "8", "--dense-units", "16"]
    said = submit("ray_jobs/train_cnn.py", "--store", store, "--runs", runs, "--name", "cnn", "--epochs", "1", *tiny)
    assert "Best epoch 1 of 1" in said
    assert (tmp_path / "runs" / "cnn" / "epoch-001" / "model.keras").is_file()
    sweep = ["ray_jobs/tune_cnn.py", "--store", store, "--runs", runs, "--name", "sweep", "--trials", "2"]
    # One process for both: each would import TensorFlow.
    assert "2 of 2 trials ended" in submit(*sweep, "--epochs", "1", "--max-concurrent", "1", *tiny)
    assert (tmp_path / "runs" / "sweep" / "sweep.html").is_file()
