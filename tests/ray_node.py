"""The Ray that tests share: a head node as `ray start --head` makes one, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.warm_workers import warm_python

RAY = [str(Path(sys.executable).with_name("ray"))]
CPUS = 2
WARM = sys.platform == "linux"
"""Whether workers can be forks."""
_START_S, _STOP_S = 90, 10


@dataclass(frozen=True)
class Head:
    """A head node."""

    address: str
    """Of the cluster, for `ray.init`."""
    jobs: str
    """Of the jobs API, for `ray job submit`; empty without a dashboard."""
    folder: Path
    """The node's logs and sockets."""
    above_workers: int
    """Id of the process whose children, or theirs, are the workers."""


# The command of Ray, whose workers are started by another Python than this one.
_WITH_PYTHON = "import sys; sys.executable = sys.argv.pop(1); from ray.scripts.scripts import main; main()"


@contextlib.contextmanager
def head_node(*, warm: bool) -> Iterator[Head]:
    """Run a head node on this machine alone; only this node is ended, and its folder is removed.

    Args:
        warm: whether its workers are forks of a process that has imported what they need. It then has neither the
            dashboard nor the log monitor, which no test on these workers asks, and whose processes would take a tenth
            of the machine.
    """
    with short_folder() as folder, warm_python(folder) if warm else contextlib.nullcontext(("", 0)) as (python, forks):
        dashboard, port = _free_port(), _free_port()
        ray = [sys.executable, "-c", _WITH_PYTHON, str(python)] if warm else RAY
        command = [*ray, "start", "--head", "--block", f"--num-cpus={CPUS}", f"--port={port}", f"--temp-dir={folder}"]
        command += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
        command += [f"--ray-client-server-port={_free_port()}", f"--dashboard-agent-listen-port={_free_port()}"]
        command += (
            ["--include-dashboard=false", "--include-log-monitor=false"] if warm else ["--include-dashboard=true"]
        )
        # As in an activated environment: a submitted job's `python` is the first on the head node's path.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        log = folder / "head.log"
        with log.open("w") as stream:
            # What processes that are killed leave goes with the node's folder.
            env = {**os.environ, "PATH": path, "TMPDIR": str(folder)}
            node = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True, env=env)
        try:
            _wait_for(node, folder, log)
            yield Head(f"127.0.0.1:{port}", "" if warm else f"http://127.0.0.1:{dashboard}", folder, forks or node.pid)
        finally:
            _stop(node)


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Make a temporary folder for a Ray: its sockets' names have a limit of 107 characters.

    What still runs from there when the block ends is ended, and the folder removed.
    """
    with tempfile.TemporaryDirectory(prefix="fg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        try:
            yield Path(folder)
        finally:
            end_processes_of(Path(folder))


def end_processes_of(folder: Path) -> None:
    """End the processes of a Ray by the folder that their command lines name."""
    processes = [process for process in psutil.process_iter() if str(folder) in _command_line(process)]
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=_STOP_S)


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def _stop(node: subprocess.Popen[bytes]) -> None:
    """End the command that started the node; its processes, which it would take half a minute to ask, are ended by
    their folder."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)
    node.wait()


def _wait_for(node: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    """Wait for the node's last process, the raylet, which its command starts once all others answer."""
    deadline = time.monotonic() + _START_S
    while not (folder / "session_latest" / "sockets" / "raylet").exists():
        assert node.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "the head node did not come up"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
