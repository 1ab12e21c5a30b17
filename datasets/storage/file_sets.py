"""Files that belong together, such as a report's, put in place as one."""

from __future__ import annotations

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from datasets.storage import files
from datasets.storage.atomic import is_running, naming

_PREPARING, _READY = ".report.preparing-", ".report.ready-"
_OLD = ".old"  # in a folder that is ready: the names of the files that it replaces
_DATA = ".json"


@contextlib.contextmanager
def files_into(folder: str | Path, own: Collection[str] = ()) -> Iterator[Path]:
    """Yield a local folder whose files go into `folder` together after the block.

    Nothing is written if the block fails, and other files in `folder` stay. However a job is killed, new data (.json)
    never lie beside old pages: the old pages are removed first, then the data are replaced, then the new pages follow.
    The next job that writes into `folder` ends what a killed one of this machine has begun. An object store shows each
    file whole, and no more.

    Args:
        folder: a folder or URI, made if it is missing.
        own: names of files that an earlier set may have left there and this one may lack; they are removed.
    """
    if not files.is_local(folder):
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
            files.upload(Path(temporary), folder)
        return
    local = Path(files.absolute(folder))
    local.mkdir(parents=True, exist_ok=True)
    _recover(local)
    work, ready = (local / f"{state}{files.this_process()}" for state in (_PREPARING, _READY))
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        with naming(local):
            yield work
        (work / _OLD).write_text("\n".join({*own, *_names(work)}), encoding="utf-8")
        work.rename(ready)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    try:
        _put_in_place(ready, local)
    except BaseException:  # Ctrl-C, say: what has begun is ended first
        _put_in_place(ready, local)
        raise


def _names(folder: Path) -> list[str]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [name for path in paths if (name := path.relative_to(folder).as_posix()) != _OLD]


def _put_in_place(ready: Path, local: Path) -> None:
    """Put the files of a set in place; may be called again after it was interrupted anywhere."""
    if (old := ready / _OLD).is_file():
        for name in old.read_text(encoding="utf-8").splitlines():
            if not name.endswith(_DATA) or not (ready / name).is_file():
                with contextlib.suppress(IsADirectoryError, NotADirectoryError):  # a user's, who is told below
                    (local / name).unlink(missing_ok=True)
        old.unlink()
    for name in sorted(_names(ready) if ready.is_dir() else (), key=lambda name: (not name.endswith(_DATA), name)):
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (ready / name).replace(local / name)
    shutil.rmtree(ready, ignore_errors=True)


def _recover(local: Path) -> None:
    """End what killed jobs of this machine have begun in a folder."""
    host = f"{files.this_process().rpartition('-')[0]}-"
    for state in (_READY, _PREPARING):
        for left in local.glob(f"{glob.escape(state + host)}*"):
            process = left.name.removeprefix(state + host)
            if process.isdigit() and not is_running(int(process)):
                if state == _READY:
                    _put_in_place(left, local)
                else:
                    shutil.rmtree(left, ignore_errors=True)
