"""Further runs beside the judged ones: the same models with other settings, and how far the judged ones are ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.metrics.comparison import Entrant, compare, figure
from genre_models.presets import lookup as presets
from ray_jobs.cli.console import Screen
from ray_jobs.evaluation.candidates import checkpoints_at, require_unseen
from ray_jobs.evaluation.eval_films import Judged
from ray_jobs.evaluation.scoring import score

_FIGURES = ("loss", "mean_average_precision", "at_tuned_micro_f1", "at_tuned_macro_f1")


def judged_beside(
    places: Sequence[str],
    models: Sequence[Entrant],
    store: Store,
    judged: Judged,
    screen: Screen,
    *,
    metric: str,
    use_gpu: bool,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Return what the page tells of further runs, in their order: figures, and the difference to the judged model.

    Args:
        places: checkpoints, runs for their best one by `metric`, or folders of runs for the best of each kind; what is
            judged already is passed over.
        models: the judged models; a run is held against the one of its kind, or the first where there is none.

    Raises:
        CheckpointError: one is none, tells other genres or may have seen the judged films.
    """
    told = []
    all_found = [found for place in places for found in checkpoints_at(files.absolute(place), store, metric=metric)]
    for found in all_found:
        if any(found.path in _paths(model) for model in models):
            continue
        if judged.store.path == store.path:
            require_unseen({found.about.kind: [found]}, store)
        other = score(found, store, judged, screen, use_gpu=use_gpu).entrant
        rival = next((model for model in models if model.key == other.key), models[0])
        screen.status(f"judging {found.run}")
        pair = [Entrant("judged", rival.scores, rival.thresholds), Entrant("other", other.scores, other.thresholds)]
        compared = compare(judged.labels, pair, store.manifest.genres, resamples=resamples, seed=seed)
        entry = compared["models"]["other"]
        told.append(
            {
                "kind": other.key,
                "label": other.about["label"],
                "run": found.run,
                "preset": presets.name_of(found.about.kind, found.about.recipe, found.about.config),
                "checkpoint": found.path,
                "epoch": other.about["epoch"],
                "epochs": other.about["epochs"],
                "parameters": other.about["parameters"],
                "against": rival.key,
                "figures": {name: figure(entry["metrics"], name) for name in _FIGURES},
                "intervals": {name: entry["intervals"][name] for name in _FIGURES},
                "differences": {name: compared["differences"][0]["metrics"][name] for name in _FIGURES},
            }
        )
    return told


def _paths(model: Entrant) -> list[str]:
    return [str(run["checkpoint"]) for run in model.about.get("runs") or [model.about]]
