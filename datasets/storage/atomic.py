"""Atomic writes of files and folders: readers see the old version or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.fs as pafs

from datasets.storage import files

_AT_ONCE = 16  # files moved concurrently on an object store


class aside:  # noqa: N801  (reads as a word where it is used: `with aside(path)`)
    """Context manager of a work folder next to `path`, always removed at the end.

    Work folders of killed jobs of this machine are removed first. Those of other machines that share the disk are left,
    since their jobs may still run. A folder that a killed job was replacing is restored.
    """

    def __init__(self, path: str) -> None:
        self._path = files.absolute(path)
        self.work = f"{_hidden(self._path, 'preparing')}{files.this_process()}"

    def __enter__(self) -> str:
        if files.is_local(self._path):
            _recover(Path(self._path))
            for left in _left_behind(Path(self._path), "preparing"):
                shutil.rmtree(left, ignore_errors=True)
        files.remove_folder(self.work)
        return self.work

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # must not hide an earlier error
            files.remove_folder(self.work)


def publish(work: str, path: str, *, last: str) -> None:
    """Publish the complete work folder at `path`, replacing an older one.

    An object store cannot rename a folder: there its files are moved, `last` after all others, so that a folder with it
    is complete.
    """
    path = files.absolute(path)
    if not files.is_local(path):
        files.remove_folder(path)
        _move_files(work, path, last=last)
        return
    old = Path(f"{_hidden(path, 'replaced')}{files.this_process()}")
    if Path(path).exists():
        Path(path).rename(old)
    Path(work).rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _move_files(work: str, path: str, *, last: str) -> None:
    filesystem, source = files.resolve(work)
    _, target = files.resolve(path)
    infos = filesystem.get_file_info(pafs.FileSelector(source, recursive=True))
    names = [info.path[len(source) :].lstrip("/") for info in infos if info.is_file]

    def move(name: str) -> None:
        filesystem.create_dir(f"{target}/{name}".rsplit("/", 1)[0], recursive=True)
        filesystem.move(f"{source}/{name}", f"{target}/{name}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(move, (name for name in names if name != last)))
    move(last)


def _hidden(path: str, state: str) -> str:
    """Return the path prefix of hidden folders next to `path`; a process name completes it."""
    parent, _, name = path.rstrip("/").rpartition("/")
    return f"{parent}/.{name}.{state}-"


def _left_behind(path: Path, state: str) -> list[Path]:
    """Return the hidden folders of this machine's killed jobs."""
    mine = f"{_hidden(str(path), state)}{files.this_process().rpartition('-')[0]}-"
    folders = path.parent.glob(f".{path.name}.{state}-*")
    own = [folder for folder in folders if str(folder).startswith(mine)]
    processes = [str(folder)[len(mine) :] for folder in own]
    return [f for f, process in zip(own, processes, strict=True) if process.isdigit() and not _runs(int(process))]


def _recover(path: Path) -> None:
    """Restore a folder that a killed job was replacing, or remove the replaced one."""
    for old in _left_behind(path, "replaced"):
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(path)


def _runs(process: int) -> bool:
    """Return whether a process with this id runs; signal 0 does not disturb it."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file atomically, as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file atomically. Missing folders are created."""
    filesystem, inner = files.resolve(path)
    filesystem.create_dir(str(Path(inner).parent), recursive=True)
    # Only local files are visible half written; object stores show complete objects only.
    temporary = _aside(inner) if files.is_local(path) else inner
    with filesystem.open_output_stream(temporary) as stream:
        stream.write(data)
    if temporary != inner:
        Path(temporary).replace(inner)


def _aside(inner: str) -> str:
    """Return this process's temporary path for `inner`."""
    return f"{inner}.{files.this_process()}.aside"


@contextlib.contextmanager
def new_folder(path: str | Path, *, last: str) -> Iterator[Path]:
    """Yield a local folder to write to, published at `path` if the block succeeds.

    On an object store, which cannot rename, the file called `last` is uploaded after all others: a folder with it is
    complete. An older folder at `path` is replaced.
    """
    filesystem, inner = files.resolve(path)
    if files.is_local(path):
        temporary = Path(_aside(inner))
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            shutil.rmtree(inner, ignore_errors=True)
            temporary.replace(inner)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        Path(folder, last).rename(f"{folder}.{last}")
        filesystem.create_dir(inner, recursive=True)
        try:
            pafs.copy_files(folder, inner, destination_filesystem=filesystem)
            pafs.copy_files(f"{folder}.{last}", f"{inner}/{last}", destination_filesystem=filesystem)
        finally:
            Path(f"{folder}.{last}").unlink()


@contextlib.contextmanager
def written_to(folder: str) -> Iterator[Path]:
    """Yield a local folder to write to, copied to `folder` if that is remote."""
    filesystem, inner = files.resolve(folder)
    if files.is_local(folder):
        yield Path(inner)
        return
    local = Path(tempfile.mkdtemp(prefix="report-"))
    try:
        yield local
        pafs.copy_files(str(local), inner, destination_filesystem=filesystem)
    finally:
        shutil.rmtree(local, ignore_errors=True)
