"""From scores to the comparison's files: figures, a dozen films that show them, the page."""

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
from datasets.storage.atomic import written_to
from datasets.store.film_store import Store
from genre_models.metrics import example_films
from genre_models.metrics.classification import top3, top3_recalls
from genre_models.metrics.comparison import Entrant, compare
from genre_models.report.comparison.page import write_report
from ray_jobs.cli.console import Countdown, Screen, duration
from ray_jobs.evaluation.eval_films import Judged

_LIBRARIES = ("ray", "tensorflow", "keras", "scikit-learn", "numpy")


def report(
    store: Store,
    judged: Judged,
    entrants: Sequence[Entrant],
    sweeps: Sequence[dict[str, Any]],
    beside: Sequence[dict[str, Any]],
    ablations: Sequence[dict[str, Any]],
    folder: str,
    screen: Screen,
    *,
    resamples: int,
    seed: int,
) -> None:
    """Judge the entrants, write the comparison into a folder, show the headline.

    The comparison also tells of the sweeps behind the entrants, of the ablations and of the runs judged beside them.
    """
    screen.status(f"judging: {resamples:,} resamples of {len(judged.labels):,} films")
    timer = Countdown()
    comparison = _about(store, judged) | compare(
        judged.labels, entrants, store.manifest.genres, resamples=resamples, seed=seed
    )
    if sweeps:
        comparison["sweeps"] = list(sweeps)
    if beside:
        comparison["beside"] = list(beside)
    if ablations:
        comparison["ablations"] = list(ablations)
    comparison["showcase"] = _showcase(judged, entrants, store.manifest.genres)
    with written_to(folder) as local:
        page = write_report(comparison, local).html.name
    screen.line(f"Judged {len(entrants)} models on {len(judged.labels):,} films ({judged.where})\n")
    for line in table(comparison):
        screen.line(line)
    screen.line(f"\nThe comparison, in {duration(timer.elapsed)}: {files.join(files.absolute(folder), page)}")


def _about(store: Store, judged: Judged) -> dict[str, Any]:
    """Return what the comparison says beside the models' figures."""
    manifest = store.manifest
    own = judged.store.path != store.path
    known = {
        split: set(store.table(split, ["overview"])["overview"].to_pylist()) if own else set()
        for split in ("train", "validation")
    }
    seen = {split: sum(overview in films for overview in judged.overviews) for split, films in known.items()}
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "films": {
            **manifest.films,
            "rejected": sum(manifest.source["rejects"].values()),
            "judged": len(judged.labels),
        },
        "judged_on": judged.where,
        "judged_rejects": judged.rejects,
        "seen_in_training": seen["train"],
        "seen_in_validation": seen["validation"],
        "source": manifest.source["folder"],
        "store": store.path,
        "genre_counts": {
            "train": manifest.genre_films["train"],
            "validation": manifest.genre_films["validation"],
            "judged": dict(zip(manifest.genres, judged.labels.sum(axis=0).astype(int).tolist(), strict=True)),
        },
    }


def _showcase(judged: Judged, entrants: Sequence[Entrant], genres: Sequence[str]) -> list[dict[str, Any]]:
    """Return a dozen films that show where the trained models are right and wrong."""
    trained = {e.key: e.scores for e in entrants if e.about["history"]}
    shown = example_films.choose(judged.labels, trained)
    recalls = {e.key: top3_recalls(judged.labels, e.scores) for e in entrants}
    best = {e.key: top3(e.scores) for e in entrants}
    posters = judged.posters([choice.film for choice in shown]) if shown else []
    return [
        {
            "id": judged.ids[film],
            "overview": judged.overviews[film],
            "genres": [genres[g] for g in np.flatnonzero(judged.labels[film]).tolist()],
            "kind": choice.kind,
            "poster_jpeg": base64.b64encode(jpeg).decode("ascii"),
            "top3": {e.key: [[genres[g], float(e.scores[film, g])] for g in best[e.key][film]] for e in entrants},
            "score": {e.key: float(recalls[e.key][film]) for e in entrants},
        }
        for choice, film, jpeg in zip(shown, (choice.film for choice in shown), posters, strict=True)
    ]


def table(comparison: dict[str, Any]) -> list[str]:
    """Return the headline figures as lines for the screen."""
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
