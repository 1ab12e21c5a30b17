"""Warm workers: Ray's worker processes forked from one that has imported TensorFlow, in place of new ones.

A third of the time of all tests went into imports, in hundreds of short processes. The code a worker runs is the same.
The tests that start a Ray of their own, and the head node of submitted jobs, have workers as users have them.

Ray itself is imported by each worker: its library reads the worker's environment when it is loaded.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_WARM_S = 120
# What Ray imports too.
_SHARED = (
    "asyncio",
    "concurrent.futures",
    "jsonschema",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "requests",
    "yaml",
)
# The raylet's command for a worker is `python default_worker.py ...`, with a runtime environment
# `python setup_worker.py default_worker.py ...`. This lives as long as the worker, as the raylet expects of the
# process that it started. Any other command is Python's own.
_LAUNCHER = """#!/bin/sh
exec {python!r} -IS {code!r} "$@"
"""
_CODE = """import json, os, socket, sys
if len(sys.argv) < 2 or not sys.argv[1].endswith(("setup_worker.py", "default_worker.py")):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
here = socket.socket(socket.AF_UNIX)
here.connect({address!r})
what = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(here, [len(what).to_bytes(4, "big")], [1, 2])
here.sendall(what)
here.recv(1)
"""


@contextlib.contextmanager
def warm_python(folder: Path) -> Iterator[tuple[Path, int]]:
    """Start the process that workers are forked from; give the path of a Python whose Ray workers are its forks, and
    the process's id."""
    address, launcher, code = folder / "warm.sock", folder / "python", folder / "launcher.py"
    code.write_text(_CODE.format(python=sys.executable, address=str(address)))
    launcher.write_text(_LAUNCHER.format(python=sys.executable, code=str(code)))
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    log = folder / "warm.log"
    with log.open("w") as stream:
        command = [sys.executable, "-m", "tests.warm_workers", str(address)]
        root = Path(__file__).parent.parent
        env = {**os.environ, "TMPDIR": str(folder)}
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True, cwd=root, env=env)
    try:
        deadline = time.monotonic() + _WARM_S
        while not address.exists():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield launcher, process.pid
    finally:
        process.kill()
        process.wait()


def _serve(address: str) -> None:
    import genre_models.training.trainer  # noqa: F401  (first: it imports Keras without what others bring)

    for name in _SHARED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each worker's collections would touch, and so copy, every page of what is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended workers are not waited for
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address + ".new")
        server.listen(64)
        Path(address + ".new").rename(address)
        while True:
            worker, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _become(worker)
                return
            worker.close()


def _become(launcher: socket.socket) -> None:
    """Become the worker that a launcher was to start; the connection to it ends with this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    size, streams, _, _ = socket.recv_fds(launcher, 4, 2)
    wanted, text = int.from_bytes(size, "big"), b""
    while len(text) < wanted:
        text += launcher.recv(wanted - len(text))
    arguments, environment, folder = json.loads(text)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    options, command = {}, []
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name in ("--serialized-runtime-env-context", "--language"):
            options[name] = value
        elif not argument.endswith("setup_worker.py"):
            command.append(argument)
    context = json.loads(options.get("--serialized-runtime-env-context") or "{}")
    os.environ.update(context.get("env_vars") or {})
    importlib.import_module("numpy").random.seed()
    sys.argv = command
    try:
        runpy.run_path(command[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # to take down what is shared would copy it


if __name__ == "__main__":
    _serve(sys.argv[1])
