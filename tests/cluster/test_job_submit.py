"""The job as a cluster runs it: `ray start --head`, then `ray job submit` from the checkout."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
RAY = [str(Path(sys.executable).with_name("ray"))]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture
def head() -> Iterator[str]:
    """Start a head node of its own, and give the address of its jobs API; only this node is ended."""
    # A short path of its own: Ray puts sockets there, and their names have a limit of 107 characters.
    session = tempfile.mkdtemp(prefix="fg-", dir="/tmp")
    dashboard, port = free_port(), free_port()
    command = [*RAY, "start", "--head", "--block", "--num-cpus=2", f"--port={port}", f"--temp-dir={session}"]
    command += ["--include-dashboard=true", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    command += [f"--ray-client-server-port={free_port()}", f"--dashboard-agent-listen-port={free_port()}"]
    log = Path(session, "head.log").open("w")  # noqa: SIM115  (open as long as the node runs)
    # As in an activated environment: a job's `python` is the first on the head node's path.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path}
    node = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=env)
    try:
        deadline = time.monotonic() + 90
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", dashboard)) == 0:
                    break
            assert node.poll() is None, Path(session, "head.log").read_text()
            assert time.monotonic() < deadline, "the head node did not come up"
            time.sleep(0.5)
        yield f"http://127.0.0.1:{dashboard}"
    finally:
        node.send_signal(signal.SIGTERM)
        try:
            node.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(node.pid, signal.SIGKILL)
        log.close()


def test_prepare_train_and_tune_as_submitted_jobs(head: str, tmp_path: Path) -> None:
    def submit(*command: str) -> str:
        result = subprocess.run(
            [*RAY, "job", "submit", "--address", head, "--working-dir", str(ROOT), "--", "python", *command],
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
