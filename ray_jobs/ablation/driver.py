"""Driver of an ablation: trains each variant of a preset with several seeds, evaluates, reports."""

from __future__ import annotations

import time
from typing import Any

import ray.tune

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.models.registry import REGISTRY
from ray_jobs.ablation.ablation_report import say, write
from ray_jobs.ablation.plan import Ablation, ablation_of, settings_of_trial
from ray_jobs.ablation.progress_callback import AblationCallback
from ray_jobs.ablation.score_trials import TrialScorer
from ray_jobs.ablation.trial_inputs import Inputs
from ray_jobs.cli.console import Console, counted
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import AblateOptions, timestamp
from ray_jobs.cluster import resources
from ray_jobs.inputs.feature_extraction import with_encoder
from ray_jobs.inputs.store_setup import open_store
from ray_jobs.inputs.train_inputs import require_films_enough, require_posters_that_fit
from ray_jobs.runs import resume
from ray_jobs.runs.study_files import ABLATIONS
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.tuning.ray_tuner import run_trials
from ray_jobs.tuning.samplers import RandomSampler
from ray_jobs.tuning.schedulers import RunAll
from ray_jobs.tuning.searcher import TrialSearcher
from ray_jobs.tuning.trial import TrialSpec, run_trial


def ablate(options: AblateOptions) -> str:
    """Train and evaluate every variant of a preset, and return the ablation's folder.

    Raises:
        TrainError, StoreError, ClusterError, SearchSpaceError: with the problem and what to do.
    """
    console, started = Console(), time.monotonic()
    ablation, skipped = ablation_of(options)
    have = resources.connect(console)
    per_worker, max_concurrent = resources.trials_at_once(
        requested=options.max_concurrent,
        workers=1,
        use_gpu=options.use_gpu,
        cpus_per_worker=options.cpus_per_worker,
        have=have,
    )
    store = open_store(options.store, console)
    _check(ablation, store)
    checkpoint = with_encoder(
        Checkpoint(
            kind=ablation.kind,
            genres=store.manifest.genres,
            config=ablation.config,
            recipe=ablation.recipe,
            store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
        )
    )
    folder = SweepFolder(files.absolute(options.runs), options.name or f"ablate-{ablation.kind}-{timestamp()}")
    requested = resume.settings_of(checkpoint) | {
        "preset": options.preset,
        "metric": options.metric,
        "seeds": options.seeds,
        "components": [variant.name for variant in ablation.variants],
    }
    resume.check_resume(folder, requested, what="ablation", resume=options.resume, may_differ=("seeds", "components"))
    trials, rounds = _trials(ablation, folder, options)
    _introduce(ablation, folder, store, trials, skipped, max_concurrent, options, console)

    watch = AblationCallback(
        folder,
        trials,
        requested=len(trials),
        epochs=ablation.recipe.epochs,
        is_finished=lambda trial: ablation.is_finished(trial, options.metric),
        metric=options.metric,
        scheduler=RunAll(),
        console=console,
        names={trial.number: _name(ablation, trial) for trial in trials},
        epochs_of={trial.number: ablation.of(trial.settings)[0].epochs for trial in trials},
    )
    inputs = Inputs(checkpoint, folder.path, store, options, per_worker, console)
    evaluate = TrialScorer(folder, store, options, console)
    if not files.exists(files.join(folder.path, ABLATIONS.file)):
        # Before training: a search for models below --runs must see that these trials are variants.
        write(folder, ablation, trials, {}, options, checkpoint)
    report: dict[str, Any] = {}
    for numbers in rounds:  # one per seed
        going_on = [trial for trial in watch.trials.values() if trial.number in numbers and not trial.ended]
        minutes = None if options.time_budget is None else options.time_budget - (time.monotonic() - started) / 60
        if going_on and (minutes is None or minutes > 0):
            _run(
                ablation,
                going_on,
                inputs,
                watch,
                options,
                per_worker=per_worker,
                max_concurrent=max_concurrent,
                minutes=minutes,
            )
        # From the folder: an interrupted trial may have one epoch more than was reported to this process.
        now = folder.earlier(lambda trial: ablation.is_finished(trial, options.metric))
        eval_set = evaluate.eval_set(now, lambda trial: ablation.of(trial.settings)[1], checkpoint)
        report = write(folder, ablation, now, eval_set, options, checkpoint)
        if any(not trial.ended for trial in now if trial.number in numbers):
            break
    say(report, console)
    return folder.path


# -- preparation ------------------------------------------------------------------------------------------------------


def _check(ablation: Ablation, store: Store) -> None:
    """Raise TrainError for what would fail only later, in some of the trials."""
    require_films_enough(store, 1)
    if not store.manifest.films["test"]:
        raise TrainError(f"{store.path} has no test films to evaluate on")
    for variant in ablation.variants:
        try:
            require_posters_that_fit(REGISTRY[ablation.kind], ablation.of(variant.settings)[1], store)
        except TrainError as error:
            raise TrainError(f"{variant.name}: {error} (here: --set 'height: …' 'width: …')") from error


def _trials(
    ablation: Ablation, folder: SweepFolder, options: AblateOptions
) -> tuple[list[Trial], list[frozenset[int]]]:
    """Return all trials, existing and new, and the trial numbers of each seed.

    A trial is identified by its settings, so that more seeds or other components reuse earlier trainings.
    """
    trials = folder.earlier(lambda trial: ablation.is_finished(trial, options.metric))
    rounds = []
    for place in range(options.seeds):
        numbers = set()
        for variant in ablation.variants:
            settings = settings_of_trial(variant, ablation.recipe.seed + place)
            trial = next((candidate for candidate in trials if candidate.settings == settings), None)
            if trial is None:
                trial = Trial(max((candidate.number for candidate in trials), default=0) + 1, settings)
                folder.write_trial(trial)
                trials.append(trial)
            numbers.add(trial.number)
        rounds.append(frozenset(numbers))
    wanted = frozenset().union(*rounds)
    return [trial for trial in trials if trial.number in wanted], rounds


def _name(ablation: Ablation, trial: Trial) -> str:
    """Return a trial's display name."""
    seed = trial.settings["seed"]
    variant = next(candidate for candidate in ablation.variants if settings_of_trial(candidate, seed) == trial.settings)
    return f"{variant.name}, seed {seed}"


def _introduce(
    ablation: Ablation,
    folder: SweepFolder,
    store: Store,
    trials: list[Trial],
    skipped: list[str],
    max_concurrent: int,
    options: AblateOptions,
    console: Console,
) -> None:
    ended = sum(trial.ended for trial in trials)
    console.line(
        f"Taking the {REGISTRY[ablation.kind].label}'s preset {ablation.preset} apart on "
        f"{store.manifest.films['train']:,} films of {store.path}: {counted(len(ablation.variants), 'variant')} with "
        f"{counted(options.seeds, 'seed')} each, {max_concurrent} trainings at a time"
        + (f"; {ended} of {len(trials)} ended earlier" if ended else "")
        + f"\nAblation: {folder.path}"
    )
    for line in skipped:
        console.line(f"Left out: {line}")


# -- training ---------------------------------------------------------------------------------------------------------


def _run(
    ablation: Ablation,
    going_on: list[Trial],
    inputs: Inputs,
    watch: AblationCallback,
    options: AblateOptions,
    *,
    per_worker: dict[str, float],
    max_concurrent: int,
    minutes: float | None,
) -> None:
    """Train all trials of one seed that have not ended, each to its end."""
    of = {trial.number: ablation.of(trial.settings) for trial in going_on}
    jobs, job_of = inputs.jobs(of)
    run_trials(
        ray.tune.with_parameters(run_variant, jobs=jobs, job_of=job_of),
        TrialSearcher(RandomSampler({}, 0), start={}, going_on=going_on, ended=[], metric=options.metric),
        RunAll(),
        watch,
        sweep=watch.folder.path,
        per_worker=per_worker,
        workers=1,
        trials=len(going_on),
        max_concurrent=max_concurrent,
        minutes=minutes,
    )


def run_variant(config: dict[str, Any], *, jobs: dict[str, TrialSpec], job_of: dict[int, str]) -> None:
    """Train one trial on its variant's inputs; Ray Tune calls it in the trial's process."""
    run_trial(config, sweep=jobs[job_of[config["number"]]])
