"""The driver of an ablation: a preset taken apart, each variant trained with several seeds and judged; tables out."""

from __future__ import annotations

import time
from typing import Any

import ray.tune

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.models.registry import KINDS
from ray_jobs.ablation.ablation_report import say, write
from ray_jobs.ablation.plan import Ablation, ablation_of, settings_of_trial
from ray_jobs.ablation.progress_callback import AblationWatch
from ray_jobs.ablation.score_trials import Judge
from ray_jobs.ablation.trial_inputs import Inputs
from ray_jobs.cli.console import Screen, counted
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
from ray_jobs.tuning.schedulers import NoHalving
from ray_jobs.tuning.searcher import Plan
from ray_jobs.tuning.trial import SweepJob, run_trial


def ablate(options: AblateOptions) -> str:
    """Train and judge every variant of a preset, and return the folder with what was found.

    Raises:
        TrainError, StoreError, ClusterError, SearchSpaceError: with what was found and what to do.
    """
    screen, started = Screen(), time.monotonic()
    ablation, left_out = ablation_of(options)
    have = resources.connect(screen)
    per_worker, at_once = resources.trials_at_once(
        asked=options.max_concurrent,
        workers=1,
        use_gpu=options.use_gpu,
        cpus_per_worker=options.cpus_per_worker,
        have=have,
    )
    store = open_store(options.store, screen)
    _check(ablation, store)
    about = with_encoder(
        Checkpoint(
            kind=ablation.kind,
            genres=store.manifest.genres,
            config=ablation.config,
            recipe=ablation.recipe,
            store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
        )
    )
    folder = SweepFolder(files.absolute(options.runs), options.name or f"ablate-{ablation.kind}-{timestamp()}")
    asked = resume.settings_of(about) | {
        "preset": options.preset,
        "metric": options.metric,
        "seeds": options.seeds,
        "cures": [variant.name for variant in ablation.variants],
    }
    resume.claim(folder, asked, what="ablation", resume=options.resume, may_change=("seeds", "cures"))
    trials, rounds = _trials(ablation, folder, options)
    _introduce(ablation, folder, store, trials, left_out, at_once, options, screen)

    watch = AblationWatch(
        folder,
        trials,
        asked=len(trials),
        epochs=ablation.recipe.epochs,
        is_over=lambda trial: ablation.is_over(trial, options.metric),
        metric=options.metric,
        scheduler=NoHalving(),
        screen=screen,
        names={trial.number: _name(ablation, trial) for trial in trials},
        epochs_of={trial.number: ablation.of(trial.settings)[0].epochs for trial in trials},
    )
    inputs = Inputs(about, folder.path, store, options, per_worker, screen)
    judge = Judge(folder, store, options, screen)
    if not files.exists(files.join(folder.path, ABLATIONS.file)):
        # From the start: who looks for models below --runs must know that these are variants of one.
        write(folder, ablation, trials, {}, options, about)
    told: dict[str, Any] = {}
    for numbers in rounds:  # a seed each
        going_on = [trial for trial in watch.trials.values() if trial.number in numbers and not trial.ended]
        minutes = None if options.time_budget is None else options.time_budget - (time.monotonic() - started) / 60
        if going_on and (minutes is None or minutes > 0):
            _run(ablation, going_on, inputs, watch, options, per_worker=per_worker, at_once=at_once, minutes=minutes)
        # From the folder: a trial that was cut off may have come an epoch further than this process was told.
        now = folder.earlier(lambda trial: ablation.is_over(trial, options.metric))
        judged = judge.judged(now, lambda trial: ablation.of(trial.settings)[1], about)
        told = write(folder, ablation, now, judged, options, about)
        if any(not trial.ended for trial in now if trial.number in numbers):
            break
    say(told, screen)
    return folder.path


# -- before -----------------------------------------------------------------------------------------------------------


def _check(ablation: Ablation, store: Store) -> None:
    """Refuse what could only fail later, in some of the trials."""
    require_films_enough(store, 1)
    if not store.manifest.films["test"]:
        raise TrainError(f"{store.path} has no test films to judge on")
    for variant in ablation.variants:
        try:
            require_posters_that_fit(KINDS[ablation.kind], ablation.of(variant.settings)[1], store)
        except TrainError as error:
            raise TrainError(f"{variant.name}: {error} (here: --set 'height: …' 'width: …')") from error


def _trials(
    ablation: Ablation, folder: SweepFolder, options: AblateOptions
) -> tuple[list[Trial], list[frozenset[int]]]:
    """Return all trials, those of earlier launches as they stand and new ones waiting, and the numbers of each seed's.

    A trial is known by its settings, so that more seeds or other cures find what was trained before.
    """
    trials = folder.earlier(lambda trial: ablation.is_over(trial, options.metric))
    rounds = []
    for place in range(options.seeds):
        numbers = set()
        for variant in ablation.variants:
            settings = settings_of_trial(variant, ablation.recipe.seed + place)
            trial = next((one for one in trials if one.settings == settings), None)
            if trial is None:
                trial = Trial(max((one.number for one in trials), default=0) + 1, settings)
                folder.write_trial(trial)
                trials.append(trial)
            numbers.add(trial.number)
        rounds.append(frozenset(numbers))
    wanted = frozenset().union(*rounds)
    return [trial for trial in trials if trial.number in wanted], rounds


def _name(ablation: Ablation, trial: Trial) -> str:
    """Return what a trial is, for the screen."""
    seed = trial.settings["seed"]
    variant = next(one for one in ablation.variants if settings_of_trial(one, seed) == trial.settings)
    return f"{variant.name}, seed {seed}"


def _introduce(
    ablation: Ablation,
    folder: SweepFolder,
    store: Store,
    trials: list[Trial],
    left_out: list[str],
    at_once: int,
    options: AblateOptions,
    screen: Screen,
) -> None:
    ended = sum(trial.ended for trial in trials)
    screen.line(
        f"Taking the {KINDS[ablation.kind].label}'s preset {ablation.preset} apart on "
        f"{store.manifest.films['train']:,} films of {store.path}: {counted(len(ablation.variants), 'variant')} with "
        f"{counted(options.seeds, 'seed')} each, {at_once} trainings at a time"
        + (f"; {ended} of {len(trials)} ended earlier" if ended else "")
        + f"\nAblation: {folder.path}"
    )
    for line in left_out:
        screen.line(f"Left out: {line}")


# -- the trainings ----------------------------------------------------------------------------------------------------


def _run(
    ablation: Ablation,
    going_on: list[Trial],
    inputs: Inputs,
    watch: AblationWatch,
    options: AblateOptions,
    *,
    per_worker: dict[str, float],
    at_once: int,
    minutes: float | None,
) -> None:
    """Train what has not ended of one seed, each to its end."""
    of = {trial.number: ablation.of(trial.settings) for trial in going_on}
    jobs, job_of = inputs.jobs(of)
    run_trials(
        ray.tune.with_parameters(run_variant, jobs=jobs, job_of=job_of),
        Plan(RandomSampler({}, 0), start={}, going_on=going_on, ended=[], metric=options.metric),
        NoHalving(),
        watch,
        sweep=watch.folder.path,
        per_worker=per_worker,
        workers=1,
        trials=len(going_on),
        at_once=at_once,
        minutes=minutes,
    )


def run_variant(config: dict[str, Any], *, jobs: dict[str, SweepJob], job_of: dict[int, str]) -> None:
    """Train one trial on the films as its variant is fed them; Ray Tune calls it in the trial's process."""
    run_trial(config, sweep=jobs[job_of[config["number"]]])
