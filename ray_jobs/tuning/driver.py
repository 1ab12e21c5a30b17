"""The driver of a hyperparameter sweep under Ray Tune."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import ray.tune

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.models import input_spec, search_space
from genre_models.models.registry import REGISTRY
from genre_models.models.search_space import SearchSpace
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console, counted
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TuneOptions, timestamp
from ray_jobs.cluster import resources
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.store_setup import open_store
from ray_jobs.inputs.train_inputs import (
    TRAINING_SPLITS,
    films_of,
    materialize_shards,
    require_films_enough,
    require_posters_that_fit,
    shares_of,
    vocabulary_of,
    word_vectors_of,
)
from ray_jobs.runs.resume import check_resume, settings_of
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.tuning.progress_callback import SweepCallback
from ray_jobs.tuning.ray_tuner import run_trials
from ray_jobs.tuning.samplers import OptunaSampler, RandomSampler, Sampler
from ray_jobs.tuning.schedulers import ResumableASHA, RunAll
from ray_jobs.tuning.searcher import TrialSearcher
from ray_jobs.tuning.sweep_report import finish
from ray_jobs.tuning.trial import TrialSpec, run_trial

# Settings without effect in a model with a pretrained backbone, and in one whose backbone is frozen.
_PRETRAINED_WITHOUT = ("vocabulary_size",)
_FROZEN_WITHOUT = (*_PRETRAINED_WITHOUT, "augmentation")


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The starting point of a sweep and its search space."""

    kind: str
    config: Any
    recipe: Recipe
    space: SearchSpace

    @property
    def start(self) -> dict[str, Any]:
        """Return the starting point's values of the searched settings."""
        return search_space.values_of(self.space, self.recipe, self.config)


def tune(kind: str, config: Any, recipe: Recipe, options: TuneOptions) -> str:
    """Search the settings of one kind of model and return the best checkpoint's path.

    Raises:
        TrainError, StoreError, ClusterError, SearchSpaceError: the message names the problem and its remedy.
    """
    console = Console()
    sweep = _sweep(kind, config, recipe, options)
    sampler = _sampler(sweep, options)
    have = resources.connect(console, dashboard=options.workers_per_trial > 1)
    per_worker, max_concurrent = resources.trials_at_once(
        requested=options.max_concurrent,
        workers=options.workers_per_trial,
        use_gpu=options.use_gpu,
        cpus_per_worker=options.cpus_per_worker,
        have=have,
    )
    store = open_store(options.store, console)
    _check(sweep, options, store)
    base, encoded = _start(sweep, store)
    folder = SweepFolder(files.absolute(options.runs), options.name or f"tune-{kind}-{timestamp()}")
    check_resume(folder, _asked(sweep, base, options), what="sweep", resume=options.resume, may_differ=("trials",))

    def is_finished(trial: Trial) -> bool:
        """Return whether a trial reached its last epoch or ran out of patience."""
        own = search_space.split(trial.settings, sweep.recipe, sweep.config)[0]
        return own.is_finished(trial.history, options.metric)

    trials = folder.earlier(is_finished)
    ended, going_on = [t for t in trials if t.ended], [t for t in trials if not t.ended]
    console.line(
        f"Searching {len(sweep.space)} settings of the {base.model_spec.label} on "
        f"{store.manifest.films['train']:,} films of {store.path}: {options.trials} trials of at most "
        f"{counted(recipe.epochs, 'epoch')}, {max_concurrent} at a time"
        + (f"; {len(ended)} ended earlier, {len(going_on)} go on" if trials else "")
        + f"\nSweep: {folder.path}"
    )
    base = with_features(base, store, TRAINING_SPLITS, console, use_gpu=options.use_gpu)
    encoded = dataclasses.replace(encoded, inputs=base.inputs)
    scheduler = _scheduler(options, trials, recipe.epochs)
    callback = SweepCallback(
        folder,
        trials,
        requested=max(options.trials, len(trials)),
        epochs=recipe.epochs,
        is_finished=is_finished,
        metric=options.metric,
        scheduler=scheduler,
        console=console,
        workers_of_train=options.workers_per_trial > 1,
    )
    started = time.monotonic()
    remaining = max(len(going_on), options.trials - len(ended))
    if remaining:
        console.status("reading the films")
        job = _job(base, encoded, folder, store, options, per_worker)
        searcher = TrialSearcher(sampler, start=sweep.start, going_on=going_on, ended=ended, metric=options.metric)
        run_trials(
            ray.tune.with_parameters(run_trial, sweep=job),
            searcher,
            scheduler,
            callback,
            sweep=folder.path,
            per_worker=per_worker,
            workers=options.workers_per_trial,
            trials=remaining,
            max_concurrent=max_concurrent,
            minutes=options.time_budget,
        )
    return finish(
        folder,
        base,
        # From the folder: an interrupted trial may have written an epoch that it had not reported.
        folder.earlier(is_finished),
        space=sweep.space,
        start=sweep.start,
        options=options,
        seconds=time.monotonic() - started,
        console=console,
    )


# -- setup ------------------------------------------------------------------------------------------------------------


def _sweep(kind: str, config: Any, recipe: Recipe, options: TuneOptions) -> Sweep:
    """Return the sweep: the model's search space with the overrides of --space and --vary."""
    space = dict(REGISTRY[kind].search_space)
    inputs = REGISTRY[kind].inputs(config)
    if inputs.pretrained:
        without = _FROZEN_WITHOUT if inputs.frozen else _PRETRAINED_WITHOUT
        space = {name: setting for name, setting in space.items() if name not in without}
    overrides = []
    if options.space:
        try:
            overrides.append((options.space, files.read_text(options.space)))
        except (OSError, ValueError) as error:
            raise TrainError(f"--space {options.space} cannot be read: {error}") from error
    overrides += [("--vary", override) for override in options.vary]
    for where, text in overrides:
        space, fixed = search_space.overridden(space, text, known=(recipe, config), where=where)
        recipe, config = search_space.split(fixed, recipe, config)
    own = REGISTRY[kind].search_space
    for name in _not_searched(kind, config):
        if name in own and space.get(name) is own[name]:  # in the model's space by default, not by an override
            del space[name]
    return Sweep(kind, config, recipe, space)


def _not_searched(kind: str, config: Any) -> dict[str, str]:
    """Return the settings that no sweep of this model can vary, each with the reason."""
    cut = "the films are cut into words once, for all trials"
    why = {
        "epochs": "trials are compared by epochs. Give --epochs one value",
        **dict.fromkeys(("height", "width"), "the store holds posters of one size"),
        **dict.fromkeys(input_spec.ENCODER_OPTIONS, "the films are encoded once, for all trials"),
        **dict.fromkeys(("tokenizer", "min_count"), cut),
    }
    if getattr(config, "tokenizer", "") == "subwords":
        why["vocabulary_size"] = f"fewer pieces of words cut them otherwise, and {cut}"
    if any(one.by_length for one in REGISTRY[kind].inputs(config).fine_tuned):
        why["max_tokens"] = f"the encoder's mark at an overview's end would be cut off, and {cut}"
    return why


def _start(sweep: Sweep, store: Store) -> tuple[Checkpoint, Checkpoint]:
    """Return the starting point, and a copy with the trials' largest vocabulary and length.

    The films are tokenized once, for the copy; trials truncate the ids to their own limits (`truncate_tokens`). Both
    have the copy's vocabulary, of which a trial's own is a prefix.
    """
    base = Checkpoint(
        kind=sweep.kind,
        genres=store.manifest.genres,
        config=sweep.config,
        recipe=sweep.recipe,
        store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
    )
    base = with_encoder(base)
    if base.inputs.by_length is None:
        return base, base
    limits = {name: _most(sweep, name) for name in ("vocabulary_size", "max_tokens")}
    largest = dataclasses.replace(sweep.config, **limits)
    vocabulary = vocabulary_of(sweep.kind, largest, store)
    base = dataclasses.replace(base, vocabulary=vocabulary.tokens if vocabulary else ())
    return base, dataclasses.replace(base, config=largest)


def _most(sweep: Sweep, name: str) -> int:
    """Return the largest value that a setting can have in any trial."""
    own = int(getattr(sweep.config, name))
    setting = sweep.space.get(name)
    if setting is None:
        return own
    return max(own, *map(int, setting.values if isinstance(setting, search_space.Choice) else (setting.high,)))


def _check(sweep: Sweep, options: TuneOptions, store: Store) -> None:
    """Reject invalid combinations of options, model and store, which would fail in every trial."""
    require_films_enough(store, options.workers_per_trial)
    require_posters_that_fit(REGISTRY[sweep.kind], sweep.config, store)
    if not sweep.space:
        raise TrainError("no setting is left to search: every one is fixed by --space or --vary")
    for name, why in _not_searched(sweep.kind, sweep.config).items():
        if name in sweep.space:
            raise TrainError(f"{name} cannot be searched: {why}")
    sizes = sweep.space.get("batch_size")
    batches = sizes.values if isinstance(sizes, search_space.Choice) else ()
    for size in {sweep.recipe.batch_size, *batches}:
        if size % options.workers_per_trial:
            raise TrainError(
                f"a batch_size of {size} cannot be shared equally by {options.workers_per_trial} workers: "
                "search sizes that can, such as --vary 'batch_size: [32, 64]'"
            )


def _asked(sweep: Sweep, base: Checkpoint, options: TuneOptions) -> dict[str, Any]:
    """Return the options that a resumed sweep must share with the original."""
    return settings_of(base) | {
        "space": {name: _range(setting) for name, setting in sweep.space.items()},
        "metric": options.metric,
        "scheduler": options.scheduler,
        "search": options.search,
        "trials": options.trials,
    }


def _range(setting: search_space.Setting) -> Any:
    """Return the range of a setting in the short form that messages use."""
    if isinstance(setting, search_space.Choice):
        return list(setting.describe()["values"])
    scale = " (log)" if setting.log else f" in steps of {setting.step:g}" if setting.step else ""
    return f"{setting.low:g} to {setting.high:g}{scale}"


# -- the sweep --------------------------------------------------------------------------------------------------------


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


def _job(
    base: Checkpoint,
    encoded: Checkpoint,
    folder: SweepFolder,
    store: Store,
    options: TuneOptions,
    per_worker: dict[str, float],
) -> TrialSpec:
    """Decode and tokenize the films once, into the object store, for all trials."""
    shares = shares_of(store, options.workers_per_trial)
    films: dict[str, Any] = {}
    for split, share in shares.items():
        if options.workers_per_trial > 1:
            films |= materialize_shards(films_of(encoded, store, split), share, split)
        else:
            films[split] = films_of(encoded, store, split).to_numpy_refs()
    return TrialSpec(
        checkpoint=base,
        sweep=folder.path,
        films=films,
        shares=shares,
        workers=options.workers_per_trial,
        per_worker=per_worker,
        shuffle_buffer=options.shuffle_buffer,
        use_gpu=options.use_gpu,
        metric=options.metric,
        genre_films=store.manifest.films_of_genres("train"),
        word_vectors=word_vectors_of(encoded, store),
    )
