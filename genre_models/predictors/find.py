"""The model that a path means: a model folder, a checkpoint, or the best checkpoint of a run or of a runs folder."""

from __future__ import annotations

import json
from typing import Any

from datasets.storage import files
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import CheckpointError
from genre_models.predictors import folder as model_folders
from genre_models.training import history as histories

CHECKPOINT = "checkpoint.json"
LATEST = "models.json"
"""File in a runs folder that names the model folders that an evaluation of its runs wrote."""
_RUN = "run.json"
_METRIC = "validation_loss"


def find_model(path: str, *, metric: str = "") -> str:
    """Return the folder or URI of the checkpoint or model folder that a path means.

    That is the path itself; of a run its best checkpoint; of a runs folder the ensemble of its last evaluation or, if
    there is none, its best checkpoint. Training runs of an ablation's variants are not candidates.

    Args:
        path: folder or URI.
        metric: selects the best checkpoint; by default the one that the run was started with, else validation loss.

    Raises:
        CheckpointError: there is no model, or the runs were trained on different films.
    """
    place = files.absolute(path)
    if any(files.exists(files.join(place, name)) for name in (model_folders.MODEL_FILE, CHECKPOINT)):
        return place
    run = _json(files.join(place, _RUN))
    if not run and (ensemble := evaluated_models(place).get("ensemble")):
        return ensemble
    metric = metric or run.get("metric", _METRIC)
    variants = variants_below(place)
    candidates = [one for one in checkpoints_below(place) if one[0].rsplit("/", 1)[0] not in variants]
    if not candidates:
        there = "is no checkpoint, and none is below it" if files.exists(place) else "does not exist"
        raise CheckpointError(
            f"{path} {there}: give the folder of a checkpoint, of a run, of runs, or of an ensemble that evaluate.py "
            "wrote"
        )
    stores = {metadata["store"].get("fingerprint") for _, metadata in candidates}
    if len(stores) > 1:
        raise CheckpointError(
            f"the runs below {path} were trained on {len(stores)} different stores, so that their figures do not "
            f"compare: name one of its runs, such as {candidates[0][0].rsplit('/', 1)[0]}"
        )
    return min(candidates, key=lambda one: (_sort_key(one[1], metric), one[1]["epoch"]))[0]


def evaluated_models(runs: str) -> dict[str, str]:
    """Return the model folders that the last evaluation of a runs folder wrote, by kind; those that still exist."""
    places = {kind: files.absolute(_resolved(runs, place)) for kind, place in _json(files.join(runs, LATEST)).items()}
    return {kind: place for kind, place in places.items() if files.exists(files.join(place, model_folders.MODEL_FILE))}


def _resolved(runs: str, place: str) -> str:
    return place if "://" in place or place.startswith("/") else files.join(runs, place)


def _sort_key(metadata: dict[str, Any], metric: str) -> float:
    return histories.sort_key(float(metadata["figures"][metric]), metric)


def checkpoints_below(place: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each complete checkpoint's folder and checkpoint.json; skip copies in model folders."""
    found = []
    for path in files.find(place, CHECKPOINT):
        try:
            metadata = checkpoints.parse(files.read_text(path), where=path)
        except (CheckpointError, FileNotFoundError):
            continue
        folder = path.rsplit("/", 1)[0]
        if metadata["figures"] and not _is_member(folder):
            found.append((folder, metadata))
    return found


def _is_member(folder: str) -> bool:
    """Return whether a checkpoint's folder is a copy within a model folder."""
    parts = folder.split("/")
    places = [place for place, part in enumerate(parts) if part == model_folders.MEMBERS]
    return any(files.exists("/".join([*parts[:place], model_folders.MODEL_FILE])) for place in places)


def variants_below(place: str) -> set[str]:
    """Return the folders of the training runs of ablations' variants."""
    found = set()
    for path in files.find(place, "ablation.json"):
        folder = path.rsplit("/", 1)[0]
        for variant in _json(path).get("variants", []):
            if variant.get("group") != "preset":
                found |= {files.join(folder, run["path"].rsplit("/", 1)[-1]) for run in variant.get("runs", [])}
    return found


def _json(path: str) -> dict[str, Any]:
    """Return a JSON object; empty where there is none."""
    try:
        values = json.loads(files.read_text(path))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
