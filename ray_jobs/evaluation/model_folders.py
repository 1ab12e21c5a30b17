"""The evaluated combinations as model folders: the ensemble, means of several runs, and TF-IDF.

REPORT/models/ensemble      late fusion of all, with copies of its members
REPORT/models/tfidf         the TF-IDF baseline
REPORT/models/KIND          the mean of several runs of one kind
RUNS/models.json            names these folders, so that a runs folder is a model too
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.storage import atomic, files
from datasets.store.film_store import Store
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.find import LATEST
from genre_models.predictors.folder import (
    MODEL_FILE,
    ModelFolder,
    is_own,
    may_replace,
    member_folder,
    write_combination,
    write_tfidf,
)
from ray_jobs.cli.console import Console
from ray_jobs.evaluation.scoring import Scored

FOLDER = "models"
_TFIDF, _ENSEMBLE = "tfidf", "ensemble"


@dataclass(frozen=True)
class EvaluatedParts:
    """The parts that combinations are made of."""

    store: Store
    scored: Mapping[str, Sequence[Scored]]
    """The checkpoints of each kind."""
    models: Mapping[str, EvaluatedModel]
    """The evaluated models by key, before calibration."""
    tfidf: TfidfBaseline | None

    def folder(
        self,
        key: str,
        model: EvaluatedModel,
        members: Mapping[str, str] | None = None,
        stacking: StackingModel | None = None,
    ) -> ModelFolder:
        """Return the description of a combination."""
        genres = self.store.manifest.genres
        kind = key if key in (_TFIDF, _ENSEMBLE) else "mean"
        label = model.metadata["label"] if kind != "mean" else f"{model.metadata['label']}, {model.metadata['what']}"
        return ModelFolder(
            kind,
            label,
            genres,
            model.thresholds,
            self.store.summary,
            _scaling(model),
            members,
            stacking,
        )


def model_folder(report: str, key: str) -> str:
    """Return the folder of a combination, which is written after the report."""
    return files.join(files.absolute(report), FOLDER, key)


def write_models(
    parts: EvaluatedParts, evaluated: Sequence[EvaluatedModel], report: str, runs: str, console: Console
) -> dict[str, str]:
    """Write the combinations among the evaluated models; return their folders by key.

    Args:
        parts: the parts.
        evaluated: the evaluated models as reported, calibrated or not.
        report: folder of the report.
        runs: folder of the runs, which gets a file that names the folders if its runs were evaluated.
        console: prints how to use them.
    """
    console.status("writing the models")
    written = {}
    for model in evaluated:
        combines = len(parts.scored.get(model.key, ())) > 1 or model.key in (_TFIDF, _ENSEMBLE)
        if combines:
            place = model_folder(report, model.key)
            if not may_replace(place):
                console.line(
                    f"The {model.metadata['label']} is not written as a model: {place} holds something else, which is "
                    "kept. Take another --report, or move it away"
                )
                continue
            try:
                with atomic.new_local_folder(place, last=MODEL_FILE, own=is_own) as folder:
                    _write(model.key, model, parts, folder)
            except FileNotFoundError as error:  # an encoder whose features the store has, but which is not installed
                console.line(f"The {model.metadata['label']} is not written as a model: {error}")
                continue
            written[model.key] = place
    _name_in_runs(written, parts, runs, console)
    if not written:
        return written
    best = written.get(_ENSEMBLE) or next(iter(written.values()))
    console.line(f"\nModels to predict with: {files.join(files.absolute(report), FOLDER)} ({', '.join(written)})")
    console.line(f"  python ray_jobs/predict.py --model {shlex.quote(best)} --films FILMS --out OUT")
    return written


def _write(key: str, model: EvaluatedModel, parts: EvaluatedParts, folder: Path) -> None:
    """Write a combination into a local folder."""
    if key == _TFIDF and parts.tfidf:
        write_tfidf(folder, parts.folder(key, model), parts.tfidf.weights)
        return
    with contextlib.ExitStack() as stack:
        if key == _ENSEMBLE:
            stacking = stacking_of(model)
            members = {name: stack.enter_context(_member(name, parts)) for name in stacking.members}
        else:
            stacking = None
            members = {
                f"run-{i}": stack.enter_context(files.local_copy(run.candidate.path))
                for i, run in enumerate(parts.scored[key], 1)
            }
        places = {name: member_folder(name) for name in members}
        write_combination(folder, parts.folder(key, model, places, stacking), members)


@contextlib.contextmanager
def _member(key: str, parts: EvaluatedParts) -> Iterator[Path]:
    """Yield a local folder with a member of the ensemble: a checkpoint, a mean of runs, or TF-IDF."""
    runs = parts.scored.get(key, ())
    if len(runs) == 1:
        with files.local_copy(runs[0].candidate.path) as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="member-") as temporary:
        _write(key, parts.models[key], parts, Path(temporary))
        yield Path(temporary)


def stacking_of(model: EvaluatedModel) -> StackingModel:
    """Return the late fusion that an ensemble's description has."""
    fused = model.metadata["fused"]
    weights = fused["weights"]
    coefficients = np.array(list(fused["coefficients"].values()), np.float64)
    return StackingModel(fused["method"], tuple(weights), np.array(list(weights.values()), np.float64), coefficients)


def _scaling(model: EvaluatedModel) -> PlattScaling | None:
    """Return the Platt scaling of a calibrated model."""
    if (lines := model.metadata.get("scaling")) is None:
        return None
    slopes, intercepts = np.array(list(lines.values()), np.float64).T
    return PlattScaling(slopes, intercepts)


def _name_in_runs(written: Mapping[str, str], parts: EvaluatedParts, runs: str, console: Console) -> None:
    """Name the model folders in the runs folder, if all evaluated checkpoints are below it."""
    place = files.absolute(runs)
    paths = [run.candidate.path for scored in parts.scored.values() for run in scored]
    if not all(files.is_within(path, place) for path in paths):
        return
    near = files.is_local(place) and all(map(files.is_local, written.values()))
    # Relative, so that runs and report can be moved together.
    named = {key: os.path.relpath(path, place) if near else path for key, path in written.items()}
    try:
        atomic.write_text(files.join(place, LATEST), json.dumps(named, indent=2))
    except OSError as error:
        console.line(f"{place} does not take {LATEST}, which would name the ensemble there: {error}")
