"""Export of a trained model as one artefact that runs without this project.

    python ray_jobs/export.py --model RUNS --format savedmodel --out ~/film-genres/exported
    python ray_jobs/export.py --model RUN --format onnx --out ~/film-genres/exported-onnx --push-layout

Writes a folder with the model, its genres and thresholds (config.json), a model card (README.md) and example.py, after
comparing the artefact with the model on drawn films (docs/exporting.md). A model takes 20 to 60 s on 2 cores.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass
from typing import Literal

from genre_models.predictors.find import find_model
from ray_jobs.cli.console import Console
from ray_jobs.cli.options import at_home
from ray_jobs.cli.runner import run_job
from ray_jobs.exporting.export_model import Request, export_model


@dataclass(frozen=True)
class Options:
    """Options of an export: model, format and result."""

    model: tuple[str, ...] = (at_home("runs"),)
    """Checkpoint, run (its best checkpoint), folder of runs (the ensemble of their last evaluation, or their best
    checkpoint), or a model that evaluate.py wrote. Of several the mean of the probabilities is exported."""
    format: Literal["savedmodel", "onnx", "litert", "keras"] = "savedmodel"
    """savedmodel takes files of posters and texts, and holds every model. onnx, litert and keras take pixels and token
    ids, and hold no TF-IDF. onnx needs the extra export."""
    out: str = at_home("exported")
    """Folder of the artefact."""
    name: str = ""
    """Name on the model card; by default that of the folder."""
    licence: str = ""
    """Licence on the model card, such as cc-by-4.0."""
    push_layout: bool = False
    """Lay the folder out as a Hugging Face model repository: metadata in README.md, and .gitattributes."""
    overwrite: bool = False
    """Replace an artefact in --out."""


def main(options: Options) -> None:
    """Export a model in this process."""
    models = tuple(find_model(path) for path in options.model)
    request = Request(
        models,
        options.format,
        options.out,
        name=options.name,
        licence=options.licence,
        push_layout=options.push_layout,
        overwrite=options.overwrite,
    )
    export_model(request, Console())


if __name__ == "__main__":
    run_job(main, Options)
