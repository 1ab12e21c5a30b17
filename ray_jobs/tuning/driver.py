"""The driver of a hyperparameter sweep under Ray Tune."""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import Any

import ray.tune

from genre_models.checkpoint import Checkpoint
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console, counted
from ray_jobs.cli.options import TuneOptions, WorkerRange
from ray_jobs.inputs.batch_sizes import report_cut_batches, searched_sizes
from ray_jobs.inputs.train_inputs import films_of, materialize_shards, shares_of, word_vectors_of
from ray_jobs.runs.lease import lease
from ray_jobs.runs.resume import check_resume
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.training.job_setup import JobSetup
from ray_jobs.tuning.plan import Sweep, check_space, sweep_of
from ray_jobs.tuning.progress_callback import SweepCallback
from ray_jobs.tuning.ray_tuner import Stop, held_stop, run_trials
from ray_jobs.tuning.samplers import OptunaSampler, RandomSampler, Sampler
from ray_jobs.tuning.schedulers import ResumableASHA, RunAll
from ray_jobs.tuning.searcher import TrialSearcher
from ray_jobs.tuning.sweep_report import finish
from ray_jobs.tuning.trial import TrialSpec, run_trial


def tune(kind: str, config: Any, recipe: Recipe, options: TuneOptions) -> str:
    """Search the settings of one kind of model and return the best checkpoint's path.

    Raises:
        TrainError, StoreError, ClusterError, SearchSpaceError: the message names the problem and its remedy.
    """
    console = Console()
    sweep = sweep_of(kind, config, recipe, options)
    sampler = _sampler(sweep, options)
    setup = JobSetup.start(
        kind,
        options,
        console,
        workers=WorkerRange.parse(options.workers_per_trial),
        max_concurrent=options.max_concurrent,
    )
    setup.require_inputs_that_fit(kind, sweep.config)
    check_space(sweep, options.workers_per_trial * options.devices)
    start, encoded = _start(sweep, setup)
    folder = setup.folder(SweepFolder, f"tune-{kind}")
    with lease(folder.path):
        check_resume(folder, sweep.requested(start, options), options, may_differ=("trials",))
        with setup.launched(folder, sweep.recipe):
            return _tune(sweep, sampler, setup, start, encoded, folder)


def _tune(
    sweep: Sweep, sampler: Sampler, setup: JobSetup, start: Checkpoint, encoded: Checkpoint, folder: SweepFolder
) -> str:
    """Run the trials in a folder that this job holds; return the best checkpoint's path."""
    options, console = setup.options, setup.console
    assert isinstance(options, TuneOptions)
    is_finished = functools.partial(sweep.is_finished, metric=options.metric)
    trials = folder.earlier(is_finished)
    ended, unfinished = [t for t in trials if t.ended], [t for t in trials if not t.ended]
    epochs = sweep.recipe.epochs
    console.line(
        f"Searching {len(sweep.space)} settings of the {start.model_spec.label} on "
        f"{setup.store.manifest.films['train']:,} films of {setup.store.path}: {options.trials} trials of at most "
        f"{counted(epochs, 'epoch')}, {setup.max_concurrent} at a time"
        + (f"; {len(ended)} ended earlier, {len(unfinished)} go on" if trials else "")
        + f"\nSweep: {folder.path}"
    )
    sizes = searched_sizes(sweep.recipe, sweep.space.get("batch_size"))
    devices = setup.workers * options.devices
    report_cut_batches(sizes, setup.store.manifest.films["train"], devices, console, of=" in these trials")
    start = setup.with_features(start)
    encoded = dataclasses.replace(encoded, inputs=start.inputs)
    scheduler = _scheduler(options, trials, epochs)
    callback = SweepCallback(
        folder,
        trials,
        requested=max(options.trials, len(trials)),
        epochs=epochs,
        is_finished=is_finished,
        metric=options.metric,
        scheduler=scheduler,
        console=console,
        workers_of_train=options.workers_per_trial > 1,
    )
    started = time.monotonic()
    remaining = max(len(unfinished), options.trials - len(ended))
    if remaining:
        console.status("reading the films")
        spec = _trial_spec(start, encoded, folder, setup)
        searcher = TrialSearcher(sampler, start=sweep.start, unfinished=unfinished, ended=ended, metric=options.metric)
        with held_stop() as stop:
            run_trials(
                ray.tune.with_parameters(run_trial, spec=spec),
                searcher,
                scheduler,
                callback,
                setup,
                folder=folder.path,
                trials=remaining,
                minutes=options.time_budget,
            )
    else:
        stop = Stop()
    with stop.raised_after():
        # From the folder: an interrupted trial may have written an epoch that it had not reported.
        trials = folder.earlier(is_finished)
        return finish(folder, sweep, start, trials, options, console, seconds=time.monotonic() - started)


def _start(sweep: Sweep, setup: JobSetup) -> tuple[Checkpoint, Checkpoint]:
    """Return the starting point, and a copy with the trials' largest vocabulary and length.

    The films are tokenized once, for the copy; trials truncate the ids to their own limits (`truncate_tokens`). Both
    have the copy's vocabulary, of which a trial's own is a prefix.
    """
    start = setup.checkpoint(sweep.kind, sweep.config, sweep.recipe)
    if start.inputs.by_length is None:
        return start, start
    limits = {name: sweep.most(name) for name in ("vocabulary_size", "max_tokens")}
    encoded = setup.with_vocabulary(dataclasses.replace(start, config=dataclasses.replace(sweep.config, **limits)))
    return dataclasses.replace(start, vocabulary=encoded.vocabulary), encoded


def _sampler(sweep: Sweep, options: TuneOptions) -> Sampler:
    if options.search == "optuna":
        return OptunaSampler(sweep.space, sweep.recipe.seed, options.metric)
    return RandomSampler(sweep.space, sweep.recipe.seed)


def _scheduler(options: TuneOptions, trials: list[Trial], epochs: int) -> ResumableASHA | RunAll:
    """Return the scheduler, with the trials of earlier launches replayed."""
    if options.scheduler == "none":
        return RunAll()
    scheduler = ResumableASHA(
        epochs=epochs,
        grace_epochs=options.grace_epochs or max(1, epochs // 20),
        reduction_factor=options.reduction_factor,
        metric=options.metric,
    )
    for trial in trials:
        scheduler.replay(trial.number, trial.best_so_far(options.metric), ended=trial.ended)
    return scheduler


def _trial_spec(start: Checkpoint, encoded: Checkpoint, folder: SweepFolder, setup: JobSetup) -> TrialSpec:
    """Decode and tokenize the films once, into the object store, for all trials."""
    shares = shares_of(setup.store, setup.workers)
    films: dict[str, Any] = {}
    for split, share in shares.items():
        if setup.workers > 1:
            films |= materialize_shards(films_of(encoded, setup.store, split), share, split)
        else:
            films[split] = films_of(encoded, setup.store, split).to_numpy_refs()
    vectors = word_vectors_of(encoded, setup.store)
    spec = setup.train_spec(start, folder.path, shares, word_vectors=vectors)
    return TrialSpec(spec, films, setup.workers, setup.per_worker)
