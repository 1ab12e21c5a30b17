"""The checkpoints in an evaluation: those given, or the best ones below the runs folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.checkpoint_files import METADATA
from genre_models.models.registry import REGISTRY
from genre_models.predictors import find
from ray_jobs.cli.console import Console
from ray_jobs.runs.find_checkpoints import best_below, checkpoints_below, run_history


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A checkpoint in the evaluation."""

    path: str
    checkpoint: Checkpoint

    @property
    def run(self) -> str:
        """Return the name of its run."""
        return files.name(files.parent(self.path))

    def trained_on(self, store: Store) -> bool:
        """Return whether it was trained on this store."""
        return bool(self.checkpoint.store.get("fingerprint") == store.manifest.fingerprint)


def find_checkpoints(
    store: Store,
    runs_folder: str,
    given: Mapping[str, Sequence[str]],
    console: Console,
    *,
    metric: str = "validation_loss",
) -> dict[str, list[Candidate]]:
    """Return the checkpoints to evaluate, by kind; kinds without any are omitted.

    These are the given ones (of a run its best), or else the best one trained on this store below `runs_folder`.

    Raises:
        CheckpointError: there is no checkpoint, or a given one is of another kind, is named twice or has other genres.
    """
    candidates: dict[str, list[Candidate]] = {}
    for kind, places in given.items():
        if places:
            paths = [_best_of(files.absolute(place), kind, metric, console) for place in places]
            candidates[kind] = [read_checkpoint(kind, path, store) for path in paths]
        elif best := best_below(
            files.absolute(runs_folder),
            kind=kind,
            fingerprint=store.manifest.fingerprint,
            metric=metric,
            tell=console.once,
        ):
            candidates[kind] = [read_checkpoint(kind, best.path, store)]
        else:
            console.line(f"No {REGISTRY[kind].label} trained on this store is below {runs_folder}: it is left out")
    if not candidates:
        others = len(checkpoints_below(files.absolute(runs_folder)))
        hint = f" ({others} trained on other films are there)" if others else ""
        raise CheckpointError(
            f"there is no checkpoint to evaluate below {runs_folder}{hint}: train one with `python "
            f"ray_jobs/train_cnn.py --store {quote(store.path)} --runs {quote(runs_folder)}`, or name one by "
            + " or ".join(f"--{kind}" for kind in given)
        )
    for candidate in _all(candidates):
        metrics = candidate.checkpoint.metrics
        console.line(
            f"{candidate.checkpoint.model_spec.label}: epoch {candidate.checkpoint.epoch}, validation loss "
            f"{metrics.validation_loss:.4f}, mean average precision "
            f"{metrics.validation_mean_average_precision:.3f}, {candidate.path}"
        )
    paths = [candidate.path for candidate in _all(candidates)]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise CheckpointError(f"{twice} is named twice: the mean of several runs needs each of them once")
    return candidates


def _all(candidates: Mapping[str, Sequence[Candidate]]) -> list[Candidate]:
    return [candidate for kind in candidates.values() for candidate in kind]


def checkpoints_at(place: str, store: Store, console: Console, *, metric: str) -> list[Candidate]:
    """Return the checkpoint at `place`, or this store's best of each kind below it.

    Raises:
        CheckpointError: there is no checkpoint, or one has other genres.
    """
    if files.exists(files.join(place, METADATA)):
        return [read_checkpoint(None, place, store)]
    fingerprint = store.manifest.fingerprint
    best = [
        best_below(place, kind=kind, fingerprint=fingerprint, metric=metric, tell=console.once) for kind in REGISTRY
    ]
    candidates = [read_checkpoint(None, checkpoint.path, store) for checkpoint in best if checkpoint]
    if not candidates:
        raise CheckpointError(f"{place} is no checkpoint, and none that was trained on {store.path} is below it")
    return candidates


def _best_of(place: str, kind: str, metric: str, console: Console) -> str:
    """Return `place` if it is a checkpoint, else the best checkpoint's path below it."""
    if files.exists(files.join(place, METADATA)):
        return place
    best = best_below(place, kind=kind, metric=metric, tell=console.once)
    if best is None:
        raise CheckpointError(f"{place} is no checkpoint of a {kind}, and none is below it")
    return best.path


def read_checkpoint(kind: str | None, path: str, store: Store) -> Candidate:
    """Read a checkpoint and check its genres and, unless `kind` is None, its kind.

    Raises:
        CheckpointError: it is of another kind, has other genres, or is not a checkpoint.
    """
    with files.local_copy(path) as copy:
        checkpoint = checkpoints.read(copy)
        find.require_sound(str(copy))
    if kind not in (None, checkpoint.kind):
        raise CheckpointError(f"{path} holds a {checkpoint.kind}, not a {kind}")
    if checkpoint.genres != store.manifest.genres:
        raise CheckpointError(f"{path} tells other genres than {store.path}: evaluate it with its own store")
    # The history of an interrupted run may have later epochs than its best checkpoint.
    full = run_history(path)
    if (
        len(full) > len(checkpoint.history)
        and tuple(full[: checkpoint.epoch]) == checkpoint.history[: checkpoint.epoch]
    ):
        checkpoint = dataclasses.replace(checkpoint, history=tuple(full))
    return Candidate(path, checkpoint)


def require_no_leakage(candidates: Mapping[str, Iterable[Candidate]], store: Store) -> None:
    """Reject models trained on another store: they may have seen this store's test films.

    Raises:
        CheckpointError: a model was trained on another store.
    """
    for candidate in (candidate for kind in candidates.values() for candidate in kind):
        if not candidate.trained_on(store):
            raise CheckpointError(
                f"{candidate.path} was trained on another store ({candidate.checkpoint.store.get('path')}), perhaps on "
                f"films that are test films in {store.path}: give that --store, or evaluate on a folder of --films"
            )
