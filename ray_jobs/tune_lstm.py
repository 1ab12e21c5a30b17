"""Search of the overview LSTM's regularisation and learning rate with Ray Tune. Starts from the coursework's settings.

    python ray_jobs/tune_lstm.py --store DIR --runs DIR --trials 24
    ray job submit --working-dir . -- python ray_jobs/tune_lstm.py --store DIR --runs DIR --name NAME
    python ray_jobs/tune_lstm.py --store DIR --runs DIR --name NAME --resume

Writes RUNS/NAME: a folder for each trial, sweep.html (the page to read) with its tables and pictures, and
best_config.yaml for `train_lstm.py --config`; evaluate.py finds the best trial's checkpoint below RUNS.
Details are in docs/tuning.md.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import dataclass, field

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.recipe import Recipe
from ray_jobs.cli.options import TuneOptions
from ray_jobs.cli.runner import run_job
from ray_jobs.tuning.driver import tune


@dataclass(frozen=True)
class Options(TuneOptions):
    """Options of a sweep of the overview LSTM; trial 1 uses this recipe and model."""

    recipe: Recipe = field(default_factory=lambda: Recipe(epochs=20))
    model: OverviewLSTM = field(default_factory=OverviewLSTM)


def main(options: Options) -> str:
    """Run the sweep, and return the path of its best checkpoint."""
    return tune("lstm", options.model, options.recipe, options)


if __name__ == "__main__":
    run_job(main, Options)
