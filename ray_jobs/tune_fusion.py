"""Search of the joint poster and overview model's regularisation and learning rate with Ray Tune.

    python ray_jobs/tune_fusion.py --store DIR --runs DIR --trials 24
    ray job submit --working-dir . -- python ray_jobs/tune_fusion.py --store DIR --runs DIR --name NAME
    python ray_jobs/tune_fusion.py --store DIR --runs DIR --name NAME --resume

Writes RUNS/NAME: a folder for each trial, sweep.html (the page to read) with its tables and pictures, and
best_config.yaml for `train_fusion.py --config`; evaluate.py finds the best trial's checkpoint below RUNS.
Details are in docs/tuning.md.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass, field

from genre_models.models.fusion_gmu import FusionGMU
from genre_models.presets.fusion import best
from genre_models.training.recipe import Recipe
from ray_jobs.cli.options import TuneOptions
from ray_jobs.cli.runner import run_job
from ray_jobs.tuning.driver import tune


@dataclass(frozen=True)
class Options(TuneOptions):
    """Options of a sweep of the joint model of poster and overview; trial 1 uses this recipe and model."""

    preset: str = "best"
    """Named settings (genre_models/presets/); the coursework had no joint model."""
    recipe: Recipe = field(default_factory=lambda: best.RECIPE)
    model: FusionGMU = field(default_factory=lambda: best.MODEL)


def main(options: Options) -> str:
    """Run the sweep, and return the path of its best checkpoint."""
    return tune("fusion", options.model, options.recipe, options)


if __name__ == "__main__":
    run_job(main, Options)
