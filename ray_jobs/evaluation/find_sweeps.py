"""The sweeps that found the evaluated models, and their gain on the evaluated films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import CheckpointError
from genre_models.metrics import names
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.models.registry import REGISTRY
from genre_models.studies import sweep_analysis as sweeps
from ray_jobs.cli.console import Console
from ray_jobs.evaluation.candidates import Candidate, read_checkpoint
from ray_jobs.evaluation.scoring import Evaluation, Scored, score
from ray_jobs.runs.resume import plain
from ray_jobs.runs.study_files import SWEEPS, studies_below


def find_sweeps(
    scored: Mapping[str, Sequence[Scored]], runs_folder: str, evaluation: Evaluation
) -> list[dict[str, Any]]:
    """Return the sweeps that found the evaluated checkpoints, as dicts for the report.

    A checkpoint comes from the newest sweep that has it as a trial's, or whose best trial has its settings. The best
    trial and the starting point of each sweep are compared on the evaluated films.
    """
    by_path: dict[str, dict[str, Any]] = {}
    members = [member for runs in scored.values() for member in runs]
    found = _sweeps_below(files.absolute(runs_folder), evaluation.store) if members else []
    known = [sweep for sweep in found if _is_readable(sweep, evaluation.console)]
    for member in members:
        sweep = next((sweep for sweep in known if _is_from(member.candidate, sweep)), None)
        if sweep is None or sweep["path"] in by_path:
            continue
        evaluation.console.status(f"{member.candidate.checkpoint.model_spec.label}: what its sweep gained")
        by_path[sweep["path"]] = sweeps.analysed({**sweep, "gain": _gain(sweep, members, evaluation)})
    return list(by_path.values())


def _sweeps_below(folder: str, store: Store) -> list[dict[str, Any]]:
    """Return the sweeps on this store, newest first."""
    all_sweeps = studies_below(folder, SWEEPS)
    return [sweep for sweep in all_sweeps if sweep["store"]["fingerprint"] == store.manifest.fingerprint]


def _is_readable(sweep: dict[str, Any], console: Console) -> bool:
    """Return whether a sweep's file holds what the report needs; print a line if not."""
    try:
        sweeps.best_trial(sweep), sweeps.counts(sweep), sweeps.saved(sweep)
        settings = [{**trial["settings"]} for trial in sweep["trials"]]
        whole = len(settings) == len({int(trial["number"]) for trial in sweep["trials"]}) and sweep["kind"] in REGISTRY
    except (KeyError, TypeError, ValueError, AttributeError):
        whole = False
    if not whole:
        console.line(f"{files.join(sweep['path'], SWEEPS.file)} is damaged: this sweep is left out of the report")
    return whole


def _is_from(candidate: Candidate, sweep: dict[str, Any]) -> bool:
    if sweep["kind"] != candidate.checkpoint.kind:
        return False
    if files.is_within(candidate.path, sweep["path"]):
        return True
    best = sweeps.best_trial(sweep)
    options = plain({**vars(candidate.checkpoint.recipe), **vars(candidate.checkpoint.config)})
    return best is not None and all(options.get(name) == value for name, value in best["settings"].items())


def _gain(sweep: dict[str, Any], members: Sequence[Scored], evaluation: Evaluation) -> dict[str, Any] | None:
    """Return the metrics of the best trial and the starting point, and their differences."""
    best, start = sweeps.best_trial(sweep), next((t for t in sweep["trials"] if t["number"] == 1), None)
    if best is None or start is None or best is start or not (best["checkpoint"] and start["checkpoint"]):
        return None
    scored = {member.candidate.path: member for member in members}
    pair = []
    for key, trial in (("best", best), ("start", start)):
        trial_folder = files.name(files.parent(trial["checkpoint"]))
        path = files.join(
            sweep["path"], trial_folder, files.name(trial["checkpoint"])
        )  # the runs folder may have moved
        try:
            member = scored.get(path) or score(read_checkpoint(sweep["kind"], path, evaluation.store), evaluation)
        except (CheckpointError, OSError):
            return None
        pair.append(EvaluatedModel(key, member.model.scores, member.model.thresholds))
    comparison = evaluation.compare(pair)
    differences = comparison["differences"][0]["metrics"]
    return {
        **{key: names.summary(comparison["models"][key]["metrics"]) for key in ("best", "start")},
        "differences": {metric.key: differences[metric.key] for metric in names.SUMMARY},
        "films": len(evaluation.eval_set.labels),
        "evaluated_on": evaluation.eval_set.where,
    }
