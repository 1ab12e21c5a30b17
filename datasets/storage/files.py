"""Files and folders on any filesystem that Arrow can reach: a local path, s3://, gs://, …"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs as pafs


class PathError(ValueError):
    """A path or URI that no filesystem can be found for."""


def resolve(path: str | Path) -> tuple[pafs.FileSystem, str]:
    """Return the filesystem and the path on it; a plain path is local, `~` is expanded and it is made absolute.

    Raises:
        PathError: the scheme is unknown or cannot be reached (the message names the path).
    """
    if "://" not in str(path):
        return pafs.LocalFileSystem(), str(Path(path).expanduser().absolute())
    try:
        return pafs.FileSystem.from_uri(str(path))
    except (OSError, ValueError, ImportError) as error:
        raise PathError(f"cannot reach {path}: {error}") from error


def absolute(path: str | Path) -> str:
    """Return what a process elsewhere can be told: a local path (file:// too) made absolute, another URI as it is."""
    return str(path) if "://" in str(path) and not str(path).startswith("file://") else resolve(path)[1]


def is_local(path: str | Path) -> bool:
    """Return whether the path is on this machine's own filesystem (a mounted share counts)."""
    return isinstance(resolve(path)[0], pafs.LocalFileSystem)


def join(path: str | Path, *names: str) -> str:
    """Append names to a path or URI."""
    return "/".join([str(path).rstrip("/"), *names])


def exists(path: str | Path) -> bool:
    """Return whether a file or folder is there."""
    filesystem, inner = resolve(path)
    return bool(filesystem.get_file_info(inner).type != pafs.FileType.NotFound)


def is_empty(path: str | Path) -> bool:
    """Return whether nothing is there, or a folder with nothing in it."""
    filesystem, inner = resolve(path)
    if filesystem.get_file_info(inner).type == pafs.FileType.File:
        return False
    return not filesystem.get_file_info(pafs.FileSelector(inner, allow_not_found=True))


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file. Raises FileNotFoundError where there is none."""
    return read_bytes(path).decode("utf-8")


def read_bytes(path: str | Path) -> bytes:
    """Read a file. Raises FileNotFoundError where there is none."""
    filesystem, inner = resolve(path)
    with filesystem.open_input_stream(inner) as stream:
        return bytes(stream.read())


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole: readers see the old one or the new, never a part. Folders are made as needed."""
    filesystem, inner = resolve(path)
    filesystem.create_dir(str(Path(inner).parent), recursive=True)
    # Only a local file can be seen half written; object stores show an object when it is complete.
    aside = _aside(inner) if is_local(path) else inner
    with filesystem.open_output_stream(aside) as stream:
        stream.write(data)
    if aside != inner:
        Path(aside).replace(inner)


def this_process() -> str:
    """Name this process among those of all machines that share a disk: its machine, a dash, its number."""
    return f"{platform.node() or 'localhost'}-{os.getpid()}"


def _aside(inner: str) -> str:
    """Return where this process writes what is to stand at a path."""
    return f"{inner}.{this_process()}.aside"


def find(path: str | Path, name: str) -> list[str]:
    """Return every file of this name below a folder, sorted, as paths on the folder's own scheme."""
    filesystem, inner = resolve(path)
    selector = pafs.FileSelector(inner, recursive=True, allow_not_found=True)
    found = [info.path for info in filesystem.get_file_info(selector) if info.base_name == name and info.is_file]
    # With all that the URI says of host and account, which the paths on its filesystem leave out.
    above = inner if is_local(path) else str(path).rstrip("/")
    return sorted(above.rstrip("/") + found_path[len(inner.rstrip("/")) :] for found_path in found)


def folders(path: str | Path) -> list[str]:
    """Return the names of the folders right inside a folder, sorted; none where it is missing."""
    filesystem, inner = resolve(path)
    selector = pafs.FileSelector(inner, allow_not_found=True)
    return sorted(info.base_name for info in filesystem.get_file_info(selector) if info.type == pafs.FileType.Directory)


def remove_folder(path: str | Path) -> None:
    """Remove a folder and all below it; nothing happens where there is none."""
    filesystem, inner = resolve(path)
    if exists(path):
        filesystem.delete_dir(inner)


@contextlib.contextmanager
def new_folder(path: str | Path, *, last: str) -> Iterator[Path]:
    """Give a local folder to write to, which is at `path` in one piece when the block ends without an error.

    On an object store, which cannot rename, the file called `last` is uploaded after all others: a folder that has
    it is whole. What stood at `path` before is replaced.
    """
    filesystem, inner = resolve(path)
    if is_local(path):
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


def download(path: str | Path, folder: Path) -> Path:
    """Return a local folder with the files of `path`: the folder itself where it is local, else a copy in `folder`."""
    filesystem, inner = resolve(path)
    if is_local(path):
        return Path(inner)
    folder.mkdir(parents=True, exist_ok=True)
    pafs.copy_files(inner, str(folder), source_filesystem=filesystem, destination_filesystem=pafs.LocalFileSystem())
    return folder
