"""Atomic writes of files and folders: readers see the old version or the new one, never a part."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from datasets.storage import files

_PART_BYTES = 8 << 20
_AT_ONCE = 16  # files moved concurrently on an object store
_FROM_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux, see renameat2(2)


Own = Callable[[str], bool]
"""Predicate: whether a path within a folder ("films/part-1.parquet") is that of one of the folder's own files."""


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Name the path in the error of a full disk, where writing left it out."""
    try:
        yield
    except OSError as error:
        number = error.errno or (errno.ENOSPC if os.strerror(errno.ENOSPC) in str(error) else None)  # HDF5 has none
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and not error.filename:
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


@contextlib.contextmanager
def new_folder(path: str | Path, *, last: str, own: Own | None = None) -> Iterator[str]:
    """Yield a work folder on the filesystem of `path`, published there after the block.

    The work folder is not created, and removed if the block fails. An older folder at `path` stays until the new one is
    complete; of its files only its own are removed, and all others go on in the new one. An object store cannot rename
    a folder: there its files are moved, `last` after all others, so that a folder with it is complete.

    Work folders of killed jobs of this machine are removed first. Those of other machines that share the disk are left,
    since their jobs may still run. A folder that a killed job was replacing is restored.

    Args:
        path: the folder; a symbolic link stays one, and the folder that it leads to is replaced.
        last: the file that is published last on an object store.
        own: of the files in an older folder, those to remove; by default those that the new one has too.
    """
    path = files.absolute(path)
    if files.is_local(path):
        path = os.path.realpath(path)
        _recover(Path(path), own)
    work = _hidden(path, "preparing", files.this_process())
    files.remove_folder(work)
    try:
        with naming(path):
            yield work
            _publish(work, path, last=last, own=own)
    finally:
        with contextlib.suppress(OSError):  # must not hide an earlier error
            files.remove_folder(work)


@contextlib.contextmanager
def new_local_folder(path: str | Path, *, last: str, own: Own | None = None) -> Iterator[Path]:
    """Yield a new folder on the local disk, published at `path` as by `new_folder`."""
    if files.is_local(path):
        with new_folder(path, last=last, own=own) as work:
            Path(work).mkdir(parents=True)
            yield Path(work)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        files.remove_own(path, own or _none)
        files.upload(Path(folder), path, last=last)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file atomically, as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file atomically. Missing folders are created."""
    with new_file(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Any]:
    """Yield a stream to write a file to, published at `path` if the block succeeds. Missing folders are created."""
    filesystem, inner = files.resolve(path)
    filesystem.create_dir(str(Path(inner).parent), recursive=True)
    if not files.is_local(path):
        # Closing an object store's stream publishes what was written so far, also where the block has failed.
        with tempfile.TemporaryFile() as held:
            yield held
            held.seek(0)
            _upload(filesystem, held, inner)
        return
    temporary = f"{inner}.{files.this_process()}.aside"
    try:
        with naming(inner), filesystem.open_output_stream(temporary) as stream:
            yield stream
        Path(temporary).replace(inner)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _upload(filesystem: pafs.FileSystem, held: Any, inner: str) -> None:
    """Write a whole file to an object store."""
    stream = filesystem.open_output_stream(inner)  # the file is there once it is closed
    for part in iter(lambda: held.read(_PART_BYTES), b""):
        stream.write(part)  # an error leaves the stream open, so that nothing is published
    stream.close()


# -- folders ----------------------------------------------------------------------------------------------------


def _none(_: str) -> bool:
    return False


def _publish(work: str, path: str, *, last: str, own: Own | None) -> None:
    if not files.is_local(path):
        files.remove_own(path, own or _none)
        _move_files(work, path, last=last)
        return
    if not Path(path).exists():
        Path(work).rename(path)
        return
    old = Path(_hidden(path, "replaced", files.this_process()))
    if _exchange(work, path):
        Path(work).rename(old)
    else:
        # For a moment there is no folder; if the job is killed right then, the next one restores the old folder.
        Path(path).rename(old)
        Path(work).rename(path)
    _hand_over(old, Path(path), own)


def _hand_over(old: Path, new: Path, own: Own | None) -> None:
    """Remove a replaced folder's own files; move all others to the same place in the new folder.

    A file whose place is taken there stays where it is, and so does all that cannot be moved or removed.
    """
    for folder, subfolders, names in os.walk(old, topdown=False):
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            file = Path(folder, name)
            target = new / file.relative_to(old)
            with contextlib.suppress(OSError):
                replaced = own(file.relative_to(old).as_posix()) if own else os.path.lexists(target)
                if replaced:
                    file.unlink()
                elif not os.path.lexists(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    file.rename(target)
        with contextlib.suppress(OSError):  # something is left in it
            Path(folder).rmdir()


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


def _exchange(one: str, other: str) -> bool:
    """Exchange two local folders in one step; return False where system or filesystem cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if renameat2 is None:
        return False
    return bool(renameat2(_FROM_HERE, os.fsencode(one), _FROM_HERE, os.fsencode(other), _EXCHANGE) == 0)


def _hidden(path: str, state: str, process: str) -> str:
    """Return the path of a process's hidden folder next to `path`."""
    return files.join(files.parent(path) or "/", f".{files.name(path)}.{state}-{process}")


def _left_behind(path: Path, state: str) -> list[Path]:
    """Return the hidden folders of this machine's killed jobs."""
    prefix = f".{path.name}.{state}-{files.this_process().rpartition('-')[0]}-"
    left = {folder: folder.name.removeprefix(prefix) for folder in path.parent.glob(f"{glob.escape(prefix)}*")}
    return [folder for folder, process in left.items() if process.isdigit() and not is_running(int(process))]


def _recover(path: Path, own: Own | None) -> None:
    """Restore a folder that a killed job was replacing; remove what was being prepared."""
    for old in _left_behind(path, "replaced"):
        if path.exists():
            _hand_over(old, path, own)
        else:
            old.rename(path)
    for work in _left_behind(path, "preparing"):
        if path.exists():
            # Of a job killed right after the exchange it is the replaced folder, which may hold more than its own.
            _hand_over(work, path, own)
        else:
            shutil.rmtree(work, ignore_errors=True)


def is_running(process: int) -> bool:
    """Return whether a process with this id runs; signal 0 does not disturb it."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
