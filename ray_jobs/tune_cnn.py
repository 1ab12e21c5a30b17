"""Searches regularisation and learning rate of the poster CNN under Ray Tune, from the coursework's setting on.

    python ray_jobs/tune_cnn.py --store DIR --runs DIR --trials 24
    ray job submit --working-dir . -- python ray_jobs/tune_cnn.py --store DIR --runs DIR --name NAME
    python ray_jobs/tune_cnn.py --store DIR --runs DIR --name NAME --resume

Writes RUNS/NAME: a folder for each trial, sweep.html (the page to read) with its tables and pictures, and
best_config.yaml for `train_cnn.py --config`; evaluate.py finds the best trial's checkpoint below RUNS.
docs/tuning.md tells the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from ray_jobs.cli.options import TuneOptions
from ray_jobs.cli.runner import run_job
from ray_jobs.tuning.driver import tune


@dataclass(frozen=True)
class Options(TuneOptions):
    """Options of this job; trial 1 is the recipe and the model given here."""

    recipe: Recipe = field(default_factory=lambda: Recipe(epochs=40))
    model: PosterCNN = field(default_factory=PosterCNN)


def main(options: Options) -> str:
    """Run the sweep; the best checkpoint is named at the end."""
    return tune("cnn", options.model, options.recipe, options)


if __name__ == "__main__":
    run_job(main, Options)
