"""Files of a checkpoint: their names, sizes and digests, and limits on what is loaded from them."""

from __future__ import annotations

import errno
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genre_models.models.option_checks import in_short

METADATA = "checkpoint.json"
WEIGHTS, HISTORY, STATE = "model.keras", "history.csv", "training_state.npz"
TEXTS = ("vocabulary.txt", "tokenizer.json", HISTORY)
PREDICTS, RESUMES = (WEIGHTS, *TEXTS), (WEIGHTS, *TEXTS, STATE)
"""Files that a checkpoint needs to predict, and to resume training from it."""
_FILES = (METADATA, *RESUMES)
_AT_A_TIME = 1 << 20
_ROOM = 64 << 20


class CheckpointError(ValueError):
    """A folder that is not a checkpoint, or does not fit a model."""


def listed(folder: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return size and SHA-256 of a checkpoint's files, by name."""
    entries = dict(known or {})
    for name in _FILES:
        if name != METADATA and name not in entries and (folder / name).is_file():
            entries[name] = entry_of(folder / name)
    return entries


def entry_of(path: Path) -> dict[str, Any]:
    """Return size and SHA-256 of a file. Raises OSError where it is missing or no file."""
    with open_regular(path) as stream:
        size, digest = _digest(stream)
    return {"size": size, "sha256": digest}


def open_regular(path: Path) -> Any:
    """Open a file for reading. Raises OSError for a pipe or a device, which may never end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no file, but a folder, a pipe or a device", str(path))
    return path.open("rb")


def _digest(stream: Any, most: int | None = None) -> tuple[int, str]:
    """Return size and SHA-256 of a stream, of its first `most` bytes if given."""
    digest, size = hashlib.sha256(), 0
    while data := stream.read(_AT_A_TIME if most is None else min(_AT_A_TIME, most - size)):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()


def fault(metadata: Mapping[str, Any], open_file: Callable[[str], Any], needed: Collection[str] = PREDICTS) -> str:
    """Return the fault of a checkpoint's files compared with its checkpoint.json, or "".

    A checkpoint of the version before, which lists no files, has none.

    Args:
        metadata: content of its checkpoint.json.
        open_file: opens one of its files by name, or raises FileNotFoundError.
        needed: the files to compare.
    """
    listed = metadata.get("files")
    if not isinstance(listed, dict):
        return "" if listed is None else "checkpoint.json lists no files"
    for name, entry in listed.items():
        if name not in _FILES or not isinstance(entry, dict):
            return f"checkpoint.json lists {name!r}, which is no file of a checkpoint"
        if name not in needed:
            continue
        try:
            with open_file(name) as stream:
                size, digest = _digest(stream, entry.get("size") if name == HISTORY else None)
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error})"
        if size != entry.get("size"):
            return f"{name} has {size:,} bytes, not the {entry.get('size')!r} that were written"
        if digest != entry.get("sha256"):
            return f"{name} is not the file that was written"
    return ""


def is_own(path: str) -> bool:
    """Return whether a path within a checkpoint's folder is that of one of its files."""
    return path in _FILES


def require_bounded(path: Path) -> None:
    """Raise CheckpointError for an archive that takes far more memory than its file has bytes.

    Keras stores without compression, and its weights are arrays as long as their data.
    """
    import h5py

    sizes: list[int] = []
    most = 2 * path.stat().st_size + _ROOM
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size <= most:
                with archive.open("model.weights.h5") as stream, h5py.File(stream, "r") as weights:
                    weights.visititems(lambda _, one: sizes.append(getattr(one, "nbytes", 0)))
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is cut or damaged ({in_short(error)})") from error
    size = max(size, sum(sizes))
    if size > most:
        raise CheckpointError(
            f"{path} of {path.stat().st_size:,} bytes would take {size:,} in memory, which no model of this project "
            "does: it is not loaded"
        )


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a .npz file; raise CheckpointError if it is none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing, which resuming needs") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(f"{path} cannot be read ({error})") from error
