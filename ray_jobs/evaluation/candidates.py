"""The checkpoints that take part in an evaluation: those that are named, or the best there are."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.models.registry import KINDS
from ray_jobs.cli.console import Screen
from ray_jobs.runs.find_checkpoints import best_below, checkpoints_below, run_history


@dataclasses.dataclass(frozen=True)
class Found:
    """A checkpoint that takes part."""

    path: str
    about: Checkpoint

    @property
    def run(self) -> str:
        """The name of its run."""
        return self.path.rstrip("/").split("/")[-2]

    def trained_on(self, store: Store) -> bool:
        """Return whether it was trained on the films of this store."""
        return bool(self.about.store.get("fingerprint") == store.manifest.fingerprint)


def find_checkpoints(
    store: Store,
    runs_folder: str,
    given: Mapping[str, Sequence[str]],
    screen: Screen,
    *,
    metric: str = "validation_loss",
) -> dict[str, list[Found]]:
    """Return for each kind of model the checkpoints given (of a run the best one), or the best one trained on this
    store below a folder; a kind with none is left out.

    Raises:
        CheckpointError: there is none at all, or one given is of another kind, is named twice or tells other genres.
    """
    found: dict[str, list[Found]] = {}
    for kind, places in given.items():
        if places:
            found[kind] = [
                read_checkpoint(kind, _best_of(files.absolute(place), kind, metric), store) for place in places
            ]
        elif best := best_below(
            files.absolute(runs_folder), kind=kind, fingerprint=store.manifest.fingerprint, metric=metric
        ):
            found[kind] = [read_checkpoint(kind, best.path, store)]
        else:
            screen.line(f"No {KINDS[kind].label} trained on this store is below {runs_folder}: it is left out")
    if not found:
        others = len(checkpoints_below(files.absolute(runs_folder)))
        hint = f" ({others} trained on other films are there)" if others else ""
        raise CheckpointError(
            f"there is no checkpoint to judge below {runs_folder}{hint}: train one with `python "
            f"ray_jobs/train_cnn.py --store {store.path} --runs {runs_folder}`, or name one by "
            + " or ".join(f"--{kind}" for kind in given)
        )
    for one in _all(found):
        told = one.about.figures
        screen.line(
            f"{one.about.model_kind.label}: epoch {one.about.epoch}, validation loss {told.validation_loss:.4f}, "
            f"mean average precision {told.validation_mean_average_precision:.3f}, {one.path}"
        )
    paths = [one.path for one in _all(found)]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise CheckpointError(f"{twice} is named twice: the mean of several runs needs each of them once")
    return found


def _all(found: Mapping[str, Sequence[Found]]) -> list[Found]:
    return [one for kind in found.values() for one in kind]


def checkpoints_at(place: str, store: Store, *, metric: str) -> list[Found]:
    """Return the checkpoint at a place, or of the runs below it the best of each kind trained on this store.

    Raises:
        CheckpointError: there is none, or one tells other genres.
    """
    if files.exists(files.join(place, "checkpoint.json")):
        return [read_checkpoint(None, place, store)]
    fingerprint = store.manifest.fingerprint
    best = [best_below(place, kind=kind, fingerprint=fingerprint, metric=metric) for kind in KINDS]
    found = [read_checkpoint(None, one.path, store) for one in best if one]
    if not found:
        raise CheckpointError(f"{place} is no checkpoint, and none that was trained on {store.path} is below it")
    return found


def _best_of(place: str, kind: str, metric: str) -> str:
    """Return the checkpoint that a place stands for: itself, or the best of the run (or the runs) below it."""
    if files.exists(files.join(place, "checkpoint.json")):
        return place
    best = best_below(place, kind=kind, metric=metric)
    if best is None:
        raise CheckpointError(f"{place} is no checkpoint of a {kind}, and none is below it")
    return best.path


def read_checkpoint(kind: str | None, path: str, store: Store) -> Found:
    """Read a checkpoint of a kind, or of any, that tells the store's genres.

    Raises:
        CheckpointError: it is of another kind, tells other genres, or is none.
    """
    with tempfile.TemporaryDirectory() as copy:
        about = checkpoints.read(files.download(path, Path(copy)))
    if kind not in (None, about.kind):
        raise CheckpointError(f"{path} holds a {about.kind}, not a {kind}")
    if about.genres != store.manifest.genres:
        raise CheckpointError(f"{path} tells other genres than {store.path}: evaluate it with its own store")
    # A run that was cut short has later epochs on record than its best checkpoint knows of.
    whole = run_history(path)
    if len(whole) > len(about.history) and tuple(whole[: about.epoch]) == about.history[: about.epoch]:
        about = dataclasses.replace(about, history=tuple(whole))
    return Found(path, about)


def require_unseen(found: Mapping[str, Iterable[Found]], store: Store) -> None:
    """Refuse to judge on a store's test films a model that was trained on another store, perhaps on those very films.

    Raises:
        CheckpointError: naming the checkpoint.
    """
    for one in (one for kind in found.values() for one in kind):
        if not one.trained_on(store):
            raise CheckpointError(
                f"{one.path} was trained on another store ({one.about.store.get('path')}), perhaps on films that are "
                f"test films in {store.path}: give that --store, or judge on a folder of --films"
            )
