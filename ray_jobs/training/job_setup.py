"""Setup that training, tuning and ablation share: Ray, store, checkpoint record, folder, features."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.models.registry import REGISTRY
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import UsageError
from ray_jobs.cli.options import TrainingOptions, WorkerRange, timestamp
from ray_jobs.cluster import ray_init, resources
from ray_jobs.cluster.resources import Resources
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.inputs.store_setup import films_for, open_store
from ray_jobs.inputs.train_inputs import (
    TRAINING_SPLITS,
    require_films_enough,
    require_posters_that_fit,
    vocabulary_of,
)
from ray_jobs.runs.launches import launched
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.trackers import tracking_of
from ray_jobs.training.train_spec import TrainSpec

Folder = TypeVar("Folder", bound=RunFolder)


@dataclass(frozen=True)
class JobSetup:
    """A job that trains, connected to Ray and with its store open."""

    options: TrainingOptions
    console: Console
    have: Resources
    workers: int
    """Training workers of the run, or of each trial; the most of a run whose number changes."""
    per_worker: dict[str, float]
    """Ray resources of each worker."""
    max_concurrent: int
    """Number of trials that train at the same time; 1 for a single run."""
    store: Store

    @classmethod
    def start(
        cls,
        kind: str,
        options: TrainingOptions,
        console: Console,
        *,
        workers: WorkerRange,
        max_concurrent: int | None = None,
        may_wait: bool = False,
    ) -> JobSetup:
        """Connect to Ray, choose each worker's resources, and open the store: the films that the model can read.

        Args:
            kind: the model's key in the registry.
            options: the job's options.
            console: where progress is shown.
            workers: training workers of the run, or of each trial.
            max_concurrent: for a job of many trials, how many may train at the same time; 0 is as many as fit.
            may_wait: whether workers for whom there is no room yet are waited for.

        Raises:
            ClusterError: the cluster has no room for the workers.
            StoreError: there is no store, or it lacks posters or overviews that the model reads.
            UsageError: the tracker's package is not installed, or several workers are to have several GPUs each.
        """
        if workers.most > 1 and options.gpus > 1:
            raise UsageError(
                f"--gpus-per-worker {options.gpus:g} with {workers}: a model is mirrored over the GPUs of one "
                f"worker, or shared by workers of one GPU each; ask for "
                f"{workers.most * int(options.gpus)} workers instead"
            )
        tracking_of(options.track, options.runs)  # an error before any work
        have = resources.connect(console, dashboard=options.dashboard)
        if options.dashboard:
            url = ray_init.dashboard_url
            console.line(f"Ray's dashboard: http://{url}" if url else "The Ray that runs here has no dashboard")
        wanted: dict[str, Any] = {
            "workers": workers.least, "gpus": options.gpus, "cpus_per_worker": options.cpus_per_worker, "have": have,
        }  # fmt: skip
        if max_concurrent is None:
            wanted |= {"elastic": workers.is_elastic, "may_wait": may_wait}
            per_worker, at_once = resources.worker_resources(**wanted), 1
        else:
            per_worker, at_once = resources.trials_at_once(requested=max_concurrent, **wanted)
        store = films_for([REGISTRY[kind]], open_store(options.store, console))
        return cls(options, console, have, workers.most, per_worker, at_once, store)

    def require_inputs_that_fit(self, kind: str, config: Any) -> None:
        """Check that the store has films for every worker, and posters of the model's size.

        Raises:
            TrainError: naming what does not fit and the remedy.
        """
        require_films_enough(self.store, self.workers)
        require_posters_that_fit(REGISTRY[kind], config, self.store)

    def checkpoint(self, kind: str, config: Any, recipe: Recipe) -> Checkpoint:
        """Return the record of the run's checkpoints, without vocabulary, epoch and metrics.

        Raises:
            TrainError: an encoder or its tokenizer cannot be used.
        """
        genres = self.store.manifest.genres
        return with_encoder(
            Checkpoint(kind=kind, genres=genres, config=config, recipe=recipe, store=self.store.summary)
        )

    def with_config(self, checkpoint: Checkpoint, config: Any, splits: tuple[str, ...]) -> Checkpoint:
        """Return a checkpoint record with another config; its features are extracted for these splits."""
        return self.with_features(with_encoder(replace(checkpoint, config=config)), splits)

    def with_vocabulary(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return a checkpoint record with the vocabulary of the training films; empty for other models."""
        vocabulary = vocabulary_of(checkpoint.kind, checkpoint.config, self.store)
        return replace(checkpoint, vocabulary=vocabulary.tokens if vocabulary else ())

    def with_features(self, checkpoint: Checkpoint, splits: tuple[str, ...] = TRAINING_SPLITS) -> Checkpoint:
        """Return a checkpoint record with its features; those the store lacks are extracted."""
        return with_features(checkpoint, self.store, splits, self.console, gpus=self.options.gpus)

    def folder(self, folder_class: type[Folder], default_name: str) -> Folder:
        """Return the job's folder below --runs; by default a name and the time."""
        return folder_class(files.absolute(self.options.runs), self.options.name or f"{default_name}-{timestamp()}")

    def launched(self, folder: RunFolder, recipe: Recipe) -> contextlib.AbstractContextManager[None]:
        """Record this launch in the job's folder for a block: resources, seed, metric, origin, times, outcome."""
        have = self.have
        resources = {
            "workers": self.workers,
            "per_worker": self.per_worker,
            "trials_at_once": self.max_concurrent,
            "cluster": {"cpus": have.cpus, "gpus": have.gpus, "nodes": have.nodes},
        }
        return launched(folder, resources=resources, seed=recipe.seed, metric=self.options.metric)

    def train_spec(
        self, checkpoint: Checkpoint, run: str, shares: dict[str, tuple[int, ...]], **more: Any
    ) -> TrainSpec:
        """Return the specification of a training run in the folder `run`, with the job's options.

        Args:
            checkpoint: the record of its checkpoints.
            run: its folder.
            shares: films in each worker's share, by split.
            more: other fields of the specification.
        """
        return TrainSpec(
            checkpoint=checkpoint,
            run=run,
            training_films=shares["train"],
            validation_films=shares["validation"],
            shuffle_buffer=self.options.shuffle_buffer,
            gpus=self.options.gpus,
            metric=self.options.metric,
            genre_films=self.store.manifest.films_of_genres("train"),
            tracking=tracking_of(self.options.track, self.options.runs),
            **more,
        )
