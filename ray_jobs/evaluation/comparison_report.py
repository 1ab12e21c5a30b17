"""The comparison report: metrics, example films and the page."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets.sample.films import is_sample_id
from datasets.storage import files
from datasets.storage.file_sets import files_into
from datasets.store.film_store import Store
from genre_models.metrics import example_films, names
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.classification import top3, top3_recalls
from genre_models.metrics.comparison import EvaluatedModel
from genre_models.metrics.genre_details import GRID, genre_details
from genre_models.report.comparison.page import FILES, write_report
from genre_models.report.findings.answer import winner
from genre_models.report.findings.comparison_query import FEWEST_FILMS, genres_by_films
from ray_jobs.cli.console import Countdown, duration
from ray_jobs.evaluation.eval_films import EvalSet
from ray_jobs.evaluation.film_records import film_records
from ray_jobs.evaluation.model_folders import model_folder
from ray_jobs.evaluation.scoring import Evaluation
from ray_jobs.runs.provenance import provenance
from ray_jobs.runs.trackers import Tracking, track_study

_TRACKED = ("metric", "ensemble", "ensemble_with_tfidf", "calibrate", "resamples", "seed")
"""Options of an evaluation that a tracker gets; the others are paths."""


def report(
    evaluation: Evaluation,
    models: Sequence[EvaluatedModel],
    folder: str,
    *,
    tfidf: TfidfBaseline | None = None,
    **studies: Sequence[dict[str, Any]],
) -> None:
    """Evaluate the models, write the comparison into a folder and print the main metrics.

    Args:
        evaluation: the films and settings.
        models: the models to compare.
        folder: where the report goes.
        tfidf: the fitted TF-IDF model, to explain films by.
        studies: further keys of the comparison: sweeps, reference_runs and ablations.
    """
    store, eval_set, console = evaluation.store, evaluation.eval_set, evaluation.console
    console.status(f"evaluating: {evaluation.resamples:,} resamples of {len(eval_set.labels):,} films")
    timer = Countdown()
    comparison = _metadata(store, eval_set) | {"seed": evaluation.seed} | evaluation.compare(models)
    genres = store.manifest.genres
    comparison["genre_details"] = {"thresholds": list(GRID)} | {
        "models": {m.key: genre_details(eval_set.labels, m.scores, m.thresholds, genres) for m in models}
    }
    for key in {"ensemble", "tfidf"} & set(comparison["models"]):
        comparison["models"][key]["folder"] = model_folder(folder, key)
    comparison |= {name: list(entries) for name, entries in studies.items() if entries}
    comparison["example_films"] = _example_films(eval_set, models, genres)
    showing = _films_of_genres(comparison, eval_set, models)
    comparison["genre_films"] = {genre: eval_set.ids[film] for genre, film in showing.items()}
    comparison["all_films"] = film_records(
        eval_set,
        models,
        genres,
        explained=evaluation.explained,
        examples=[film["id"] for film in comparison["example_films"]],
        showing={film: genres.index(genre) for genre, film in showing.items()},
        tfidf=tfidf,
    )
    with files_into(folder, own=FILES) as local:
        page = write_report(comparison, local).name
    console.line(f"Evaluated {len(models)} models on {len(eval_set.labels):,} films ({eval_set.where})\n")
    for line in table(comparison):
        console.line(line)
    console.line(f"\nThe comparison, in {duration(timer.elapsed)}: {files.join(files.absolute(folder), page)}")


def _films_of_genres(comparison: dict[str, Any], eval_set: EvalSet, models: Sequence[EvaluatedModel]) -> dict[str, int]:
    """Return a film by genre that shows why its best model leads; most films first, each film once."""
    scores, labels, shown = {m.key: m.scores for m in models}, eval_set.labels.copy(), {}
    for genre in genres_by_films(comparison):
        best = winner(comparison, genre, fewest=FEWEST_FILMS)
        if best is not None:
            place = comparison["genres"].index(genre)
            film = example_films.showing(labels, scores[best.model], scores.get(best.rival), place)
            if film is not None:
                shown[genre], labels[film] = film, 0
    return shown


def track_comparison(tracking: Tracking | None, folder: str, store: Store, options: Mapping[str, Any]) -> str:
    """Write the comparison in a report's folder to a tracker; return why that failed, or nothing.

    Its metrics are `MODEL/METRIC`, its artefacts the page and the ensemble, if there is one.
    """
    if tracking is None:
        return ""
    found = files.read_json_object(files.join(folder, "comparison.json")).get("models", {})
    metrics = {
        f"{key}/{metric.key}": float(value)
        for key, model in found.items()
        for metric in names.MAIN
        if (value := names.value(model["metrics"], metric.key)) is not None
    }
    ensemble = files.join(folder, "models", "ensemble")
    return track_study(
        tracking,
        folder,
        {"films": store.manifest.fingerprint, "models": ", ".join(found), **{name: options[name] for name in _TRACKED}},
        [(0, metrics)],
        page=("comparison.html", "comparison.md", "comparison.json"),
        model=ensemble if files.exists(ensemble) else None,
    )


def _metadata(store: Store, eval_set: EvalSet) -> dict[str, Any]:
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
        **provenance(),
        "films": {
            **manifest.films,
            "rejected": sum(manifest.source["rejects"].values()),
            "evaluated": len(eval_set.labels),
        },
        "drawn_sample": all(is_sample_id(film) for film in eval_set.ids),
        "evaluated_on": eval_set.where,
        "evaluated_rejects": eval_set.rejects,
        "seen_in_training": seen["train"],
        "seen_in_validation": seen["validation"],
        "source": manifest.source["folder"],
        "rejects": dict(manifest.source["rejects"]),
        "understood": list(manifest.source.get("understood") or []),
        "split": {"seed": manifest.split["seed"], "shares": manifest.split["shares"]},
        "store": store.path,
        "genre_counts": {
            "train": manifest.genre_films["train"],
            "validation": manifest.genre_films["validation"],
            "evaluated": dict(zip(manifest.genres, eval_set.labels.sum(axis=0).astype(int).tolist(), strict=True)),
        },
    }


def _example_films(eval_set: EvalSet, models: Sequence[EvaluatedModel], genres: Sequence[str]) -> list[dict[str, Any]]:
    """Return a dozen example films on which the trained models are right or wrong."""
    trained = {m.key: m.scores for m in models if m.metadata["history"]}
    shown = example_films.choose(eval_set.labels, trained)
    recalls = {m.key: top3_recalls(eval_set.labels, m.scores) for m in models}
    best = {m.key: top3(m.scores) for m in models}
    posters = eval_set.posters([choice.film for choice in shown]) if shown else []
    return [
        {
            "id": eval_set.ids[film],
            "overview": eval_set.overviews[film],
            "genres": [genres[g] for g in np.flatnonzero(eval_set.labels[film]).tolist()],
            "kind": choice.kind,
            "poster_jpeg": base64.b64encode(jpeg).decode("ascii"),
            "top3": {m.key: [[genres[g], float(m.scores[film, g])] for g in best[m.key][film]] for m in models},
            "score": {m.key: float(recalls[m.key][film]) for m in models},
        }
        for choice, film, jpeg in zip(shown, (choice.film for choice in shown), posters, strict=True)
    ]


def table(comparison: dict[str, Any]) -> list[str]:
    """Return the main metrics of each model as lines of text."""
    width = 2 + max(14, *(len(model["label"]) for model in comparison["models"].values()))
    lines = [" " * width + "".join(f"{metric.title:>{_width(metric)}}" for metric in names.MAIN)]
    for model in comparison["models"].values():
        values = ((metric, names.value(model["metrics"], metric.key)) for metric in names.MAIN)
        cells = (f"{value:>{_width(metric)}.{4 if metric.key == 'loss' else 3}f}" for metric, value in values)
        lines.append(f"{model['label']:<{width}}{''.join(cells)}")
    return lines


def _width(metric: names.Metric) -> int:
    return 2 + max(6, len(metric.title))
