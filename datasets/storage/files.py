"""Files and folders on any filesystem of Arrow: a local path, s3://, gs://, …

A path is a text: a local path, or a URI that may end in options of its filesystem (`s3://bucket/runs?scheme=http&…`).
It is taken apart by `join`, `parent`, `name` and `is_within` alone.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from datasets.storage.failures import PathError, explained, is_remote
from datasets.storage.filesystems import absolute, require_bucket, resolve
from datasets.storage.paths import is_local, is_within, join, name, parent, split_options

__all__ = [
    "MOST_BYTES", "PathError", "absolute", "exists", "find", "folders", "is_empty", "is_local", "is_within", "join",
    "local_copy", "name", "open_random", "open_stream", "parent", "parse_json", "read_bytes", "read_json_object",
    "read_regular", "read_text", "remove_folder", "remove_own", "resolve", "this_process", "upload",
]  # fmt: skip

MOST_BYTES = 1 << 30
"""Largest file that is read at once."""


def exists(path: str | Path) -> bool:
    """Return whether a file or folder exists.

    Raises:
        PathError: its filesystem cannot be reached.
    """
    filesystem, inner = resolve(path)
    try:
        if filesystem.get_file_info(inner).type != pafs.FileType.NotFound:
            return True
        require_bucket(path)
        return False
    except OSError as error:
        if is_local(path):
            raise
        raise PathError(f"cannot reach {path}: {explained(error)}") from error


def is_empty(path: str | Path) -> bool:
    """Return whether the path does not exist or is an empty folder."""
    filesystem, inner = resolve(path)
    if filesystem.get_file_info(inner).type == pafs.FileType.File:
        return False
    return not filesystem.get_file_info(pafs.FileSelector(inner, allow_not_found=True))


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file. Raises FileNotFoundError where it is missing."""
    return read_bytes(path).decode("utf-8")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError for a text that is none, or has brackets in thousands of brackets."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None


def read_json_object(path: str | Path) -> dict[str, Any]:
    """Read a JSON object; empty where the file is missing, cannot be read or holds something else.

    Raises:
        OSError: the remote storage fails, so that nobody knows what the file holds.
    """
    try:
        values = parse_json(read_text(path))
    except (OSError, ValueError) as error:
        if is_remote(error):
            raise
        return {}
    return values if isinstance(values, dict) else {}


def read_bytes(path: str | Path, *, most: int = MOST_BYTES) -> bytes:
    """Read a file.

    Raises:
        FileNotFoundError: it is missing.
        OSError: it is no regular file but a pipe or a device, which may never end, or has more than `most` bytes.
    """
    filesystem, inner = resolve(path)
    if is_local(path):
        return read_regular(inner, most=most)
    with filesystem.open_input_stream(inner) as stream:
        data = bytes(stream.read(most + 1))
    return _within(data, len(data), most, str(path))


def read_regular(path: str, *, most: int = MOST_BYTES) -> bytes:
    """Read a local file. Raises OSError as `read_bytes` does, before anything is read."""
    # Without O_NONBLOCK, opening a pipe waits for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        _require_regular(status, path)
        _within(b"", status.st_size, most, path)
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(most + 1)
    finally:
        os.close(descriptor)


def open_stream(filesystem: pafs.FileSystem, path: str) -> pa.NativeFile:
    """Open a file to read it once. Raises OSError as `open_random` does."""
    if isinstance(filesystem, pafs.LocalFileSystem):
        _require_regular(Path(path).stat(), path)
    return filesystem.open_input_stream(path, compression=None)


def open_random(filesystem: pafs.FileSystem, path: str) -> pa.NativeFile:
    """Open a file to read it anywhere. Raises OSError where it is missing, or a pipe or a device."""
    if isinstance(filesystem, pafs.LocalFileSystem):
        _require_regular(Path(path).stat(), path)
    return filesystem.open_input_file(path)


def _require_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(kind, "is no file, but a folder, a pipe or a device", path)


def _within(data: bytes, size: int, most: int, path: str) -> bytes:
    if size > most:
        raise OSError(errno.EFBIG, f"has {'at least ' * (len(data) == size)}{size:,} bytes, more than {most:,}", path)
    return data


def this_process() -> str:
    """Return MACHINE-PID, unique among the machines that share a disk."""
    return f"{platform.node() or 'localhost'}-{os.getpid()}"


def find(path: str | Path, called: str) -> list[str]:
    """Return every file of this name below a folder, sorted, with the folder's scheme.

    Hidden folders, in which jobs prepare what is not complete yet, are left out.
    """
    filesystem, inner = resolve(path)
    selector = pafs.FileSelector(inner, recursive=True, allow_not_found=True)
    paths = [info.path for info in filesystem.get_file_info(selector) if info.base_name == called and info.is_file]
    if not paths:
        require_bucket(path)
    below = [path[len(inner.rstrip("/")) :] for path in paths]
    # With the URI's host, account and options, which paths on its filesystem leave out.
    above, options = (inner, "") if is_local(path) else split_options(path)
    return sorted(above.rstrip("/") + file + options for file in below if "/." not in file)


def folders(path: str | Path) -> list[str]:
    """Return the sorted names of a folder's subfolders; none where it is missing."""
    filesystem, inner = resolve(path)
    selector = pafs.FileSelector(inner, allow_not_found=True)
    return sorted(info.base_name for info in filesystem.get_file_info(selector) if info.type == pafs.FileType.Directory)


def remove_folder(path: str | Path) -> None:
    """Remove a folder and its contents, if it exists."""
    filesystem, inner = resolve(path)
    if exists(path):
        filesystem.delete_dir(inner)


def remove_own(path: str | Path, own: Callable[[str], object]) -> None:
    """Remove a folder's own files, by their paths within it, and folders left empty."""
    filesystem, inner = resolve(path)
    selector = pafs.FileSelector(inner, recursive=True, allow_not_found=True)
    infos = filesystem.get_file_info(selector)
    for info in infos:
        if info.is_file and own(info.path[len(inner.rstrip("/")) + 1 :]):
            filesystem.delete_file(info.path)
    if isinstance(filesystem, pafs.LocalFileSystem):
        folders = [info.path for info in infos if info.type == pafs.FileType.Directory]
        for folder in [*sorted(folders, key=len, reverse=True), inner]:
            with contextlib.suppress(OSError):  # something is left in it
                Path(folder).rmdir()


@contextlib.contextmanager
def local_copy(path: str | Path) -> Iterator[Path]:
    """Yield a folder on the local disk: `path` itself if it is local, else a copy that the block's end removes."""
    filesystem, inner = resolve(path)
    if is_local(path):
        yield Path(inner)
        return
    with tempfile.TemporaryDirectory() as folder:
        pafs.copy_files(inner, folder, source_filesystem=filesystem, destination_filesystem=pafs.LocalFileSystem())
        yield Path(folder)


def upload(folder: Path, path: str | Path, *, last: str = "") -> None:
    """Copy a local folder's files into `path`; the one named `last` after all others."""
    filesystem, inner = resolve(path)
    filesystem.create_dir(inner, recursive=True)
    with tempfile.TemporaryDirectory() as held:
        if last:
            shutil.move(folder / last, held)
        for part in (str(folder), held) if last else (str(folder),):
            pafs.copy_files(part, inner, destination_filesystem=filesystem)
