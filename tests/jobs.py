"""Jobs as tests run them: in this process on the tests' own Ray, or in a process of their own as a user does."""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from unittest import mock

from tests.ray_node import Head, short_folder

ROOT = Path(__file__).resolve().parent.parent
Finished = subprocess.CompletedProcess[str]
TIMEOUT_S = 540


def run_here(job: str, *options: object, fails: bool = False) -> Finished:
    """Run a job in this process, through its command line, on the Ray that this process is connected to.

    Errors that are made for the person end it as they end a command; any other is raised.
    """
    command = command_of(job, *options)[1:]
    code: Any = 0
    with captured() as (out, err), mock.patch.object(sys, "argv", command):
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        stdout, stderr = _text(out), _text(err)
    return _checked(Finished(command, int(code), stdout, stderr), fails)


def run_alone(job: str, *options: object, fails: bool = False) -> Finished:
    """Run a job as a user does: a process of its own, and no Ray running that it could join."""
    command = command_of(job, *options)
    with nowhere_to_join() as alone:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=ROOT, env=alone, check=False
        )
    return _checked(result, fails)


@contextlib.contextmanager
def started_alone(job: str, *options: object) -> Iterator[subprocess.Popen[str]]:
    """Start a job as a user does, in a process group of its own, which is ended with the block."""
    with nowhere_to_join() as alone, _started(job, options, alone) as process:
        yield process


@contextlib.contextmanager
def started_on(head: Head, job: str, *options: object) -> Iterator[subprocess.Popen[str]]:
    """Start a job in a process of its own, which joins this head node; ended with the block, and it alone."""
    with _started(job, options, {**os.environ, "RAY_ADDRESS": head.address, "TMPDIR": str(head.folder)}) as process:
        yield process


@contextlib.contextmanager
def _started(job: str, options: Iterable[object], env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command_of(job, *options),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True, env=env,
    )  # fmt: skip
    try:
        yield process
    finally:
        kill_group(process)
        assert process.stdout is not None
        process.stdout.close()


def wait_for(what: Callable[[], object], job: subprocess.Popen[str], seconds: float = 300) -> None:
    """Wait until a function gives something true, while a job runs."""
    until = time.monotonic() + seconds
    while not what():
        assert job.poll() is None, job.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.2)


@contextlib.contextmanager
def nowhere_to_join() -> Iterator[dict[str, str]]:
    """Give the environment of a user on whose machine no Ray runs.

    What a Ray of its own leaves is removed, and the temporary files of processes that were killed.
    """
    with short_folder() as folder:
        kept = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        yield kept | {"RAY_TMPDIR": str(folder), "TMPDIR": str(folder)}


def command_of(job: str, *options: object) -> list[str]:
    """Return the command a user would type."""
    return [sys.executable, str(ROOT / "ray_jobs" / f"{job}.py"), *map(str, options)]


def kill_group(process: subprocess.Popen[str]) -> None:
    """End a process that leads a group, and all of the group, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def captured() -> Iterator[tuple[IO[str], IO[str]]]:
    """Collect what the block writes to stdout and stderr, C++ code included, in two files."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield out, err
        finally:
            for number, copy in enumerate(kept, start=1):
                os.dup2(copy, number)
                os.close(copy)


def _text(stream: IO[str]) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def _checked(result: Finished, fails: bool) -> Finished:
    command = " ".join(result.args)
    assert (result.returncode != 0) == fails, f"{command}\n{result.stdout}\n{result.stderr}"
    return result
