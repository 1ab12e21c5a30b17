"""Tells what each effect of each: trains a preset without each of its components, and with each that it leaves off.

    python ray_jobs/ablate.py --model lstm --store DIR --runs DIR --name NAME
    python ray_jobs/ablate.py --model lstm --store DIR --runs DIR --name NAME --resume

Every variant is trained to its end with several seeds and evaluated on the validation and the test films. Writes
RUNS/NAME: a folder for each training, ablation.html (the page to read), its tables as .md, .csv and .json, pictures;
evaluate.py shows it on its page. docs/tuning.md tells the rest.
"""

from __future__ import annotations

from ray_jobs.ablation.driver import ablate
from ray_jobs.cli.options import AblateOptions
from ray_jobs.cli.runner import run_job


def main(options: AblateOptions) -> str:
    """Run the ablation; the folder is returned."""
    return ablate(options)


if __name__ == "__main__":
    run_job(main, AblateOptions)
