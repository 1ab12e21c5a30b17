"""The comparison report: metrics, example films and the page."""

from __future__ import annotations

import base64
import datetime
import importlib.metadata
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.storage import files
from datasets.storage.atomic import files_into
from datasets.store.film_store import Store
from genre_models.metrics import example_films
from genre_models.metrics.classification import top3, top3_recalls
from genre_models.metrics.comparison import EvaluatedModel, compare
from genre_models.report.comparison.page import write_report
from ray_jobs.cli.console import Console, Countdown, duration
from ray_jobs.evaluation.eval_films import EvalSet

_LIBRARIES = ("ray", "tensorflow", "keras", "scikit-learn", "numpy")


def report(
    store: Store,
    eval_set: EvalSet,
    entrants: Sequence[EvaluatedModel],
    sweeps: Sequence[dict[str, Any]],
    reference_runs: Sequence[dict[str, Any]],
    ablations: Sequence[dict[str, Any]],
    folder: str,
    console: Console,
    *,
    resamples: int,
    seed: int,
) -> None:
    """Evaluate the models, write the comparison into a folder and print the headline metrics."""
    console.status(f"evaluating: {resamples:,} resamples of {len(eval_set.labels):,} films")
    timer = Countdown()
    comparison = _about(store, eval_set) | compare(
        eval_set.labels, entrants, store.manifest.genres, resamples=resamples, seed=seed
    )
    if sweeps:
        comparison["sweeps"] = list(sweeps)
    if reference_runs:
        comparison["reference_runs"] = list(reference_runs)
    if ablations:
        comparison["ablations"] = list(ablations)
    comparison["example_films"] = _showcase(eval_set, entrants, store.manifest.genres)
    with files_into(folder) as local:
        page = write_report(comparison, local).html.name
    console.line(f"Evaluated {len(entrants)} models on {len(eval_set.labels):,} films ({eval_set.where})\n")
    for line in table(comparison):
        console.line(line)
    console.line(f"\nThe comparison, in {duration(timer.elapsed)}: {files.join(files.absolute(folder), page)}")


def _about(store: Store, eval_set: EvalSet) -> dict[str, Any]:
    """Return the metadata of the comparison: command, versions, films."""
    manifest = store.manifest
    own = eval_set.store.path != store.path
    known = {
        split: set(store.table(split, ["overview"])["overview"].to_pylist()) if own else set()
        for split in ("train", "validation")
    }
    seen = {split: sum(overview in films for overview in eval_set.overviews) for split, films in known.items()}
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "films": {
            **manifest.films,
            "rejected": sum(manifest.source["rejects"].values()),
            "evaluated": len(eval_set.labels),
        },
        "evaluated_on": eval_set.where,
        "evaluated_rejects": eval_set.rejects,
        "seen_in_training": seen["train"],
        "seen_in_validation": seen["validation"],
        "source": manifest.source["folder"],
        "store": store.path,
        "genre_counts": {
            "train": manifest.genre_films["train"],
            "validation": manifest.genre_films["validation"],
            "evaluated": dict(zip(manifest.genres, eval_set.labels.sum(axis=0).astype(int).tolist(), strict=True)),
        },
    }


def _showcase(eval_set: EvalSet, entrants: Sequence[EvaluatedModel], genres: Sequence[str]) -> list[dict[str, Any]]:
    """Return a dozen example films on which the trained models are right or wrong."""
    trained = {e.key: e.scores for e in entrants if e.about["history"]}
    shown = example_films.choose(eval_set.labels, trained)
    recalls = {e.key: top3_recalls(eval_set.labels, e.scores) for e in entrants}
    best = {e.key: top3(e.scores) for e in entrants}
    posters = eval_set.posters([choice.film for choice in shown]) if shown else []
    return [
        {
            "id": eval_set.ids[film],
            "overview": eval_set.overviews[film],
            "genres": [genres[g] for g in np.flatnonzero(eval_set.labels[film]).tolist()],
            "kind": choice.kind,
            "poster_jpeg": base64.b64encode(jpeg).decode("ascii"),
            "top3": {e.key: [[genres[g], float(e.scores[film, g])] for g in best[e.key][film]] for e in entrants},
            "score": {e.key: float(recalls[e.key][film]) for e in entrants},
        }
        for choice, film, jpeg in zip(shown, (choice.film for choice in shown), posters, strict=True)
    ]


def table(comparison: dict[str, Any]) -> list[str]:
    """Return the headline metrics as lines of text."""
    width = 2 + max(14, *(len(model["label"]) for model in comparison["models"].values()))
    lines = [f"{'':<{width}}{'loss':>8}{'mean AP':>10}{'micro AP':>10}{'top-3':>8}{'F1 at .5':>10}{'F1 tuned':>10}"]
    for model in comparison["models"].values():
        m = model["metrics"]
        lines.append(
            f"{model['label']:<{width}}{m['loss']:>8.4f}{m['mean_average_precision']:>10.3f}"
            f"{m['micro_average_precision']:>10.3f}{m['top3_recall']:>8.3f}"
            f"{m['at_half']['micro_f1']:>10.3f}{m['at_tuned']['micro_f1']:>10.3f}"
        )
    return lines
