"""Comparison of further runs, such as other settings, with the evaluated models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.metrics.comparison import EvaluatedModel, compare, figure
from genre_models.presets import lookup as presets
from ray_jobs.cli.console import Console
from ray_jobs.evaluation.candidates import checkpoints_at, require_no_leakage
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.scoring import score

_FIGURES = ("loss", "mean_average_precision", "at_tuned_micro_f1", "at_tuned_macro_f1")


def compare_reference_runs(
    places: Sequence[str],
    models: Sequence[EvaluatedModel],
    store: Store,
    eval_set: EvalSet,
    console: Console,
    *,
    metric: str,
    use_gpu: bool,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Return the metrics of further runs and their differences to the evaluated models.

    Args:
        places: paths of checkpoints, of runs for their best one by `metric`, or of folders of runs for the best of each
            kind; checkpoints evaluated already are skipped.
        models: the evaluated models; a run is compared with the one of its kind, or the first where there is none.

    Raises:
        CheckpointError: there is no checkpoint, or one has other genres or may have seen the evaluated films.
    """
    results = []
    candidates = [c for place in places for c in checkpoints_at(files.absolute(place), store, metric=metric)]
    for candidate in candidates:
        if any(candidate.path in _paths(model) for model in models):
            continue
        if eval_set.store.path == store.path:
            require_no_leakage({candidate.about.kind: [candidate]}, store)
        other = score(candidate, store, eval_set, console, use_gpu=use_gpu).entrant
        rival = next((model for model in models if model.key == other.key), models[0])
        console.status(f"evaluating {candidate.run}")
        pair = [
            EvaluatedModel("evaluated", rival.scores, rival.thresholds),
            EvaluatedModel("other", other.scores, other.thresholds),
        ]
        compared = compare(eval_set.labels, pair, store.manifest.genres, resamples=resamples, seed=seed)
        entry = compared["models"]["other"]
        results.append(
            {
                "kind": other.key,
                "label": other.about["label"],
                "run": candidate.run,
                "preset": presets.name_of(candidate.about.kind, candidate.about.recipe, candidate.about.config),
                "checkpoint": candidate.path,
                "epoch": other.about["epoch"],
                "epochs": other.about["epochs"],
                "parameters": other.about["parameters"],
                "against": rival.key,
                "figures": {name: figure(entry["metrics"], name) for name in _FIGURES},
                "intervals": {name: entry["intervals"][name] for name in _FIGURES},
                "differences": {name: compared["differences"][0]["metrics"][name] for name in _FIGURES},
            }
        )
    return results


def _paths(model: EvaluatedModel) -> list[str]:
    return [str(run["checkpoint"]) for run in model.about.get("runs") or [model.about]]
