"""Files below a path: in a folder, a ZIP or a tar, on any filesystem.

A file is named by a locator: its path, or for a member of an archive the archive's path and where the member lies, so
that any process reads it with one request. A file elsewhere is named by its URI.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.fs as pafs

from datasets.storage import files
from datasets.tables.streams import Counted, Inflated, Range

ZIP = (".zip",)
TAR = (".tar",)
COMPRESSED_TAR = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


def _open_zstandard(stream: Any) -> pa.NativeFile:
    native = stream if isinstance(stream, pa.NativeFile) else pa.PythonFile(stream, "r")
    return pa.CompressedInputStream(native, "zstd")


_COMPRESSED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _open_zstandard}
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
_PLAIN, _SPILLED = "tar", "work"  # ways to read a range: as it is, of the films or of a preparation's work folder
_ZIP_HEADER = struct.Struct("<26xHH")  # of a member: the lengths of its name and of its extra field
_SEPARATOR = "\0"


DAMAGED = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)
"""Errors of reading a file that is not what its name says; Arrow's are among the first two."""


class SourceError(ValueError):
    """An unreadable archive; the message is for the user."""


@dataclass(frozen=True)
class Source:
    """A file in a folder or an archive."""

    name: str
    """Path below the films' folder, with the archive's name before a member's."""
    locator: str
    size: int = -1
    """Bytes; -1 if unknown."""

    @property
    def stem(self) -> str:
        """Return the file's name without its last extension."""
        return self.name.rpartition("/")[2].rpartition(".")[0]


def read_bytes(filesystem: pafs.FileSystem, locator: str, *, most: int = files.MOST_BYTES) -> bytes:
    """Read a file by its locator. Raises OSError where that fails, or it has more than `most` bytes."""
    path, _, member = locator.partition(_SEPARATOR)
    if not member:
        if "://" in path:
            filesystem, path = files.resolve(path)
        if isinstance(filesystem, pafs.LocalFileSystem):
            return files.read_regular(path, most=most)
        with files.open_stream(filesystem, path) as stream:
            data = bytes(stream.read(most + 1))
        return _within(data, len(data), most, path)
    start, size, method, name = member.split(_SEPARATOR, 3)
    _within(b"", int(size), most, f"{path}/{name}")  # before memory is taken for it
    if method == _SPILLED:
        filesystem, path = files.resolve(path)
    with files.open_random(filesystem, path) as file:
        if method in (_PLAIN, _SPILLED):
            return bytes(file.read_at(int(size), int(start)))
        data = _zip_member(file, int(start), int(size), int(method), most)
    return _within(data, len(data), most, f"{path}/{name}")


def _within(data: bytes, size: int, most: int, path: str) -> bytes:
    if size > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", path)
    return data


def _zip_member(file: pa.NativeFile, start: int, size: int, method: int, most: int) -> bytes:
    name, extra = _ZIP_HEADER.unpack(file.read_at(_ZIP_HEADER.size, start))
    data = file.read_at(size, start + _ZIP_HEADER.size + name + extra)
    try:
        if method != _DEFLATED:
            return bytes(data)
        inflated = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflated.decompress(data, most + 1)
        if not inflated.eof and len(content) <= most:
            raise OSError("damaged in the ZIP (it ends early)")
        return content
    except zlib.error as error:
        raise OSError(f"damaged in the ZIP ({error})") from error


def shown(locator: str) -> str:
    """Return a locator for the user: the path, or ARCHIVE/MEMBER."""
    path, _, member = locator.partition(_SEPARATOR)
    if not member:
        return path
    *_, method, name = member.split(_SEPARATOR, 3)
    return name if method == _SPILLED else f"{path}/{name}"


def lasting_locator(locator: str) -> str:
    """Return a locator, or "" of bytes that are there during a preparation alone."""
    return "" if f"{_SEPARATOR}{_SPILLED}{_SEPARATOR}" in locator else locator


def spilled(path: str, start: int, size: int, name: str) -> str:
    """Return the locator of bytes in the file `path` of a preparation, shown as `name`."""
    return _SEPARATOR.join([path, str(start), str(size), _SPILLED, name])


def open_stream(filesystem: pafs.FileSystem, source: Source) -> BinaryIO:
    """Open a file for reading, decompressed by its ending."""
    if _SEPARATOR in source.locator:
        stream: Any = _open_member(filesystem, source.locator)
    else:
        stream = files.open_stream(filesystem, source.locator)
    suffix = Path(source.name).suffix.lower()
    if suffix not in _COMPRESSED:
        return cast("BinaryIO", stream)
    packed = Counted(stream)
    return cast("BinaryIO", Inflated(_COMPRESSED[suffix](packed), packed, source.name))


def _open_member(filesystem: pafs.FileSystem, locator: str) -> IO[bytes]:
    path, start, size, method, name = locator.split(_SEPARATOR, 4)
    if method in (str(_STORED), str(_DEFLATED)):
        return zipfile.ZipFile(cast("IO[bytes]", files.open_random(filesystem, path))).open(name)
    if method == _SPILLED:
        filesystem, path = files.resolve(path)
    return cast("IO[bytes]", Range(files.open_random(filesystem, path), int(start), int(size)))


def open_random(filesystem: pafs.FileSystem, source: Source, aside: str | None) -> pa.NativeFile:
    """Open a file for random access; a member of an archive is copied to a temporary file first."""
    if _SEPARATOR not in source.locator:
        return files.open_random(filesystem, source.locator)
    import tempfile

    with tempfile.NamedTemporaryFile(dir=aside) as file, open_stream(filesystem, source) as stream:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        return pa.OSFile(file.name)  # stays open when the name is gone


def unpacked_name(name: str) -> str:
    """Return a file's name without the ending of a compressed file."""
    stem, _, suffix = name.rpartition(".")
    return stem if f".{suffix.lower()}" in _COMPRESSED else name


def is_archive(name: str) -> bool:
    """Return whether a file's name is that of an archive."""
    return name.lower().endswith((*ZIP, *TAR, *COMPRESSED_TAR))


def walk(filesystem: pafs.FileSystem, root: str, *, deep: bool = True) -> Iterator[Source]:
    """Yield all files below a folder in no order, hidden ones left out; archives are not opened."""
    if isinstance(filesystem, pafs.LocalFileSystem):
        yield from _walk_local(root, "", deep)
    else:
        yield from _walk_remote(filesystem, root, "", deep)


def _walk_local(root: str, below: str, deep: bool) -> Iterator[Source]:
    folders = []
    with os.scandir(f"{root}/{below}") as entries:
        for entry in entries:
            name = entry.name
            is_folder = _is_folder(entry)
            if _is_hidden(name, is_folder=is_folder):
                continue
            if is_folder:
                if not entry.is_symlink() or not f"{root}/{below}".startswith(os.path.realpath(entry.path)):
                    folders.append(f"{below}{name}/")
            else:
                yield Source(f"{below}{name}", f"{root}/{below}{name}")
    for folder in sorted(folders) if deep else []:
        yield from _walk_local(root, folder, deep)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link in a circle: no file either, which is said where it is read
        return False


def _walk_remote(filesystem: pafs.FileSystem, root: str, below: str, deep: bool) -> Iterator[Source]:
    folders = []
    for info in filesystem.get_file_info(pafs.FileSelector(f"{root}/{below}".rstrip("/"))):
        if _is_hidden(info.base_name, is_folder=info.type == pafs.FileType.Directory):
            continue
        if info.type == pafs.FileType.Directory:
            folders.append(f"{below}{info.base_name}/")
        else:
            yield Source(f"{below}{info.base_name}", info.path, info.size)
    for folder in sorted(folders) if deep else []:
        yield from _walk_remote(filesystem, root, folder, deep)


def _is_hidden(name: str, *, is_folder: bool) -> bool:
    """Return whether a folder is of a tool, or a file of a Mac's: "...jpg" may well be a poster."""
    return (name.startswith(".") or name == "__MACOSX") if is_folder else name.startswith("._")


def _is_in_hidden(path: str) -> bool:
    *folders, name = path.split("/")
    return _is_hidden(name, is_folder=False) or any(_is_hidden(folder, is_folder=True) for folder in folders)


def members(filesystem: pafs.FileSystem, archive: Source, spill: str) -> Iterator[Source]:
    """Yield the files in a ZIP or a tar.

    A compressed tar cannot be read from the middle: it is unpacked into a file in the folder `spill`.

    Raises:
        SourceError: the archive is damaged, encrypted, or in a folder of its own.
    """
    lower = archive.name.lower()
    try:
        if lower.endswith(ZIP):
            yield from _zip_members(filesystem, archive)
        elif lower.endswith(TAR):
            with files.open_random(filesystem, archive.locator) as file:
                yield from _tar_members(archive, archive.locator, _PLAIN, io.BufferedReader(file, 1 << 16))
        else:
            yield from _unpacked(filesystem, archive, spill)
    except SourceError:
        raise
    except DAMAGED as error:
        raise SourceError(f"{archive.name} is damaged ({error}): copy it again") from error


def _zip_members(filesystem: pafs.FileSystem, archive: Source) -> Iterator[Source]:
    with zipfile.ZipFile(cast("IO[bytes]", files.open_random(filesystem, archive.locator))) as file:
        for info in file.infolist():
            if info.is_dir() or _is_in_hidden(info.filename):
                continue
            if info.flag_bits & 1:
                raise SourceError(f"{archive.name} is encrypted: unpack it, and give the folder")
            if info.compress_type not in (_STORED, _DEFLATED):
                raise SourceError(f"{archive.name}: {info.filename} is compressed in an uncommon way: unpack the ZIP")
            place = [archive.locator, str(info.header_offset), str(info.compress_size), str(info.compress_type)]
            name = info.filename.replace("\\", "/")  # some programs of Windows write the other slash
            yield Source(f"{archive.name}/{name}", _SEPARATOR.join([*place, info.filename]), info.file_size)


def _tar_members(archive: Source, path: str, method: str, file: Any) -> Iterator[Source]:
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
            if not info.isfile() or _is_in_hidden(info.name.removeprefix("./")):
                continue
            name = info.name.removeprefix("./")
            place = [path, str(info.offset_data), str(info.size), method]
            place.append(f"{archive.name}/{name}" if method == _SPILLED else name)
            yield Source(f"{archive.name}/{name}", _SEPARATOR.join(place), info.size)


def _unpacked(filesystem: pafs.FileSystem, archive: Source, spill: str) -> Iterator[Source]:
    suffix = next(end for end in COMPRESSED_TAR if archive.name.lower().endswith(end))
    method = f".{suffix.rpartition('.')[2].removeprefix('t')}"
    target = files.join(spill, archive.name.replace("/", "-") + ".tar")
    there, path = files.resolve(target)
    there.create_dir(path.rpartition("/")[0], recursive=True)
    packed = Counted(files.open_stream(filesystem, archive.locator))
    with (
        Inflated(_COMPRESSED[method](cast("IO[bytes]", packed)), packed, archive.name) as stream,
        there.open_output_stream(path) as copy,
    ):
        shutil.copyfileobj(stream, copy, 1 << 20)
    with files.open_random(there, path) as file:
        yield from _tar_members(archive, target, _SPILLED, io.BufferedReader(file, 1 << 16))
