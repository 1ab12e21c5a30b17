"""Working beside the store and putting it in place at the end, so that a killed job leaves no half store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from datasets import files


class aside:  # noqa: N801  (reads as a word where it is used: `with aside(path)`)
    """A folder beside the store to work in; gone at the end, whatever happened.

    On an object store, which cannot rename a folder, it is the store's own: there the manifest, written
    last, is what makes a store.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.local = files.is_local(path)
        target = Path(path)
        self.work = str(target.with_name(f".{target.name}.preparing-{os.getpid()}")) if self.local else path

    def __enter__(self) -> str:
        for left in _left_behind(Path(self.path)) if self.local else ():
            shutil.rmtree(left, ignore_errors=True)
        remove(self.work)
        return self.work

    def __exit__(self, *_: object) -> None:
        if self.local:
            shutil.rmtree(self.work, ignore_errors=True)


def _left_behind(path: Path) -> Iterator[Path]:
    """Find work folders of jobs on this machine that were killed."""
    for folder in path.parent.glob(f".{path.name}.preparing-*"):
        process = folder.name.rpartition("-")[2]
        if process.isdigit() and not _runs(int(process)):
            yield folder


def _runs(process: int) -> bool:
    """Return whether a process of this number runs; signal 0 asks without disturbing it."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def remove(path: str) -> None:
    """Delete a folder, if it is there."""
    filesystem, inner = files.resolve(path)
    if files.exists(path):
        filesystem.delete_dir(inner)


def put_in_place(work: str, path: str) -> None:
    """Make the work folder the store; an older store gives way once the new one is whole."""
    if work == path:
        return
    old = Path(f"{work}-old")
    if Path(path).exists():
        Path(path).rename(old)
    Path(work).rename(path)
    shutil.rmtree(old, ignore_errors=True)
