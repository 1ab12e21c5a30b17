"""The driver of a sweep: one store, many settings; the best trial's checkpoint and settings out."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import ray.tune

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.encoders import backbones
from genre_models.encoders.backbones import frozen_backbones, is_fine_tuned, is_pretrained
from genre_models.models import search_space
from genre_models.models.registry import KINDS
from genre_models.models.search_space import SearchSpace
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Screen, counted
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TuneOptions, timestamp
from ray_jobs.cluster import resources
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.store_setup import open_store
from ray_jobs.inputs.train_inputs import (
    TRAINING_SPLITS,
    films_of,
    held_parts,
    require_films_enough,
    require_posters_that_fit,
    shares_of,
    vocabulary_of,
    word_vectors_of,
)
from ray_jobs.runs.resume import claim, settings_of
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.tuning.progress_callback import Watch
from ray_jobs.tuning.ray_tuner import run_trials
from ray_jobs.tuning.samplers import OptunaSampler, RandomSampler, Sampler
from ray_jobs.tuning.schedulers import Halving, NoHalving
from ray_jobs.tuning.searcher import Plan
from ray_jobs.tuning.sweep_report import finish
from ray_jobs.tuning.trial import SweepJob, run_trial

# Settings that have no part in a model with a backbone, and in one whose backbone is frozen.
_PRETRAINED_WITHOUT = ("vocabulary_size",)
_FROZEN_WITHOUT = (*_PRETRAINED_WITHOUT, "augmentation")


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What is searched: the starting point, and the settings that vary."""

    kind: str
    config: Any
    recipe: Recipe
    space: SearchSpace

    @property
    def start(self) -> dict[str, Any]:
        """Return the starting point's values of the settings that vary."""
        return search_space.values_of(self.space, self.recipe, self.config)


def tune(kind: str, config: Any, recipe: Recipe, options: TuneOptions) -> str:
    """Search settings for one kind of model and return the path of the best checkpoint.

    Raises:
        TrainError, StoreError, ClusterError, SearchSpaceError: with what was found and what to do.
    """
    screen = Screen()
    sweep = _sweep(kind, config, recipe, options)
    sampler = _sampler(sweep, options)
    have = resources.connect(screen, dashboard=options.workers_per_trial > 1)
    per_worker, at_once = resources.trials_at_once(
        asked=options.max_concurrent,
        workers=options.workers_per_trial,
        use_gpu=options.use_gpu,
        cpus_per_worker=options.cpus_per_worker,
        have=have,
    )
    store = open_store(options.store, screen)
    _check(sweep, options, store)
    about, encoded = _start(sweep, store)
    folder = SweepFolder(files.absolute(options.runs), options.name or f"tune-{kind}-{timestamp()}")
    claim(folder, _asked(sweep, about, options), what="sweep", resume=options.resume, may_change=("trials",))

    def is_over(trial: Trial) -> bool:
        """Return whether a trial came to its last epoch, or to where its patience ends."""
        own = search_space.split(trial.settings, sweep.recipe, sweep.config)[0]
        return own.is_over(trial.history, options.metric)

    trials = folder.earlier(is_over)
    ended, going_on = [t for t in trials if t.ended], [t for t in trials if not t.ended]
    screen.line(
        f"Searching {len(sweep.space)} settings of the {about.model_kind.label} on "
        f"{store.manifest.films['train']:,} films of {store.path}: {options.trials} trials of at most "
        f"{counted(recipe.epochs, 'epoch')}, {at_once} at a time"
        + (f"; {len(ended)} ended earlier, {len(going_on)} go on" if trials else "")
        + f"\nSweep: {folder.path}"
    )
    about = with_features(about, store, TRAINING_SPLITS, screen, use_gpu=options.use_gpu)
    encoded = dataclasses.replace(encoded, features=about.features)
    scheduler = _scheduler(options, trials, recipe.epochs)
    watch = Watch(
        folder,
        trials,
        asked=max(options.trials, len(trials)),
        epochs=recipe.epochs,
        is_over=is_over,
        metric=options.metric,
        scheduler=scheduler,
        screen=screen,
        workers_of_train=options.workers_per_trial > 1,
    )
    started = time.monotonic()
    remaining = max(len(going_on), options.trials - len(ended))
    if remaining:
        screen.status("reading the films")
        job = _job(about, encoded, folder, store, options, per_worker)
        plan = Plan(sampler, start=sweep.start, going_on=going_on, ended=ended, metric=options.metric)
        run_trials(
            ray.tune.with_parameters(run_trial, sweep=job),
            plan,
            scheduler,
            watch,
            sweep=folder.path,
            per_worker=per_worker,
            workers=options.workers_per_trial,
            trials=remaining,
            at_once=at_once,
            minutes=options.time_budget,
        )
    return finish(
        folder,
        about,
        # From the folder: a trial that was cut off may have come an epoch further than this process was told.
        folder.earlier(is_over),
        space=sweep.space,
        start=sweep.start,
        options=options,
        seconds=time.monotonic() - started,
        screen=screen,
    )


# -- before -----------------------------------------------------------------------------------------------------------


def _sweep(kind: str, config: Any, recipe: Recipe, options: TuneOptions) -> Sweep:
    """Return what is searched: the model's own space with the overrides of the file and of the command line."""
    space = dict(KINDS[kind].search_space)
    if is_pretrained(config):
        without = _FROZEN_WITHOUT if frozen_backbones(config) else _PRETRAINED_WITHOUT
        space = {name: setting for name, setting in space.items() if name not in without}
    overrides = []
    if options.space:
        try:
            overrides.append((options.space, files.read_text(options.space)))
        except (OSError, ValueError) as error:
            raise TrainError(f"--space {options.space} cannot be read: {error}") from error
    overrides += [("--vary", one) for one in options.vary]
    for where, text in overrides:
        space, fixed = search_space.overridden(space, text, known=(recipe, config), where=where)
        recipe, config = search_space.split(fixed, recipe, config)
    own = KINDS[kind].search_space
    for name in _not_searched(kind, config):
        if name in own and space.get(name) is own[name]:  # nobody asked for it
            del space[name]
    return Sweep(kind, config, recipe, space)


def _not_searched(kind: str, config: Any) -> dict[str, str]:
    """Return the settings that no sweep of this model can vary, and why."""
    cut = "the films are cut into words once, for all trials"
    why = {
        "epochs": "trials are compared by epochs. Give --epochs one value",
        **dict.fromkeys(("height", "width"), "the store holds posters of one size"),
        **dict.fromkeys(backbones.OPTIONS, "the films are encoded once, for all trials"),
        **dict.fromkeys(("tokenizer", "fewest_uses"), cut),
    }
    if getattr(config, "tokenizer", "") == "subwords":
        why["vocabulary_size"] = f"fewer pieces of words cut them otherwise, and {cut}"
    if KINDS[kind].reads and is_fine_tuned(config):
        why["max_tokens"] = f"the encoder's mark at an overview's end would be cut off, and {cut}"
    return why


def _start(sweep: Sweep, store: Store) -> tuple[Checkpoint, Checkpoint]:
    """Return the starting point, and the same at the largest vocabulary and length of any trial.

    The films are tokenised for the second, once; trials narrow the ids to their own (`batching.narrowed`). The first
    has the second's vocabulary: a trial's own is the beginning of it.
    """
    about = Checkpoint(
        kind=sweep.kind,
        genres=store.manifest.genres,
        config=sweep.config,
        recipe=sweep.recipe,
        store={"fingerprint": store.manifest.fingerprint, "path": store.path, "films": store.manifest.films},
    )
    about = with_encoder(about)
    if not about.model_kind.reads:
        return about, about
    most = {name: _most(sweep, name) for name in ("vocabulary_size", "max_tokens")}
    largest = dataclasses.replace(sweep.config, **most)
    vocabulary = vocabulary_of(sweep.kind, largest, store)
    about = dataclasses.replace(about, vocabulary=vocabulary.tokens if vocabulary else ())
    return about, dataclasses.replace(about, config=largest)


def _most(sweep: Sweep, name: str) -> int:
    """Return the largest value of a setting in any trial."""
    own = int(getattr(sweep.config, name))
    setting = sweep.space.get(name)
    if setting is None:
        return own
    return max(own, *map(int, setting.values if isinstance(setting, search_space.Choice) else (setting.high,)))


def _check(sweep: Sweep, options: TuneOptions, store: Store) -> None:
    """Refuse what could only fail later, in every trial."""
    require_films_enough(store, options.workers_per_trial)
    require_posters_that_fit(KINDS[sweep.kind], sweep.config, store)
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


def _asked(sweep: Sweep, about: Checkpoint, options: TuneOptions) -> dict[str, Any]:
    """Return what makes two sweeps the same sweep."""
    return settings_of(about) | {
        "space": {name: _range(setting) for name, setting in sweep.space.items()},
        "metric": options.metric,
        "scheduler": options.scheduler,
        "search": options.search,
        "trials": options.trials,
    }


def _range(setting: search_space.Setting) -> Any:
    """Return what a setting may be, as short as a message needs it."""
    if isinstance(setting, search_space.Choice):
        return list(setting.describe()["values"])
    scale = " (log)" if setting.log else f" in steps of {setting.step:g}" if setting.step else ""
    return f"{setting.low:g} to {setting.high:g}{scale}"


# -- the sweep --------------------------------------------------------------------------------------------------------


def _sampler(sweep: Sweep, options: TuneOptions) -> Sampler:
    if options.search == "optuna":
        return OptunaSampler(sweep.space, sweep.recipe.seed, options.metric)
    return RandomSampler(sweep.space, sweep.recipe.seed)


def _scheduler(options: TuneOptions, trials: list[Trial], epochs: int) -> Halving | NoHalving:
    """Return what stops trials early, knowing those of earlier launches."""
    if options.scheduler == "none":
        return NoHalving()
    scheduler = Halving(
        epochs=epochs,
        grace_epochs=options.grace_epochs or max(1, epochs // 20),
        reduction_factor=options.reduction_factor,
        metric=options.metric,
    )
    for trial in trials:
        scheduler.replay(trial.number, trial.best_so_far(options.metric), ended=trial.ended)
    return scheduler


def _job(
    about: Checkpoint,
    encoded: Checkpoint,
    folder: SweepFolder,
    store: Store,
    options: TuneOptions,
    per_worker: dict[str, float],
) -> SweepJob:
    """Decode and tokenise the films once, into the object store, for all trials."""
    shares = shares_of(store, options.workers_per_trial)
    films: dict[str, Any] = {}
    for split, share in shares.items():
        if options.workers_per_trial > 1:
            films |= held_parts(films_of(encoded, store, split), share, split)
        else:
            films[split] = films_of(encoded, store, split).to_numpy_refs()
    return SweepJob(
        checkpoint=about,
        sweep=folder.path,
        films=films,
        shares=shares,
        workers=options.workers_per_trial,
        per_worker=per_worker,
        shuffle_window=options.shuffle_window,
        use_gpu=options.use_gpu,
        metric=options.metric,
        genre_films=store.manifest.films_of_genres("train"),
        word_vectors=word_vectors_of(encoded, store),
    )
