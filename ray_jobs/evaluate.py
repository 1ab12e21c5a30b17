"""Evaluation of the best checkpoints on unseen films, compared with their ensemble and two baselines.

    python ray_jobs/evaluate.py --store DIR --runs DIR --report DIR
    python ray_jobs/evaluate.py --store DIR --cnn CHECKPOINT --lstm CHECKPOINT --films FOLDER
    python ray_jobs/evaluate.py --store DIR --cnn RUN1 RUN2 RUN3 --calibrate

Writes comparison.html (the page to read), comparison.md and comparison.json into REPORT, and into REPORT/models the
ensemble and TF-IDF, which predict.py takes as models. Takes a minute on 2 cores for a thousand films.
"""

from __future__ import annotations

import importlib.util

if None in map(importlib.util.find_spec, ("ray_jobs", "ray")):
    importlib.import_module("cli.environment")  # ends with the command that activates the environment

from dataclasses import asdict, dataclass
from typing import Literal

from datasets.raw.columns import Choices
from datasets.raw.films_folder import ReadOptions
from datasets.raw.genres import GenreOptions, read_renames
from genre_models.models.registry import REGISTRY
from ray_jobs.cli.console import Console
from ray_jobs.cli.options import Placement, StoreAndRuns, at_home
from ray_jobs.cli.runner import run_job
from ray_jobs.cluster import resources
from ray_jobs.evaluation.baselines import score_baselines
from ray_jobs.evaluation.candidates import find_checkpoints, require_no_leakage
from ray_jobs.evaluation.comparison_report import report, track_comparison
from ray_jobs.evaluation.ensemble import build_ensemble, calibrated, require_validation_films, why_no_ensemble
from ray_jobs.evaluation.eval_films import open_eval_set
from ray_jobs.evaluation.find_sweeps import find_sweeps
from ray_jobs.evaluation.model_folders import EvaluatedParts, write_models
from ray_jobs.evaluation.reference_runs import compare_reference_runs
from ray_jobs.evaluation.scoring import Evaluation, average_runs, score
from ray_jobs.inputs.store_setup import films_for, open_store
from ray_jobs.runs.find_ablations import find_ablations
from ray_jobs.runs.trackers import tracking_of


@dataclass(frozen=True)
class Options(Placement, StoreAndRuns):
    """Options of an evaluation of the best models trained on the store.

    The store's test films are evaluated, its training films fit the baselines, its validation films the ensemble.
    """

    report: str = at_home("report")
    """Folder to write the comparison to."""
    cnn: tuple[str, ...] = ()
    """Poster CNN to evaluate instead of the best one below --runs: a checkpoint, or a run's folder for its best one. If
    several are given, such as one training with several seeds, the mean of their probabilities is evaluated."""
    lstm: tuple[str, ...] = ()
    """Overview LSTM to evaluate instead of the best one below --runs, as --cnn."""
    fusion: tuple[str, ...] = ()
    """Joint model of poster and overview to evaluate instead of the best one below --runs, as --cnn."""
    reference: tuple[str, ...] = ()
    """Further checkpoints, runs, or folders of runs (the best of each kind) with other settings, such as the
    coursework's. Each is evaluated too, and compared with the evaluated model of its kind."""
    ensemble: bool = True
    """Also evaluate an ensemble of all trained models (late fusion, fitted on the validation films; no retraining)."""
    ensemble_with_tfidf: bool = True
    """Include the TF-IDF baseline in the ensemble if cross-validation on the validation films shows that it helps."""
    calibrate: bool = False
    """Calibrate each model's probabilities on the validation films (Platt scaling) before evaluating."""
    films: str = ""
    """Evaluate on these labelled films (folder, table or archive, as for prepare_data.py) instead of the store's test
    films."""
    id_column: str = ""
    """Column of the ids of --films; by default as for prepare_data.py."""
    overview_column: str = ""
    """Column of the overviews of --films; by default as for prepare_data.py."""
    genre_column: str = ""
    """Column of the genres of --films; by default as for prepare_data.py."""
    poster_column: str = ""
    """Column of the posters of --films; by default as for prepare_data.py."""
    rename_genres: str = ""
    """File of new names for the genres of --films, as for prepare_data.py."""
    explain: int = 0
    """Films to explain on the page: one of each genre, then the examples, then the most surprising ones. By each model,
    the regions of the poster and the words that speak for a genre; takes a few seconds a model."""
    resamples: int = 1000
    """Bootstrap resamples for each confidence interval."""
    seed: int = 0
    """Seed of the resamples and of the ensemble's cross-validation."""
    track: Literal["none", "mlflow", "wandb"] = "none"
    """Tracker of the comparison: options, metrics of each model, the page and the ensemble; as of the jobs that
    train."""

    def __post_init__(self) -> None:
        self.require_one_gpu()

    @property
    def reading(self) -> ReadOptions:
        """Return the options of reading --films. Raises FilmsError where --rename-genres cannot be used."""
        columns = Choices(self.id_column, self.overview_column, self.genre_column, self.poster_column)
        return ReadOptions(
            columns, GenreOptions(renames=read_renames(self.rename_genres) if self.rename_genres else {})
        )


def main(options: Options) -> None:
    """Score the films with models, ensemble and baselines, evaluate, and write the report."""
    console = Console()
    tracking = tracking_of(options.track, options.runs)  # an error before any work
    resources.connect(console)
    store = open_store(options.store, console)
    given = {kind: getattr(options, kind, ()) for kind in REGISTRY}
    checkpoints = find_checkpoints(store, options.runs, given, console, metric=options.metric)
    store = films_for([REGISTRY[kind] for kind in checkpoints], store)
    several = any(len(runs) > 1 for runs in checkpoints.values())
    if not options.films or options.calibrate or several:
        require_no_leakage(checkpoints, store)
    if options.calibrate:
        require_validation_films(store)
    no_ensemble = why_no_ensemble(checkpoints, store) if options.ensemble else "--no-ensemble"
    if no_ensemble and options.ensemble:
        console.line(f"No ensemble: {no_ensemble}")
    validate = not no_ensemble or options.calibrate or several
    with open_eval_set(store, options.films, options.report, console, options.reading) as eval_set:
        evaluation = Evaluation(
            store, eval_set, console, options.gpus, options.resamples, options.seed, options.explain
        )
        scored = {
            kind: [score(run, evaluation, validate=validate) for run in runs] for kind, runs in checkpoints.items()
        }
        models = [average_runs(runs, evaluation) for runs in scored.values()]
        baselines, tfidf = score_baselines(store, eval_set, console)
        if not no_ensemble:
            optional = [baseline for baseline in baselines if baseline.key == "tfidf" and options.ensemble_with_tfidf]
            models.append(build_ensemble(models, optional, store, console, seed=options.seed))
        evaluated = [*models, *baselines]
        parts = EvaluatedParts(store, scored, {model.key: model for model in evaluated}, tfidf)
        if options.calibrate:
            evaluated = [calibrated(model, store) for model in evaluated]
        report(
            evaluation,
            evaluated,
            options.report,
            tfidf=tfidf,
            sweeps=find_sweeps(scored, options.runs, evaluation),
            reference_runs=compare_reference_runs(options.reference, models, evaluation, metric=options.metric),
            ablations=find_ablations(store, options.runs),
        )
        write_models(parts, evaluated, options.report, options.runs, console)
        if why := track_comparison(tracking, options.report, store, asdict(options)):
            console.line(why)


if __name__ == "__main__":
    run_job(main, Options)
