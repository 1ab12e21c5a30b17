"""Files and folders on any filesystem that Arrow can reach: a local path, s3://, gs://, …"""

from __future__ import annotations

import os
import platform
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
    """Return a path that any process can open: a local path (file:// too) made absolute, another URI as it is."""
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


def this_process() -> str:
    """Name this process among those of all machines that share a disk: its machine, a dash, its number."""
    return f"{platform.node() or 'localhost'}-{os.getpid()}"


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


def download(path: str | Path, folder: Path) -> Path:
    """Return a local folder with the files of `path`: the folder itself where it is local, else a copy in `folder`."""
    filesystem, inner = resolve(path)
    if is_local(path):
        return Path(inner)
    folder.mkdir(parents=True, exist_ok=True)
    pafs.copy_files(inner, str(folder), source_filesystem=filesystem, destination_filesystem=pafs.LocalFileSystem())
    return folder
