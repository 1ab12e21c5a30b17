"""Model folders: an ensemble, the mean of several models, or TF-IDF, self-contained and without pickled objects.

model.json          kind, label, genres, thresholds, scaling, members and their weights, and size and SHA-256 of the
                    other files; written last
members/NAME/       each member, a checkpoint or another model folder, copied
encoders/           the files of members' frozen encoders
terms.txt           of TF-IDF: its words and word pairs, one a line by column
weights.npz         of TF-IDF: inverse document frequencies, coefficients, intercepts, genre frequencies
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.storage import files
from genre_models.checkpoint import CheckpointError, read
from genre_models.checkpoint_files import METADATA, entry_of
from genre_models.metrics.baselines import TfidfWeights
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.models.option_checks import in_short
from genre_models.predictors.encoder_files import ENCODERS, copy_encoders
from genre_models.predictors.tfidf import OF_TFIDF, write_weights

FORMAT = 1
MODEL_FILE = "model.json"
"""File that makes a folder a model folder; it is written last."""
MEMBERS = "members"
KINDS = ("ensemble", "mean", "tfidf")
_OF_MEMBERS = (MODEL_FILE, METADATA)
_LIBRARIES = ("tensorflow", "keras", "scikit-learn", "numpy")
# A member predicts and is not trained further.
_NOT_COPIED = frozenset({"training_state.npz"})


@dataclass(frozen=True)
class ModelFolder:
    """The contents of a model.json that all kinds have."""

    kind: str
    label: str
    genres: tuple[str, ...]
    thresholds: np.ndarray
    """float64 [genres]."""
    store: Mapping[str, Any]
    """The store whose films it was fitted on: {"fingerprint", "path", "films": counts by split}."""
    scaling: PlattScaling | None = None
    members: Mapping[str, str] | None = None
    """Folder of each member by its key, relative to the model folder."""
    stacking: StackingModel | None = None
    """Of an ensemble."""
    created: str = ""


def write_tfidf(folder: Path, description: ModelFolder, weights: TfidfWeights) -> None:
    """Write a TF-IDF model into a local folder."""
    write_weights(folder, weights)
    write_model_json(folder, description)


def write_combination(folder: Path, description: ModelFolder, members: Mapping[str, Path]) -> None:
    """Write an ensemble or a mean into a local folder, with copies of its members.

    Raises:
        CheckpointError: a member is no whole checkpoint.
        FileNotFoundError: a member's frozen encoder is not installed.
    """
    for key, place in members.items():
        member = folder / member_folder(key)
        shutil.copytree(place, member, ignore=lambda _, names: _NOT_COPIED.intersection(names))
        if (inner := member / ENCODERS).is_dir():  # of a mean of runs: one place for all
            shutil.copytree(inner, folder / ENCODERS, dirs_exist_ok=True)
            shutil.rmtree(inner)
        if not (member / MODEL_FILE).is_file():
            copy_encoders(read(member).inputs, folder)
    write_model_json(folder, description)


def may_replace(path: str) -> bool:
    """Return whether a new model folder may take a place: it is missing, empty or another one."""
    if files.is_empty(path):
        return True
    try:
        return files.parse_json(files.read_text(files.join(path, MODEL_FILE)))["kind"] in KINDS
    except (OSError, ValueError, KeyError, TypeError):
        return False


def is_own(path: str) -> bool:
    """Return whether a path within a model folder is that of one of its files."""
    return path in (MODEL_FILE, f".{MODEL_FILE}", *OF_TFIDF) or path.startswith((f"{MEMBERS}/", f"{ENCODERS}/"))


def member_folder(key: str) -> str:
    """Return the folder of a member, relative to its model folder."""
    return f"{MEMBERS}/{key}"


def write_model_json(folder: Path, description: ModelFolder) -> None:
    """Write a model folder's model.json, its last file."""
    values = {
        "format": FORMAT,
        "kind": description.kind,
        "label": description.label,
        "genres": description.genres,
        "thresholds": np.asarray(description.thresholds, np.float64).tolist(),
        "scaling": description.scaling
        and {"slopes": description.scaling.slopes.tolist(), "intercepts": description.scaling.intercepts.tolist()},
        "members": description.members,
        "stacking": description.stacking
        and {
            "method": description.stacking.method,
            "members": description.stacking.members,
            "weights": description.stacking.weights.tolist(),
            "coefficients": description.stacking.coefficients.tolist(),
        },
        "store": dict(description.store),
        "files": {name: entry_of(folder / name) for name in _listed(folder)},
        "created": description.created or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    temporary = folder / f".{MODEL_FILE}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / MODEL_FILE)


def read_model_json(folder: Path) -> ModelFolder:
    """Read a model folder's model.json.

    Raises:
        CheckpointError: it is missing, of another format or kind, or its parts do not fit each other.
    """
    path = folder / MODEL_FILE
    try:
        values = files.parse_json(files.read_text(path))
        if values["format"] != FORMAT or values["kind"] not in KINDS:
            raise CheckpointError(
                f"{path}: format {values['format']}, kind {values['kind']!r}; this version reads format {FORMAT} and "
                f"knows {', '.join(KINDS)}"
            )
        description = _parse(values)
        _require_whole(folder, values.get("files"))
        return description
    except CheckpointError:
        raise
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a model of film-genres ({in_short(error)})") from error


def _listed(folder: Path) -> list[str]:
    """Return the files that a model.json lists; what members have is listed in their own JSON."""
    of_members = [f"{place.name}/{name}" for place in sorted((folder / MEMBERS).glob("*")) for name in _OF_MEMBERS]
    of_encoders = [path.relative_to(folder).as_posix() for path in sorted((folder / ENCODERS).rglob("*"))]
    names = (*OF_TFIDF, *(f"{MEMBERS}/{name}" for name in of_members), *of_encoders)
    return [name for name in names if (folder / name).is_file()]


def _require_whole(folder: Path, entries: Any) -> None:
    """Raise CheckpointError if a listed file is not the one that was written; older versions list none."""
    if entries is None:
        return
    for name, entry in dict(entries).items():
        if not (name in OF_TFIDF or name.startswith((f"{MEMBERS}/", f"{ENCODERS}/"))) or ".." in Path(name).parts:
            raise ValueError(f"it lists {name!r}, which is no file of a model")
        try:
            is_same = entry_of(folder / name) == entry
        except OSError as error:
            why = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
            raise CheckpointError(f"{folder} is not whole: {name} {why}. Evaluate again, or copy it again") from error
        if not is_same:
            raise CheckpointError(
                f"{folder} is not whole: {name} is not the file that was written. Evaluate again, or copy it again"
            )


def _parse(values: Mapping[str, Any]) -> ModelFolder:
    genres = tuple(str(genre) for genre in values["genres"])
    thresholds = _numbers(values["thresholds"], (len(genres),))
    members = values["members"]
    if members is not None and not members:
        raise ValueError("it has no members")
    if (values["kind"] == "tfidf") != (members is None) or (values["kind"] == "ensemble") != bool(values["stacking"]):
        raise ValueError("members or weights are missing")
    for place in (members or {}).values():
        # A folder from elsewhere must not lead out of itself.
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise ValueError(f"the member {place!r} is not below the folder")
    return ModelFolder(
        kind=values["kind"],
        label=str(values["label"]),
        genres=genres,
        thresholds=thresholds,
        store=values["store"],
        scaling=_scaling(values["scaling"], len(genres)),
        members=members,
        stacking=_stacking(values["stacking"], members or {}, len(genres)),
        created=str(values["created"]),
    )


def _scaling(values: Mapping[str, Any] | None, genres: int) -> PlattScaling | None:
    if values is None:
        return None
    return PlattScaling(_numbers(values["slopes"], (genres,)), _numbers(values["intercepts"], (genres,)))


def _stacking(values: Mapping[str, Any] | None, members: Mapping[str, str], genres: int) -> StackingModel | None:
    if values is None:
        return None
    keys = tuple(values["members"])
    if not keys or set(keys) != set(members):
        raise ValueError(f"weights of {keys}, and members {tuple(members)}")
    weights = _numbers(values["weights"], (len(keys),))
    return StackingModel(values["method"], keys, weights, _numbers(values["coefficients"], (genres, 1 + len(keys))))


def _numbers(values: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(values, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"numbers of shape {array.shape} where {math.prod(shape)} finite ones, {shape}, are needed")
    return array
