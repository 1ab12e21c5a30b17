"""The job as a cluster runs it: `ray start --head`, then `ray job submit` from the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.jobs import ROOT
from tests.ray_node import RAY, Head

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_prepare_train_and_tune_as_submitted_jobs(ray_head: Head, tmp_path: Path) -> None:
    def submit(*command: str) -> str:
        result = subprocess.run(
            [*RAY, "job", "submit", "--address", ray_head.jobs, "--working-dir", str(ROOT), "--", "python", *command],
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
    assert "2 of 2 trials ended" in submit(*sweep, "--epochs", "1", *tiny)
    assert (tmp_path / "runs" / "sweep" / "sweep.html").is_file()
