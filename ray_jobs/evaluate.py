"""Judges the best checkpoints on films they never saw, beside two baselines, and writes the comparison.

    python ray_jobs/evaluate.py --store DIR --runs DIR --report DIR
    python ray_jobs/evaluate.py --store DIR --cnn CHECKPOINT --lstm CHECKPOINT --films FOLDER

Writes comparison.html (the page to read), comparison.md and comparison.json into REPORT. Takes half a minute on
2 cores for a thousand films.
"""

from __future__ import annotations

from dataclasses import dataclass

from ray_jobs._shared import cluster
from ray_jobs._shared.entrants import enter_baselines, enter_checkpoint, find_checkpoints, require_unseen
from ray_jobs._shared.films import open_store
from ray_jobs._shared.judged import judged_films
from ray_jobs._shared.options import Metric, at_home, run_job
from ray_jobs._shared.report import report
from ray_jobs._shared.screen import Screen
from ray_jobs._shared.sweeps_found import sweeps_behind


@dataclass(frozen=True)
class Options:
    """Which models are judged on which films."""

    store: str = at_home("store")
    """The film store the models were trained on: its test films are judged, its training films teach the baselines."""
    runs: str = at_home("runs")
    """Folder or URI with training runs; the best checkpoint of each model on this store is judged."""
    report: str = at_home("report")
    """Folder to write the comparison to."""
    metric: Metric = "validation_loss"
    """What makes a checkpoint the best below --runs."""
    cnn: str = ""
    """Checkpoint of the poster CNN to judge instead of the best one below --runs."""
    lstm: str = ""
    """Checkpoint of the overview LSTM to judge instead of the best one below --runs."""
    films: str = ""
    """Judge on this labelled folder of films (laid out as for prepare_data) instead of the store's test films."""
    resamples: int = 1000
    """Bootstrap resamples behind each interval."""
    seed: int = 0
    """Seeds the resamples."""
    use_gpu: bool = False
    """Predict on GPUs."""


def main(options: Options) -> None:
    """Find the models and the films, let models and baselines score them, judge, and write the report."""
    screen = Screen()
    cluster.connect(screen)
    store = open_store(options.store, screen)
    given = {"cnn": options.cnn, "lstm": options.lstm}
    found = find_checkpoints(store, options.runs, given, screen, metric=options.metric)
    if not options.films:
        require_unseen(found, store)
    with judged_films(store, options.films, options.report, screen) as judged:
        entrants = [enter_checkpoint(one, judged, screen, use_gpu=options.use_gpu) for one in found]
        entrants += enter_baselines(store, judged, screen)
        how = {"resamples": options.resamples, "seed": options.seed}
        behind = sweeps_behind(found, entrants, store, judged, options.runs, screen, use_gpu=options.use_gpu, **how)
        report(store, judged, entrants, behind, options.report, screen, **how)


if __name__ == "__main__":
    run_job(main, Options)
