"""Driver of an ablation: trains each variant of a preset with several seeds, evaluates, reports."""

from __future__ import annotations

import functools
import time
from typing import Any

import ray.tune

from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.models.registry import REGISTRY
from ray_jobs.ablation.ablation_report import print_result, write
from ray_jobs.ablation.plan import Ablation, ablation_of, settings_of_trial
from ray_jobs.ablation.progress_callback import AblationCallback
from ray_jobs.ablation.score_trials import TrialScorer
from ray_jobs.ablation.trial_inputs import Inputs
from ray_jobs.cli.console import Console, counted
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import AblateOptions, WorkerRange
from ray_jobs.inputs.batch_sizes import report_cut_batches
from ray_jobs.inputs.train_inputs import require_films_enough, require_posters_that_fit
from ray_jobs.runs.lease import lease
from ray_jobs.runs.resume import check_resume, settings_of
from ray_jobs.runs.study_files import ABLATIONS
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.runs.trackers import options_of, track_study, tracking_of
from ray_jobs.training.job_setup import JobSetup
from ray_jobs.tuning.ray_tuner import Stop, held_stop, run_trials
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
    setup = JobSetup.start(
        ablation.kind, options, console, workers=WorkerRange(1, 1), max_concurrent=options.max_concurrent
    )
    _check(ablation, setup)
    checkpoint = setup.checkpoint(ablation.kind, ablation.config, ablation.recipe)
    folder = setup.folder(SweepFolder, f"ablate-{ablation.kind}")
    requested = settings_of(checkpoint) | {
        "preset": options.preset,
        "metric": options.metric,
        "seeds": options.seeds,
        "components": [variant.name for variant in ablation.variants],
    }
    with lease(folder.path):
        check_resume(folder, requested, options, may_differ=("seeds", "components"))
        with setup.launched(folder, ablation.recipe):
            return _ablate(ablation, skipped, setup, checkpoint, folder, started)


def _ablate(
    ablation: Ablation, skipped: list[str], setup: JobSetup, checkpoint: Checkpoint, folder: SweepFolder, started: float
) -> str:
    """Run the trials in a folder that this job holds; return the folder."""
    options, console = setup.options, setup.console
    assert isinstance(options, AblateOptions)
    trials, rounds = _trials(ablation, folder, options)
    _introduce(ablation, folder, setup, trials, skipped)

    is_finished = functools.partial(ablation.is_finished, metric=options.metric)
    callback = AblationCallback(
        folder,
        trials,
        requested=len(trials),
        epochs=ablation.recipe.epochs,
        is_finished=is_finished,
        metric=options.metric,
        scheduler=RunAll(),
        console=console,
        names={trial.number: _name(ablation, trial) for trial in trials},
        epochs_of={trial.number: ablation.of(trial.settings)[0].epochs for trial in trials},
    )
    inputs = Inputs(setup, checkpoint, folder.path)
    scorer = TrialScorer(setup, folder, options.resamples)
    if not files.exists(files.join(folder.path, ABLATIONS.file)):
        # Before training: a search for models below --runs must see that these trials are variants.
        write(folder, ablation, trials, {}, options, checkpoint)
    report: dict[str, Any] = {}
    stop = Stop()
    for numbers in rounds:  # one per seed
        unfinished = [trial for trial in callback.trials.values() if trial.number in numbers and not trial.ended]
        minutes = None if options.time_budget is None else options.time_budget - (time.monotonic() - started) / 60
        if unfinished and (minutes is None or minutes > 0):
            specs, key_of = inputs.specs({trial.number: ablation.of(trial.settings) for trial in unfinished})
            searcher = TrialSearcher(
                RandomSampler({}, 0), start={}, unfinished=unfinished, ended=[], metric=options.metric
            )
            with held_stop() as stop:
                run_trials(
                    ray.tune.with_parameters(run_variant, specs=specs, key_of=key_of),
                    searcher,
                    RunAll(),
                    callback,
                    setup,
                    folder=folder.path,
                    trials=len(unfinished),
                    minutes=minutes,
                )
        # From the folder: an interrupted trial may have one epoch more than was reported to this process.
        now = folder.earlier(is_finished)
        scores = scorer.scores(now, lambda trial: ablation.of(trial.settings)[1], checkpoint)
        report = write(folder, ablation, now, scores, options, checkpoint)
        if stop.error or any(not trial.ended for trial in now if trial.number in numbers):
            break
    with stop.raised_after():
        print_result(report, console)
        asked = {"preset": options.preset, "metric": options.metric, "seeds": options.seeds}
        if why := track_study(
            tracking_of(options.track, options.runs),
            folder.path,
            {**options_of(checkpoint), **{f"ablation.{name}": value for name, value in asked.items()}},
            [(0, {"trainings": len(trials)})],
            page=("ablation.html", ABLATIONS.file),
        ):
            console.line(why)
    return folder.path


def run_variant(config: dict[str, Any], *, specs: dict[str, TrialSpec], key_of: dict[int, str]) -> None:
    """Train one trial on its variant's inputs; Ray Tune calls it in the trial's process."""
    run_trial(config, spec=specs[key_of[config["number"]]])


def _check(ablation: Ablation, setup: JobSetup) -> None:
    """Raise TrainError for what would fail only later, in some of the trials."""
    require_films_enough(setup.store, 1)
    if not setup.store.manifest.films["test"]:
        raise TrainError(f"{setup.store.path} has no test films to evaluate on")
    for variant in ablation.variants:
        try:
            require_posters_that_fit(REGISTRY[ablation.kind], ablation.of(variant.settings)[1], setup.store)
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
    for offset in range(options.seeds):
        numbers = set()
        for variant in ablation.variants:
            settings = settings_of_trial(variant, ablation.recipe.seed + offset)
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
    ablation: Ablation, folder: SweepFolder, setup: JobSetup, trials: list[Trial], skipped: list[str]
) -> None:
    """Print what is trained on what, and the components that are left out."""
    ended = sum(trial.ended for trial in trials)
    seeds = len({trial.settings["seed"] for trial in trials})
    setup.console.line(
        f"Taking the {REGISTRY[ablation.kind].label}'s preset {ablation.preset} apart on "
        f"{setup.store.manifest.films['train']:,} films of {setup.store.path}: "
        f"{counted(len(ablation.variants), 'variant')} with {counted(seeds, 'seed')} each, "
        f"{setup.max_concurrent} trainings at a time"
        + (f"; {ended} of {len(trials)} ended earlier" if ended else "")
        + f"\nAblation: {folder.path}"
    )
    sizes = [ablation.of(trial.settings)[0].batch_size for trial in trials]
    report_cut_batches(
        sizes, setup.store.manifest.films["train"], setup.options.devices, setup.console, of=" in these trials"
    )
    for line in skipped:
        setup.console.line(f"Left out: {line}")
