"""Files and folders written whole: readers see the old one or the new, never a part, and a killed job leaves no half
folder."""

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

_AT_ONCE = 16  # files that an object store is asked to move at the same time


class aside:  # noqa: N801  (reads as a word where it is used: `with aside(path)`)
    """A folder beside `path` to work in; gone at the end, whatever happened.

    What killed jobs of this machine left is removed first; of other machines, with which the disk may be shared, nobody
    can tell here whether they still run. A folder that a job was killed at the point of replacing is put back.
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
        with contextlib.suppress(OSError):  # what went wrong before is worth more
            files.remove_folder(self.work)


def publish(work: str, path: str, *, last: str) -> None:
    """Make the work folder the one at `path`; an older one gives way once the new one is whole.

    An object store cannot rename a folder: there its files are moved, `last` after all others, so that a folder that
    has it is whole.
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
    found = filesystem.get_file_info(pafs.FileSelector(source, recursive=True))
    names = [info.path[len(source) :].lstrip("/") for info in found if info.is_file]

    def move(name: str) -> None:
        filesystem.create_dir(f"{target}/{name}".rsplit("/", 1)[0], recursive=True)
        filesystem.move(f"{source}/{name}", f"{target}/{name}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(move, (name for name in names if name != last)))
    move(last)


def _hidden(path: str, state: str) -> str:
    """Return the path of a folder beside another, hidden in listings, but for the job that it belongs to."""
    parent, _, name = path.rstrip("/").rpartition("/")
    return f"{parent}/.{name}.{state}-"


def _left_behind(path: Path, state: str) -> list[Path]:
    """Return the folders that jobs of this machine were killed over."""
    mine = f"{_hidden(str(path), state)}{files.this_process().rpartition('-')[0]}-"
    found = path.parent.glob(f".{path.name}.{state}-*")
    own = [folder for folder in found if str(folder).startswith(mine)]
    processes = [str(folder)[len(mine) :] for folder in own]
    return [f for f, process in zip(own, processes, strict=True) if process.isdigit() and not _runs(int(process))]


def _recover(path: Path) -> None:
    """Put back what a job was killed at the point of replacing, and remove what it had replaced already."""
    for old in _left_behind(path, "replaced"):
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(path)


def _runs(process: int) -> bool:
    """Return whether a process of this number runs; signal 0 asks without disturbing it."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole: readers see the old one or the new, never a part. Folders are made as needed."""
    filesystem, inner = files.resolve(path)
    filesystem.create_dir(str(Path(inner).parent), recursive=True)
    # Only a local file can be seen half written; object stores show an object when it is complete.
    aside = _aside(inner) if files.is_local(path) else inner
    with filesystem.open_output_stream(aside) as stream:
        stream.write(data)
    if aside != inner:
        Path(aside).replace(inner)


def _aside(inner: str) -> str:
    """Return where this process writes what is to stand at a path."""
    return f"{inner}.{files.this_process()}.aside"


@contextlib.contextmanager
def new_folder(path: str | Path, *, last: str) -> Iterator[Path]:
    """Give a local folder to write to, which is at `path` in one piece when the block ends without an error.

    On an object store, which cannot rename, the file called `last` is uploaded after all others: a folder that has
    it is whole. What stood at `path` before is replaced.
    """
    filesystem, inner = files.resolve(path)
    if files.is_local(path):
        aside = Path(_aside(inner))
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        try:
            yield aside
            shutil.rmtree(inner, ignore_errors=True)
            aside.replace(inner)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
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
    """Give a local folder to write to, whose files end up in `folder` wherever that is."""
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
