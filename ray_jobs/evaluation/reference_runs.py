"""Comparison of further runs, such as other settings, with the evaluated models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.storage import files
from genre_models.metrics import names
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.presets import lookup as presets
from ray_jobs.evaluation.candidates import checkpoints_at, require_no_leakage
from ray_jobs.evaluation.scoring import Evaluation, score

_METRICS = tuple(metric.key for metric in names.SUMMARY)


def compare_reference_runs(
    places: Sequence[str],
    models: Sequence[EvaluatedModel],
    evaluation: Evaluation,
    *,
    metric: str,
) -> list[dict[str, Any]]:
    """Return the metrics of further runs and their differences to the evaluated models.

    Args:
        places: paths of checkpoints, of runs for their best one by `metric`, or of folders of runs for the best of each
            kind; checkpoints evaluated already are skipped.
        models: the evaluated models; a run is compared with the one of its kind, or the first where there is none.

    Raises:
        CheckpointError: there is no checkpoint, or one has other genres or may have seen the evaluated films.
    """
    results, store, console = [], evaluation.store, evaluation.console
    candidates = [c for place in places for c in checkpoints_at(files.absolute(place), store, console, metric=metric)]
    for candidate in candidates:
        if any(candidate.path in _paths(model) for model in models):
            continue
        if evaluation.eval_set.store.path == store.path:
            require_no_leakage({candidate.checkpoint.kind: [candidate]}, store)
        other = score(candidate, evaluation).model
        rival = next((model for model in models if model.key == other.key), models[0])
        evaluation.console.status(f"evaluating {candidate.run}")
        pair = [
            EvaluatedModel("evaluated", rival.scores, rival.thresholds),
            EvaluatedModel("other", other.scores, other.thresholds),
        ]
        compared = evaluation.compare(pair)
        entry, checkpoint = compared["models"]["other"], candidate.checkpoint
        results.append(
            {
                "kind": other.key,
                "label": other.metadata["label"],
                "run": candidate.run,
                "preset": presets.name_of(checkpoint.kind, checkpoint.recipe, checkpoint.config),
                "checkpoint": candidate.path,
                **{key: other.metadata[key] for key in ("epoch", "epochs", "parameters")},
                "against": rival.key,
                "figures": {key: names.value(entry["metrics"], key) for key in _METRICS},
                "intervals": {key: entry["intervals"][key] for key in _METRICS},
                "differences": {key: compared["differences"][0]["metrics"][key] for key in _METRICS},
            }
        )
    return results


def _paths(model: EvaluatedModel) -> list[str]:
    return [str(run["checkpoint"]) for run in model.metadata.get("runs") or [model.metadata]]
