"""Report of an ablation: its files, and its summary on the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.storage import files
from datasets.storage.file_sets import files_into
from genre_models.checkpoint import Checkpoint
from genre_models.report.ablation.findings import outcome, screen_table
from genre_models.report.ablation.page import FILES, write_ablation
from genre_models.studies import ablation_effects as ablations
from genre_models.studies.ablation_components import Variant
from genre_models.studies.ablation_effects import RunScores
from ray_jobs.ablation.plan import Ablation
from ray_jobs.cli.console import Console
from ray_jobs.cli.options import AblateOptions
from ray_jobs.runs import study_files
from ray_jobs.runs.resume import plain
from ray_jobs.runs.sweep_folder import SweepFolder, Trial


def write(
    folder: SweepFolder,
    ablation: Ablation,
    trials: Sequence[Trial],
    scores: Mapping[int, RunScores],
    options: AblateOptions,
    checkpoint: Checkpoint,
) -> dict[str, Any]:
    """Write the results so far, and return them as the report takes them."""
    runs = {variant.name: _trials_of(variant, trials) for variant in ablation.variants}
    report = ablations.analysed(
        {
            **study_files.head(study_files.ABLATIONS, folder.path, checkpoint, metric=options.metric),
            "preset": ablation.preset,
            "seeds": options.seeds,
            "resamples": options.resamples,
            "variants": [
                {
                    "name": variant.name,
                    "what": variant.description,
                    "group": variant.group,
                    "component": variant.component,
                    "against": variant.against,
                    "settings": plain(dict(variant.settings)),
                    "runs": [
                        _record(folder, trial, scores.get(trial.number), options.metric) for trial in runs[variant.name]
                    ],
                }
                for variant in ablation.variants
            ],
        },
        {
            name: {trial.settings["seed"]: scores[trial.number] for trial in own_trials if trial.number in scores}
            for name, own_trials in runs.items()
        },
    )
    with files_into(folder.path, own=FILES) as local:
        write_ablation(report, local)
    return report


def _trials_of(variant: Variant, trials: Sequence[Trial]) -> list[Trial]:
    """Return a variant's trials, sorted by seed."""
    own = [trial for trial in trials if trial.settings == {**variant.settings, "seed": trial.settings["seed"]}]
    return sorted(own, key=lambda trial: trial.settings["seed"])


def _record(folder: SweepFolder, trial: Trial, scores: RunScores | None, metric: str) -> dict[str, Any]:
    """Return one training's record for the report."""
    best = trial.best_epoch(metric)
    own = folder.trial_folder(trial.number)
    return {
        "seed": trial.settings["seed"],
        "trial": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "path": own.path,
        "epochs": len(trial.history),
        "epoch": best.epoch if best else None,
        "seconds": sum(epoch.seconds for epoch in trial.history),
        "figures": scores.metrics if scores else None,
    }


def print_result(report: Mapping[str, Any], console: Console) -> None:
    """Print the result of the ablation."""
    runs = [run for variant in report["variants"] for run in variant["runs"]]
    ended = sum(run["status"] in ("finished", "failed") for run in runs)
    console.line(f"\n{ended} of {len(runs)} trainings ended\n")
    for line in screen_table(report):
        console.line(line)
    console.line(f"\n{outcome(report)}")
    if ended < len(runs):
        console.line(f"Not all trainings have ended: go on with --name {report['name']} --resume")
    console.line(f"The page: {files.join(report['path'], 'ablation.html')}")
