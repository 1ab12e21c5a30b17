"""The films to evaluate on: the store's test films, or a labelled folder of films."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.raw.films_folder import POSTERS_NAME, ReadOptions, find_folder
from datasets.raw.posters import MOST_BYTES, PosterError, thumbnail_jpeg, to_jpeg
from datasets.raw.rejects import FilmsError
from datasets.storage import files
from datasets.store.film_store import POSTER_FILE, Store, StoreError, is_own, poster_array
from datasets.store.prepare import Preparation, prepare
from datasets.tables.sources import read_bytes
from ray_jobs.cli.console import Console
from ray_jobs.inputs.store_setup import show_progress
from ray_jobs.inputs.store_setup import tell as tell_reading


@dataclass(frozen=True)
class EvalSet:
    """Films with true genres to evaluate on, none of them used in training."""

    store: Store
    """The store with the films, in its split "test"."""
    labels: np.ndarray
    """float32 [films, genres], columns in the order of the models' genres."""
    ids: list[str]
    overviews: list[str]
    where: str
    """A description of the films."""
    rejects: dict[str, int]
    """Number of rejected films of a films folder, by reason."""

    def posters(self, films: Sequence[int]) -> list[bytes]:
        """Return posters as small JPEGs, from their files or else from the store."""
        originals = self._poster_files(films)
        if None not in originals:
            return [jpeg for jpeg in originals if jpeg is not None]
        column = self.store.table("test", ["poster"])["poster"].take(list(films))
        stored = poster_array(column, self.store.manifest.poster_shape)
        return [jpeg or to_jpeg(pixels) for jpeg, pixels in zip(originals, stored, strict=True)]

    def _poster_files(self, films: Sequence[int]) -> list[bytes | None]:
        try:
            filesystem, root = find_folder(self.store.manifest.source["folder"])
        except (OSError, ValueError):
            return [None for _ in films]
        try:
            paths = self.store.table("test", [POSTER_FILE])[POSTER_FILE].take(list(films)).to_pylist()
        except StoreError:  # of an older version, which read the coursework's layout alone
            paths = [f"{root}/{POSTERS_NAME}/{self.ids[film]}.jpg" for film in films]

        def read(path: str) -> bytes | None:
            with contextlib.suppress(OSError, ValueError, PosterError):
                return thumbnail_jpeg(read_bytes(filesystem, path, most=MOST_BYTES)) if path else None
            return None

        return [read(path) for path in paths]


@contextlib.contextmanager
def open_eval_set(
    store: Store, folder: str, report: str, console: Console, reading: ReadOptions | None = None
) -> Iterator[EvalSet]:
    """Open the store's test films or, if `folder` is not empty, the films in it.

    A folder's films are read by the options `reading`, and prepared into a temporary store in the report's folder.

    Raises:
        FilmsError: the folder cannot be used, or there are no films to evaluate on.
    """
    if not folder:
        yield _evaluated(store, store, f"the test films of {store.path}", {}, console)
        return
    reading = reading or ReadOptions()
    scratch = files.join(files.absolute(report), ".evaluated-films")
    height, width = store.manifest.poster_shape[:2]
    preparation = Preparation(
        height,
        width,
        shares={"train": 0.0, "validation": 0.0, "test": 1.0},
        max_rejects=1.0,
        read=dataclasses.replace(reading, genres=dataclasses.replace(reading.genres, also=store.manifest.genres)),
    )
    try:
        manifest = prepare(
            folder, scratch, preparation, show_progress(console), lambda films: tell_reading(films, console)
        )
        missing = [genre for genre in store.manifest.genres if genre not in manifest.genres]
        if missing:
            raise FilmsError(
                f"{folder} has no column for the genre {', '.join(missing)}: the models tell it, "
                "so the films must say whether they have it"
            )
        rejects = manifest.source["rejects"]
        for reason, count in rejects.items():
            console.line(f"  {count:>6,} films of {folder} rejected: {reason}")
        films = Store.open(scratch).having(*store.needs)
        yield _evaluated(films, store, f"the films in {folder}", rejects, console)
    finally:
        files.remove_own(scratch, is_own)


def _evaluated(films: Store, models: Store, where: str, rejects: dict[str, int], console: Console) -> EvalSet:
    if films.needs:
        has = " and ".join({"poster": "a poster", "overview": "an overview"}[need] for need in films.needs)
        where = f"{where} that have {has}, {films.manifest.films['test']:,} of {films.whole.films['test']:,}"
        console.line(f"All models are compared on {where}")
    columns = [films.manifest.genres.index(genre) for genre in models.manifest.genres]
    table = films.table("test", ["id", "overview"])
    if not len(table) and films.needs:
        raise FilmsError(
            f"no film can be read by all models, which need {where}. Evaluate those that need less alone: name them "
            "with --lstm or --cnn, and with --runs a folder that holds no other models"
        )
    if not len(table):
        raise FilmsError(f"there is no film to evaluate on in {where}")
    return EvalSet(
        store=films,
        labels=films.labels("test")[:, columns],
        ids=table["id"].to_pylist(),
        overviews=table["overview"].to_pylist(),
        where=where,
        rejects=rejects,
    )
