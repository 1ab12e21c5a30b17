"""Check of the paths among a job's options, before Ray starts."""

from __future__ import annotations

from typing import Any

from datasets.raw.films_folder import find_folder
from datasets.storage import files
from datasets.store.film_store import Store
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import StoreAndRuns, at_home

_READ = ("cnn", "lstm", "fusion", "reference", "init_from", "config", "space", "components")
"""Options that name files or folders to read; of some models, so that a job has few of them."""


def require_paths(options: Any) -> None:
    """Check that what a job is to read is there.

    The default store is left out, because a job makes it if it is missing.

    Raises:
        StoreError: there is no store.
        FilmsError: there are no films.
        TrainError: a file or folder that another option names does not exist.
    """
    if isinstance(options, StoreAndRuns) and options.store != at_home("store"):
        Store.open(options.store)
    if (films := getattr(options, "films", "")) not in ("", "sample"):
        find_folder(films)
    for name in _READ:
        value = getattr(options, name, ())
        for path in (value,) if isinstance(value, str) else value:
            if path and not files.exists(path):
                raise TrainError(f"--{name.replace('_', '-')} {path}: there is no such file or folder")
