"""Ablation study: trains a preset without each of its components, and with each that it leaves off.

    python ray_jobs/ablate.py --model lstm --store DIR --runs DIR --name NAME
    python ray_jobs/ablate.py --model lstm --store DIR --runs DIR --name NAME --resume

Every variant is trained to completion with several seeds and evaluated on the validation and the test films. Writes
RUNS/NAME: a folder for each run, ablation.html (the page to read), its tables as .md, .csv and .json, pictures;
evaluate.py shows it on its page. Details are in docs/tuning.md.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from ray_jobs.ablation.driver import ablate
from ray_jobs.cli.options import AblateOptions as Options
from ray_jobs.cli.runner import run_job


def main(options: Options) -> str:
    """Run the ablation, and return its folder."""
    return ablate(options)


if __name__ == "__main__":
    run_job(main, Options)
