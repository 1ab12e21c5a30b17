"""Files and folders on any filesystem of Arrow: a local path, s3://, gs://, …"""

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

import pyarrow.fs as pafs

MOST_BYTES = 1 << 30
"""Largest file that is read at once."""


_GIVES_UP_S = 30


class PathError(ValueError):
    """A path or URI without a usable filesystem."""


def resolve(path: str | Path) -> tuple[pafs.FileSystem, str]:
    """Return the filesystem and the path on it; a plain path is local, made absolute with `~` expanded.

    Raises:
        PathError: the scheme is unknown or cannot be reached (the message names the path).
    """
    if "://" not in str(path):
        return pafs.LocalFileSystem(), str(Path(path).expanduser().absolute())
    try:
        return pafs.FileSystem.from_uri(_bounded(str(path)))
    except (OSError, ValueError, ImportError) as error:
        raise PathError(f"cannot reach {path}: {error}") from error


def _bounded(uri: str) -> str:
    """Return a URI whose filesystem gives up after half a minute; Google's would try for a quarter of an hour."""
    if uri.startswith(("gs://", "gcs://")) and "retry_limit_seconds=" not in uri:
        return f"{uri}{'&' if '?' in uri else '?'}retry_limit_seconds={_GIVES_UP_S}"
    return uri


def absolute(path: str | Path) -> str:
    """Return a local path (or file:// URI) as an absolute path, another URI unchanged."""
    return str(path) if "://" in str(path) and not str(path).startswith("file://") else resolve(path)[1]


def is_local(path: str | Path) -> bool:
    """Return whether the path is on this machine's own filesystem (a mounted share counts)."""
    return "://" not in str(path) or str(path).startswith("file://")


def join(path: str | Path, *names: str) -> str:
    """Append names to a path or URI.

    Raises:
        PathError: the URI has options after a question mark.
    """
    if "://" in str(path) and "?" in str(path):
        raise PathError(
            f"{path} has options after the question mark, which only --films may have: leave them out, and set the "
            "environment variables AWS_ENDPOINT_URL and AWS_DEFAULT_REGION, say"
        )
    return "/".join([str(path).rstrip("/"), *names])


def exists(path: str | Path) -> bool:
    """Return whether a file or folder exists.

    Raises:
        PathError: its filesystem cannot be reached.
    """
    filesystem, inner = resolve(path)
    try:
        return bool(filesystem.get_file_info(inner).type != pafs.FileType.NotFound)
    except OSError as error:
        if is_local(path):
            raise
        raise PathError(f"cannot reach {path}: {str(error).splitlines()[0][:300]}") from error


def is_empty(path: str | Path) -> bool:
    """Return whether the path does not exist or is an empty folder."""
    filesystem, inner = resolve(path)
    if filesystem.get_file_info(inner).type == pafs.FileType.File:
        return False
    return not filesystem.get_file_info(pafs.FileSelector(inner, allow_not_found=True))


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file. Raises FileNotFoundError where it is missing."""
    return read_bytes(path).decode("utf-8")


def read_json_object(path: str | Path) -> dict[str, Any]:
    """Read a JSON object; empty where the file is missing, cannot be read or holds something else."""
    try:
        values = json.loads(read_text(path))
    except (OSError, ValueError):
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
        if not stat.S_ISREG(status.st_mode):
            kind = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
            raise OSError(kind, "is no file, but a folder, a pipe or a device", path)
        _within(b"", status.st_size, most, path)
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(most + 1)
    finally:
        os.close(descriptor)


def _within(data: bytes, size: int, most: int, path: str) -> bytes:
    if size > most:
        raise OSError(errno.EFBIG, f"has {'at least ' * (len(data) == size)}{size:,} bytes, more than {most:,}", path)
    return data


def this_process() -> str:
    """Return MACHINE-PID, unique among the machines that share a disk."""
    return f"{platform.node() or 'localhost'}-{os.getpid()}"


def find(path: str | Path, name: str) -> list[str]:
    """Return every file of this name below a folder, sorted, with the folder's scheme.

    Hidden folders, in which jobs prepare what is not complete yet, are left out.
    """
    filesystem, inner = resolve(path)
    selector = pafs.FileSelector(inner, recursive=True, allow_not_found=True)
    paths = [info.path for info in filesystem.get_file_info(selector) if info.base_name == name and info.is_file]
    below = [path[len(inner.rstrip("/")) :] for path in paths]
    # With the URI's host and account, which paths on its filesystem leave out.
    above = inner if is_local(path) else str(path)
    return sorted(above.rstrip("/") + file for file in below if "/." not in file)


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
