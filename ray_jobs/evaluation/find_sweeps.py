"""How the judged models were found: the sweeps they come from, and what those gained on the judged films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import CheckpointError
from genre_models.metrics.comparison import Entrant, compare, figure
from genre_models.studies import sweep_analysis as sweeps
from ray_jobs.cli.console import Screen
from ray_jobs.evaluation.candidates import Found, read_checkpoint
from ray_jobs.evaluation.eval_films import Judged
from ray_jobs.evaluation.scoring import Scored, score
from ray_jobs.runs.resume import plain
from ray_jobs.runs.study_files import SWEEPS, studies_below

_FIGURES = {"loss": "loss", "mean_average_precision": "mean_average_precision", "micro_f1": "at_tuned_micro_f1"}


def sweeps_behind(
    scored: Mapping[str, Sequence[Scored]],
    store: Store,
    judged: Judged,
    runs_folder: str,
    screen: Screen,
    *,
    use_gpu: bool,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Return for each judged checkpoint that a sweep found the newest such sweep, each sweep once, as the report takes
    it.

    A checkpoint comes from a sweep if it is one of its trials', or if it was trained with its best trial's settings.
    The best trial and the starting point are judged beside each other on the judged films.
    """
    behind: dict[str, dict[str, Any]] = {}
    members = [one for runs in scored.values() for one in runs]
    known = _sweeps_below(files.absolute(runs_folder), store) if members else []
    for one in members:
        sweep = next((sweep for sweep in known if _is_from(one.found, sweep)), None)
        if sweep is None or sweep["path"] in behind:
            continue
        screen.status(f"{one.found.about.model_kind.label}: what its sweep gained")
        gain = _gain(sweep, members, store, judged, screen, use_gpu=use_gpu, resamples=resamples, seed=seed)
        behind[sweep["path"]] = sweeps.analysed({**sweep, "gain": gain})
    return list(behind.values())


def _sweeps_below(folder: str, store: Store) -> list[dict[str, Any]]:
    """Return the sweeps on this store, newest first."""
    found = studies_below(folder, SWEEPS)
    return [sweep for sweep in found if sweep["store"]["fingerprint"] == store.manifest.fingerprint]


def _is_from(one: Found, sweep: dict[str, Any]) -> bool:
    if sweep["kind"] != one.about.kind:
        return False
    if one.path.startswith(f"{sweep['path']}/"):
        return True
    best = sweeps.best_trial(sweep)
    options = plain({**vars(one.about.recipe), **vars(one.about.config)})
    return best is not None and all(options.get(name) == value for name, value in best["settings"].items())


def _gain(
    sweep: dict[str, Any],
    members: Sequence[Scored],
    store: Store,
    judged: Judged,
    screen: Screen,
    *,
    use_gpu: bool,
    resamples: int,
    seed: int,
) -> dict[str, Any] | None:
    """Return the figures of the best trial and of the starting point on the judged films, and their difference."""
    best, start = sweeps.best_trial(sweep), next((t for t in sweep["trials"] if t["number"] == 1), None)
    if best is None or start is None or best is start or not (best["checkpoint"] and start["checkpoint"]):
        return None
    scored = {one.found.path: one for one in members}
    pair = []
    for key, trial in (("best", best), ("start", start)):
        path = files.join(sweep["path"], *trial["checkpoint"].split("/")[-2:])  # the runs folder may have moved
        try:
            one = scored.get(path) or score(
                read_checkpoint(sweep["kind"], path, store), store, judged, screen, use_gpu=use_gpu
            )
        except (CheckpointError, OSError):
            return None
        pair.append(Entrant(key, one.entrant.scores, one.entrant.thresholds))
    told = compare(judged.labels, pair, store.manifest.genres, resamples=resamples, seed=seed)
    figures = {
        key: {short: figure(told["models"][key]["metrics"], name) for short, name in _FIGURES.items()}
        for key in ("best", "start")
    }
    differences = told["differences"][0]["metrics"]
    return {
        **figures,
        "differences": {name: differences[name] for name in _FIGURES.values()},
        "films": len(judged.labels),
        "judged_on": judged.where,
    }
