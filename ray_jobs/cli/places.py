"""Checks of a job's names and folders before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from datasets.storage import files
from datasets.store.film_store import is_store
from ray_jobs.cli.errors import UsageError

_LONGEST = 255  # bytes of a name in a folder, on most filesystems
_FOLDERS = ("runs", "report")


def check_name(name: str) -> None:
    """Check the name of a run or a study: a folder below --runs.

    Raises:
        ValueError: it would leave that folder, be hidden in it, or be no name of a folder; the message says which.
    """
    if not name:
        return
    if _control_characters(name):
        raise ValueError(f"--name {name!r} has a control character: take letters, digits, dots and hyphens")
    for part in name.split("/"):
        if not part:
            raise ValueError(f"--name {name} begins or ends with a slash, or has two in a row: leave them out")
        if part.startswith("."):
            raise ValueError(f"--name {name}: {part} would be a hidden folder or lead out of --runs; take another name")
        if len(os.fsencode(part)) > _LONGEST - 30:  # files are prepared beside it under longer names
            raise ValueError(f"--name {part[:30]}…: {len(os.fsencode(part))} bytes are too long for a folder")


def check_places(options: Any) -> None:
    """Check the folders that a job writes to, without creating any.

    Raises:
        UsageError: one is empty, is within a film store, or cannot be written; the message says why.
    """
    store = getattr(options, "store", None)
    if store is not None:
        check_folder("--store", store, writes=False)
    for name in _FOLDERS:
        place = getattr(options, name, None)
        if place is not None:
            check_folder(f"--{name}", place, writes=name == "report")
            _check_outside_stores(f"--{name}", place, store)
    if (out := getattr(options, "out", None)) is not None:
        check_folder(
            "--out", out if Path(files.name(out)).suffix == "" else files.parent(files.absolute(out)), writes=False
        )
        _check_outside_stores("--out", out, store)


def check_folder(option: str, path: str, *, writes: bool = True) -> None:
    """Check that a path can be a folder.

    Args:
        option: the option that names it, for messages.
        path: the folder or URI.
        writes: check that it, or the folder that it will be made in, can be written.

    Raises:
        UsageError: it is empty or no path, a file is in its way, or there is no permission.
    """
    if not path.strip():
        raise UsageError(f"{option} is empty: name a folder")
    if _control_characters(path):
        raise UsageError(f"{option} {path!r} has a control character: name a folder without")
    if not files.is_local(path):
        return
    place = Path(files.absolute(path))
    for part in place.parts:
        if len(os.fsencode(part)) > _LONGEST:
            raise UsageError(
                f"{option}: the name {part[:30]}… has {len(os.fsencode(part))} bytes, too long for a folder"
            )
    there = next(folder for folder in (place, *place.parents) if os.path.lexists(folder))
    if there.is_symlink() and not there.exists():
        _check_link(option, path, there)
        there = next(folder for folder in Path(os.path.realpath(there)).parents if folder.exists())
    if not there.is_dir():
        whole = "is a file" if there == place else f"leads through {there}, which is a file"
        raise UsageError(f"{option} {path} {whole}: name a folder")
    if writes and not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {path} cannot be written (no permission in {there}): name another folder")


def _check_link(option: str, path: str, link: Path) -> None:
    """Raise UsageError for a link in a circle, or to nothing."""
    target = os.path.realpath(link)
    if Path(target).is_symlink():
        raise UsageError(f"{option} {path} leads through {link}, a symbolic link in a circle: name a folder")
    if option != "--store":  # a store takes the place that a link leads to
        raise UsageError(
            f"{option} {path} leads through {link}, a link to {target}, which does not exist: make it first"
        )


def check_new_store(path: str) -> None:
    """Check the place of a new film store, which is published by exchanging folders.

    Raises:
        UsageError: the place cannot be a store's, or is the folder that the job runs in.
    """
    check_folder("--store", path, writes=False)
    if not files.is_local(path):
        return
    place, here = Path(os.path.realpath(files.absolute(path))), Path(os.path.realpath(os.curdir))
    if place == here or place in here.parents:
        raise UsageError(
            f"--store {path} is the folder you are in, or holds it; a store takes the place of its folder. "
            f"Name a folder of its own, such as {here / 'store' if place == here else place / 'store'}"
        )
    check_folder("--store", str(place.parent))
    _check_outside_stores("--store", path, None, of=str(place.parent))


def _check_outside_stores(option: str, path: str, store: str | None, *, of: str = "") -> None:
    """Raise UsageError if a folder, or `of`, is within a film store, made or not."""
    place = files.absolute(of or path)
    above = [place]
    while (folder := files.parent(above[-1])) and files.name(folder):
        above.append(folder)
    if files.is_local(place):
        real = Path(os.path.realpath(place))
        above = [str(folder) for folder in (real, *real.parents)]
        store = os.path.realpath(files.absolute(store)) if store and files.is_local(store) else store
    named = files.join(store) if store else None
    found = named if named in above else next(filter(is_store, above), None) if files.is_local(place) else None
    if found:
        raise UsageError(
            f"{option} {path} is in the film store {found}, which holds films alone and may be replaced: "
            "name a folder outside of it"
        )


def _control_characters(text: str) -> bool:
    # Half a character (a surrogate) cannot be written by most filesystems and to no log.
    return any(ord(sign) < 32 or 127 <= ord(sign) < 160 or 0xD800 <= ord(sign) < 0xE000 for sign in text)
