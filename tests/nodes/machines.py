"""Machines of a cluster on one machine: each with an address, processes, /tmp, /dev/shm and home folder of its own.

They are namespaces of Linux (network, mounts, processes), joined by a bridge, and share the Python environment, which
nobody writes to, and an S3 server (moto). The head alone has a checkout: jobs bring it, as `ray job submit` does.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.jobs import ROOT

NET = "10.77.0"
S3_PORT = 5000
# The environment by its real path: a link to it may not be visible on the machines.
_BIN = Path(sys.executable).parent.resolve()
PYTHON = _BIN / Path(sys.executable).name
_START_S = 120
# What each machine has; by themselves all would find the same cores and memory.
_SIZE = ("--num-cpus=1", "--object-store-memory=300000000")
Process = subprocess.Popen[str]


def why_not(moto: str) -> str:
    """Return the reason why this machine cannot have machines in it, or ""."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter"))):
        return "needs Linux, root, and the commands ip, unshare and nsenter"
    if subprocess.run(["unshare", "-n", "-m", "-p", "--fork", "true"], capture_output=True, check=False).returncode:
        return "this machine allows no network and mount namespaces"
    if not shutil.which(moto):
        return f"there is no {moto}: `make test-nodes` installs moto's server, or name it by --moto"
    return ""


@dataclass
class Machine:
    """A machine: a network namespace, and a mount namespace."""

    number: int
    folder: Path
    """Its /tmp, seen from outside."""
    keeper: Process
    """Process that keeps its namespaces, and ends what runs in them with itself."""
    first: int
    """Id of the first process in them, seen from outside."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Return its address in the network."""
        return f"{NET}.{self.number}"

    def start(self, *command: object, inside: bool = True, **options: Any) -> Process:
        """Start a command on it; its files are those of the machine, or with `inside` false those of the user."""
        enter = ["nsenter", "-t", str(self.first), "-n", *(["-m", "-p"] if inside else []), "--"]
        options = {"cwd": "/" if inside else ROOT, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        return subprocess.Popen([*enter, *map(str, command)], env=self.environment, **{**pipes, **options})

    def run(self, *command: object, fails: bool = False, timeout: float = 300, **options: Any) -> str:
        """Run a command on it to its end; return what it printed."""
        process = self.start(*command, **options)
        try:
            said = process.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{command} has not ended: {process.communicate()[0]}") from None
        assert (process.returncode != 0) == fails, f"{shlex.join(map(str, command))}\n{said}"
        return said

    def processes(self) -> list[psutil.Process]:
        """Return the processes that run on it."""
        own = Path(f"/proc/{self.first}/ns/net").readlink()
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if (
                    process.pid not in (self.keeper.pid, self.first)
                    and Path(f"/proc/{process.pid}/ns/net").readlink() == own
                ):
                    found.append(process)
        return found

    def kill(self) -> None:
        """End all that runs on it at once, as a power cut does."""
        while processes := self.processes():
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(processes, timeout=10)
        shutil.rmtree(self.folder / "ray", ignore_errors=True)

    def workers(self) -> list[psutil.Process]:
        """Return the training workers that run on it."""
        return [one for one in self.processes() if "RayTrainWorker" in " ".join(_cmdline(one))]


def _sleeping(keeper: int) -> list[int]:
    return [one.pid for one in psutil.Process(keeper).children() if "sleep" in _cmdline(one)]


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class Network:
    """Machines on one bridge, with an S3 server."""

    def __init__(self, folder: Path, moto: str) -> None:
        self._folder, self._moto = folder, moto
        self.machines: list[Machine] = []

    @contextlib.contextmanager
    def up(self) -> Iterator[Network]:
        """Keep the network during the block."""
        # The bridge stands in a namespace of its own, that of the S3 server: the machine around it is left as it is.
        self.s3 = self._machine(1)
        try:
            self._ip(self.s3, "link", "add", "bridge", "type", "bridge")
            self._ip(self.s3, "addr", "add", f"{self.s3.address}/24", "dev", "bridge")
            self._ip(self.s3, "link", "set", "bridge", "up")
            with (self._folder / "moto.log").open("w") as log:
                self.s3.start(self._moto, "-H", "0.0.0.0", "-p", S3_PORT, inside=False, stdout=log, stderr=log)
            wait_until(lambda: self._listens(self.s3, S3_PORT), "the S3 server")
            self._make_bucket()
            yield self
        finally:
            for machine in [*self.machines, self.s3]:
                machine.kill()
                psutil.Process(machine.first).kill()
                machine.keeper.wait()

    def add(self) -> Machine:
        """Add a machine to the network."""
        machine = self._machine(len(self.machines) + 2)
        self.machines.append(machine)
        name = f"to-{machine.number}"
        self._ip(self.s3, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(machine.first))
        self._ip(self.s3, "link", "set", name, "master", "bridge", "up")
        self._ip(machine, "addr", "add", f"{machine.address}/24", "dev", "eth0")
        self._ip(machine, "link", "set", "eth0", "up")
        self._ip(machine, "route", "add", "default", "via", self.s3.address)
        return machine

    def uri(self, path: str) -> str:
        """Return a URI on the S3 server that needs no variable but the keys."""
        return f"s3://films/{path}?scheme=http&endpoint_override={self.s3.address}:{S3_PORT}"

    def read(self, path: str) -> str:
        """Read a file of the bucket."""
        code = "import sys; from datasets.storage import files; print(files.read_text(sys.argv[1]), end='')"
        return self.s3.run(PYTHON, "-c", code, self.uri(path), inside=False)

    def paths(self, below: str) -> list[str]:
        """Return the files of the bucket below a folder."""
        code = (
            "import sys, pyarrow.fs as fs; from datasets.storage import files; f, p = files.resolve(sys.argv[1]);"
            "print('\\n'.join(i.path for i in f.get_file_info(fs.FileSelector(p, recursive=True)) if i.is_file))"
        )
        return self.s3.run(PYTHON, "-c", code, self.uri(below), inside=False).split()

    def _make_bucket(self) -> None:
        uri = f"s3://films?scheme=http&endpoint_override={self.s3.address}:{S3_PORT}&allow_bucket_creation=true"
        code = "import sys; from datasets.storage import files; f, p = files.resolve(sys.argv[1]); f.create_dir(p)"
        self.s3.run(PYTHON, "-c", code, uri, inside=False)

    def _machine(self, number: int) -> Machine:
        folder = self._folder / str(number)
        (folder / "home").mkdir(parents=True)
        mounts = f"mount -t tmpfs -o size=4g tmpfs /dev/shm && mount --bind {folder} /tmp && exec sleep infinity"
        command = ["unshare", "-n", "-m", "-p", "--fork", "--mount-proc", "sh", "-c", mounts]
        keeper = subprocess.Popen(command, text=True, start_new_session=True, stderr=subprocess.DEVNULL)
        wait_until(lambda: _sleeping(keeper.pid), "the namespaces", every=0.05)
        machine = Machine(number, folder, keeper, _sleeping(keeper.pid)[0], self._environment())
        self._ip(machine, "link", "set", "lo", "up")
        return machine

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL")}
        return kept | {
            # As in an activated environment.
            "PATH": f"{_BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/tmp/home",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": f"http://{NET}.1:{S3_PORT}",
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    @staticmethod
    def _ip(machine: Machine, *arguments: str) -> None:
        machine.run("ip", *arguments, inside=False)

    @staticmethod
    def _listens(machine: Machine, port: int) -> bool:
        code = f"import socket; socket.create_connection(('{machine.address}', {port}), 2)"
        return machine.start(PYTHON, "-c", code, stderr=subprocess.DEVNULL).wait() == 0


@contextlib.contextmanager
def network(moto: str) -> Iterator[Network]:
    """Keep a network during the block."""
    with (
        tempfile.TemporaryDirectory(prefix="fgn-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        Network(Path(folder), moto).up() as made,
    ):
        yield made


class Cluster:
    """A Ray cluster on machines, made by the documented commands."""

    def __init__(self, made: Network) -> None:
        self.network = made
        self.head = made.add()
        for package in ("datasets", "genre_models", "ray_jobs"):
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, self.head.folder / "checkout" / package, ignore=skipped)

    def add(self) -> Machine:
        """Add a machine, which has not joined yet."""
        return self.network.add()

    def start_head(self, *options: str) -> None:
        """Start the head node; its jobs server answers when this returns."""
        self.head.run("ray", "start", "--head", *_SIZE, *options, timeout=_START_S)
        wait_until(self._lists_jobs, "the jobs server", every=2)

    def _lists_jobs(self) -> bool:
        process = self.head.start("ray", "job", "list")
        process.communicate(timeout=60)
        return process.returncode == 0

    def join(self, machine: Machine, *options: str) -> None:
        """Start a node that joins by the head's address."""
        address = f"--address={self.head.address}:6379"
        machine.run("ray", "start", address, *_SIZE, *options, timeout=_START_S)

    def submitted(self, *command: object, options: tuple[str, ...] = ()) -> Process:
        """Submit a job from the checkout, as the README says."""
        return self.head.start(
            "sh", "-c", 'cd /tmp/checkout && exec "$@"', "sh",
            "ray", "job", "submit", "--working-dir", ".", *options, "--", "python", *command,
        )  # fmt: skip

    def submit(self, *command: object, fails: bool = False, timeout: float = 420) -> str:
        """Submit a job and wait for its end; return what it printed."""
        with self.submitted(*command) as job:
            try:
                said = job.communicate(timeout=timeout)[0]
            except subprocess.TimeoutExpired:
                os.killpg(job.pid, signal.SIGKILL)
                raise AssertionError(f"{command} has not ended: {job.communicate()[0]}") from None
        assert (job.returncode != 0) == fails, said
        return said

    def usage(self) -> dict[str, float]:
        """Return all CPUs and those in use, by the head's own account."""
        code = (
            "import ray; ray.init('auto', logging_level='ERROR', log_to_driver=False);"
            "t, a = ray.cluster_resources(), ray.available_resources();"
            "print('CPU', t.get('CPU', 0), a.get('CPU', 0))"
        )
        said = self.head.run("python", "-c", code).strip().splitlines()[-1].split()
        total, available = float(said[1]), float(said[2])
        return {"total": total, "used": total - available}


def wait_until(what: Callable[[], object], name: str, seconds: float = 120, every: float = 0.5) -> None:
    """Wait until a function gives something true."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"waited {seconds:g} s for {name}"
        time.sleep(every)
