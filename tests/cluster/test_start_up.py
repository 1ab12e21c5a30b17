"""Who imports TensorFlow when a model is trained: who computes, and nobody else."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import RunJob
from tests.jobs import started_alone

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
def store(tmp_path_factory: pytest.TempPathFactory, run_job: RunJob) -> str:
    """Return a store of few films."""
    path = tmp_path_factory.mktemp("films") / "store"
    run_job("prepare_data", "--store", path, "--sample-films", 150)
    return str(path)


@pytest.mark.parametrize("hold", ["always", "never"])
def test_only_the_worker_imports_tensorflow_and_timing_tells_where_time_went(
    tmp_path: Path, store: str, hold: str
) -> None:
    options = (
        "--store", store, "--runs", tmp_path, "--name", "run", "--batch-size", 32, "--timing", "--hold-films", hold,
        *TINY,
    )  # fmt: skip
    found: dict[int, str] = {}
    with started_alone("train_cnn", *options) as job:
        while job.poll() is None:
            found |= names_with_tensorflow(psutil.Process(job.pid))
            time.sleep(0.2)
        assert job.stdout is not None
        said = job.stdout.read()
    assert job.returncode == 0, said
    assert len(found) == 1, found
    assert "RayTrainWorker" in next(iter(found.values()))
    for what in ("starting Ray", "reading the films", "importing TensorFlow", "first step, traced", "s in all"):
        assert what in said
    assert "from epoch 1 to the first step of 2" in said
    assert "from epoch 2 to the first step of 3" in said
