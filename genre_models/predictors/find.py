"""The model that a path means: a model folder, a checkpoint, or the best checkpoint of a run or of a runs folder."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from datasets.storage import files
from datasets.storage.failures import explained, is_remote
from genre_models import checkpoint as checkpoints
from genre_models import checkpoint_files
from genre_models.checkpoint import CheckpointError
from genre_models.models.option_checks import in_short
from genre_models.predictors import folder as model_folders
from genre_models.training import history as histories

RUN = "run.json"
"""File of the options that a run or study was started with."""
LATEST = "models.json"
"""File in a runs folder that names the model folders that an evaluation of its runs wrote."""
_METRIC = "validation_loss"
_NOT_FOUND = "is no checkpoint, and none is below it"

Tell = Callable[[str], None]
"""Takes a line on a checkpoint that is passed over."""
Found = tuple[str, dict[str, Any]]
"""A checkpoint's folder, and its checkpoint.json."""


def warn(line: str) -> None:
    """Warn of a checkpoint that is passed over."""
    warnings.warn(line, stacklevel=3)


def find_model(path: str, *, metric: str = "", tell: Tell = warn) -> str:
    """Return the folder or URI of the checkpoint or model folder that a path means.

    That is the path itself; of a run its best checkpoint; of a runs folder the ensemble of its last evaluation or, if
    there is none, its best checkpoint. Training runs of an ablation's variants are not candidates.

    Args:
        path: folder or URI.
        metric: selects the best checkpoint; by default the one that the run was started with, else validation loss.
        tell: takes a line on each broken checkpoint that is passed over.

    Raises:
        CheckpointError: there is no model, or the runs were trained on different films.
    """
    place = files.absolute(path)
    require_folder(place)
    if any(files.exists(files.join(place, name)) for name in (model_folders.MODEL_FILE, checkpoint_files.METADATA)):
        return place
    run = files.read_json_object(files.join(place, RUN))
    if not run and (ensemble := evaluated_models(place, tell).get("ensemble")):
        return ensemble
    metric = metric or run.get("metric", _METRIC)
    variants = variants_below(place)
    broken: list[str] = []
    below = checkpoints_below(place, tell=broken.append)
    candidates = [one for one in below if files.parent(one[0]) not in variants]
    if not candidates:
        there = _NOT_FOUND if files.exists(place) else "does not exist"
        there += f" ({'; '.join(broken)})" if broken else ""
        raise CheckpointError(
            f"{path} {there}: give the folder of a checkpoint, of a run, of runs, or of an ensemble that evaluate.py "
            "wrote"
        )
    stores = {str((metadata.get("store") or {}).get("fingerprint")) for _, metadata in candidates}
    if len(stores) > 1:
        raise CheckpointError(
            f"the runs below {path} were trained on {len(stores)} different stores, so that their figures do not "
            f"compare: name one of its runs, such as {files.parent(candidates[0][0])}"
        )
    best = sorted(candidates, key=lambda one: (sort_key(one[1], metric), one[1]["epoch"]))
    if (sound := first_sound(best, broken.append)) is None:
        raise CheckpointError(f"no checkpoint below {path} is whole: {'; '.join(broken)}")
    for line in broken:
        tell(line)
    return sound[0]


def require_folder(place: str) -> None:
    """Raise CheckpointError for a local path that is no folder."""
    if files.is_local(place) and os.path.lexists(place) and not Path(place).is_dir():
        raise CheckpointError(f"{place} is no folder: give that of a checkpoint, a run, or runs")


def first_sound(candidates: Iterable[Found], tell: Tell, *, training: bool = False) -> Found | None:
    """Return the first of several checkpoints whose files are those that were written.

    Args:
        candidates: checkpoints, the best first.
        tell: takes a line on each that is passed over.
        training: whether training resumes from it.
    """
    for folder, metadata in candidates:
        if not (why := _fault(folder, metadata, training=training)):
            return folder, metadata
        tell(f"{folder} is passed over: {why}")
    return None


def require_sound(folder: str) -> None:
    """Check that a checkpoint's files are those that were written.

    Raises:
        CheckpointError: one is not; the message names it.
    """
    place = files.join(folder, checkpoint_files.METADATA)
    if why := _fault(folder, checkpoints.parse(files.read_text(place), where=place), training=False):
        raise CheckpointError(f"{folder} is not whole: {why}. Take another checkpoint, or copy this one again")


def _fault(folder: str, metadata: dict[str, Any], *, training: bool) -> str:
    filesystem, inner = files.resolve(folder)
    if "files" in metadata:
        needed = checkpoint_files.RESUMES if training else checkpoint_files.PREDICTS
        why = checkpoint_files.fault(metadata, lambda name: files.open_stream(filesystem, f"{inner}/{name}"), needed)
        return _of_the_file(why, folder)
    # Of the version before: an archive that was cut lacks its end, which says what is in it.
    for name in ("model.keras", *(("training_state.npz",) if training else ())):
        try:
            with files.open_random(filesystem, f"{inner}/{name}") as stream:
                if not zipfile.is_zipfile(stream):
                    return f"{name} is cut or damaged"
        except FileNotFoundError:
            continue  # said where it is loaded
        except OSError as error:
            return _of_the_file(f"{name} cannot be read ({error})", folder)
    return ""


def _of_the_file(why: str, folder: str) -> str:
    """Return the fault of a checkpoint's file.

    Raises:
        PathError: the remote storage failed, and the file may be sound.
    """
    if is_remote(OSError(why)):
        raise files.PathError(f"{folder} cannot be read: {explained(OSError(why))}")
    return why


def evaluated_models(runs: str, tell: Tell = lambda _: None) -> dict[str, str]:
    """Return the model folders that the last evaluation of a runs folder wrote, by kind; those that still exist.

    `tell` takes a line on a damaged list of them.
    """
    where = files.join(runs, LATEST)
    named = files.read_json_object(where)
    sound = {kind: place for kind, place in named.items() if isinstance(place, str) and place.isprintable()}
    if sound != named or (not named and files.exists(where)):
        tell(f"{where} is damaged, and the models that it named are left out: evaluate again")
    places = {kind: files.absolute(_resolved(runs, place)) for kind, place in sound.items()}
    return {kind: place for kind, place in places.items() if files.exists(files.join(place, model_folders.MODEL_FILE))}


def _resolved(runs: str, place: str) -> str:
    joined = place if "://" in place or place.startswith("/") else files.join(runs, place)
    return os.path.normpath(joined) if files.is_local(joined) else joined


def sort_key(metadata: dict[str, Any], metric: str) -> float:
    """Return the sort key of a checkpoint for a metric; less is better, and one without it is last."""
    return histories.sort_key(float(metadata["figures"].get(metric, "nan")), metric)


def checkpoints_below(place: str, *, tell: Tell = lambda _: None) -> list[Found]:
    """Return each complete checkpoint's folder and checkpoint.json; skip copies in model folders.

    `tell` takes a line on each checkpoint.json that cannot be read.
    """
    require_folder(place)
    found = []
    for path in files.find(place, checkpoint_files.METADATA):
        folder = files.parent(path)
        try:
            metadata = checkpoints.parse(files.read_text(path), where=path)
            figures = {name: float(value) for name, value in (metadata["figures"] or {}).items()}
            usable = bool(figures) and int(metadata["epoch"]) > 0 and isinstance(metadata.get("store", {}), dict)
        except FileNotFoundError:
            continue
        except (CheckpointError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if is_remote(error):
                raise
            tell(f"{folder} is passed over: {error if isinstance(error, CheckpointError) else in_short(error)}")
            continue
        if usable and not _is_member(folder):
            found.append((folder, metadata))
    return found


def _is_member(folder: str) -> bool:
    """Return whether a checkpoint's folder is a copy within a model folder."""
    while (above := files.parent(folder)) and files.name(folder):
        if files.name(folder) == model_folders.MEMBERS and files.exists(files.join(above, model_folders.MODEL_FILE)):
            return True
        folder = above
    return False


def _objects(values: Any) -> list[dict[str, Any]]:
    """Return the objects in a list of JSON; none of another value, which a damaged file may hold."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def variants_below(place: str) -> set[str]:
    """Return the folders of the training runs of ablations' variants."""
    found = set()
    for path in files.find(place, "ablation.json"):
        folder = files.parent(path)
        for variant in _objects(files.read_json_object(path).get("variants")):
            if variant.get("group") != "preset":
                places = (str(run.get("path")) for run in _objects(variant.get("runs")))
                found |= {files.join(folder, files.name(place)) for place in places}
    return found
