"""Training of the joint model of poster and overview with Ray Train.

    python ray_jobs/train_fusion.py --store DIR --runs DIR
    ray job submit --working-dir . -- python ray_jobs/train_fusion.py --store DIR --runs DIR

Writes RUNS/NAME: the best and the last checkpoint, history.csv and TensorBoard events. docs/fusion.md describes
the model and its results on real films.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass, field

from genre_models.models.fusion_gmu import FusionGMU
from genre_models.presets.fusion import best
from genre_models.training.recipe import Recipe
from ray_jobs.cli.options import TrainOptions
from ray_jobs.cli.runner import run_job
from ray_jobs.cluster.ray_init import start_ray_while_importing


@dataclass(frozen=True)
class Options(TrainOptions):
    """Options of a training run of the joint model of poster and overview."""

    preset: str = "best"
    """Named settings (genre_models/presets/); the coursework had no joint model."""
    recipe: Recipe = field(default_factory=lambda: best.RECIPE)
    model: FusionGMU = field(default_factory=lambda: best.MODEL)


def main(options: Options) -> None:
    """Train the model."""
    start_ray_while_importing("ray_jobs.training.driver", dashboard=options.dashboard).train(
        "fusion", options.model, options.recipe, options
    )


if __name__ == "__main__":
    run_job(main, Options)
