"""What an ablation leaves: the page, its tables and its picture; and what is said of it on screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.storage import files
from datasets.storage.atomic import written_to
from genre_models.checkpoint import Checkpoint
from genre_models.report.ablation.findings import outcome, screen_table
from genre_models.report.ablation.page import write_ablation
from genre_models.studies import ablation_effects as ablations
from genre_models.studies.ablation_components import Variant
from genre_models.studies.ablation_effects import JudgedRun
from ray_jobs.ablation.plan import Ablation
from ray_jobs.cli.console import Screen
from ray_jobs.cli.options import AblateOptions
from ray_jobs.runs import study_files
from ray_jobs.runs.resume import plain
from ray_jobs.runs.sweep_folder import SweepFolder, Trial


def write(
    folder: SweepFolder,
    ablation: Ablation,
    trials: Sequence[Trial],
    judged: Mapping[int, JudgedRun],
    options: AblateOptions,
    about: Checkpoint,
) -> dict[str, Any]:
    """Write what is known so far, and return it as the report takes it."""
    runs = {variant.name: _runs(variant, trials) for variant in ablation.variants}
    told = ablations.analysed(
        {
            **study_files.head(study_files.ABLATIONS, folder.path, about, metric=options.metric),
            "preset": ablation.preset,
            "seeds": options.seeds,
            "resamples": options.resamples,
            "variants": [
                {
                    "name": variant.name,
                    "what": variant.what,
                    "group": variant.group,
                    "cure": variant.cure,
                    "against": variant.against,
                    "settings": plain(dict(variant.settings)),
                    "runs": [_told(folder, trial, judged, options.metric) for trial in runs[variant.name]],
                }
                for variant in ablation.variants
            ],
        },
        {
            name: {trial.settings["seed"]: judged[trial.number] for trial in found if trial.number in judged}
            for name, found in runs.items()
        },
    )
    with written_to(folder.path) as local:
        write_ablation(told, local)
    return told


def _runs(variant: Variant, trials: Sequence[Trial]) -> list[Trial]:
    """Return a variant's trials, by seed."""
    own = [trial for trial in trials if trial.settings == {**variant.settings, "seed": trial.settings["seed"]}]
    return sorted(own, key=lambda trial: trial.settings["seed"])


def _told(folder: SweepFolder, trial: Trial, judged: Mapping[int, JudgedRun], metric: str) -> dict[str, Any]:
    """Return one training as the report takes it."""
    best = trial.best_epoch(metric)
    own = folder.trial_folder(trial.number)
    found = judged.get(trial.number)
    return {
        "seed": trial.settings["seed"],
        "trial": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "path": own.path,
        "epochs": len(trial.history),
        "epoch": best.epoch if best else None,
        "seconds": sum(epoch.seconds for epoch in trial.history),
        "figures": found.figures if found else None,
    }


def say(told: Mapping[str, Any], screen: Screen) -> None:
    """Say what the ablation found."""
    runs = [run for variant in told["variants"] for run in variant["runs"]]
    ended = sum(run["status"] in ("finished", "failed") for run in runs)
    screen.line(f"\n{ended} of {len(runs)} trainings ended\n")
    for line in screen_table(told):
        screen.line(line)
    screen.line(f"\n{outcome(told)}")
    if ended < len(runs):
        screen.line(f"Not all trainings have ended: go on with --name {told['name']} --resume")
    screen.line(f"The page: {files.join(told['path'], 'ablation.html')}")
