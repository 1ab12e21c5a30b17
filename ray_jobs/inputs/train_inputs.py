"""Training inputs from a store: decoded, tokenised, cached in Ray's object store, and sharded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.data import ExecutionResources

from datasets.batches.feature_readers import feature_films
from datasets.batches.readers import both_films, overview_films, poster_films, read_films
from datasets.store.feature_store import kept_bytes, parse_feature_specs
from datasets.store.film_store import Store
from datasets.text.vocabulary import Tokenizer, Vocabulary, add_counts, count_words
from genre_models.checkpoint import Checkpoint
from genre_models.encoders.backbones import frozen_backbones, is_pretrained
from genre_models.models.registry import REGISTRY, ModelSpec
from genre_models.training.svd_embeddings import svd_word_vectors
from ray_jobs.cli.errors import TrainError
from ray_jobs.cluster import resources
from ray_jobs.cluster.ray_data_throttle import IdleThrottle
from ray_jobs.inputs.feature_extraction import tokenizer_of

TRAINING_SPLITS = ("train", "validation")

_COUNTS = pa.schema([("word", pa.string()), ("count", pa.int64())])
_MOST_FILMS_READ = 200_000  # bounds the memory of the process that computes the SVD of the overviews


def require_posters_that_fit(kind: ModelSpec, config: Any, store: Store) -> None:
    """Check that the store's posters have the model's input size.

    Raises:
        TrainError: naming both sizes and both remedies.
    """
    if not kind.uses_poster or frozen_backbones(config):
        return
    wanted, have = {"height": config.height, "width": config.width}, store.manifest.poster
    if wanted != have:
        raise TrainError(
            f"the model takes posters of {config.height} by {config.width} pixels, but {store.path} holds "
            f"{have['height']} by {have['width']}: train with --height {have['height']} --width {have['width']}, "
            f"or prepare the films again with --height {config.height} --width {config.width} --overwrite"
        )


def require_films_enough(store: Store, workers: int) -> None:
    """Check that each split has at least one film per worker.

    Raises:
        TrainError: naming the split.
    """
    for split in TRAINING_SPLITS:
        if store.manifest.films[split] < workers:
            raise TrainError(
                f"{store.path} has {store.manifest.films[split]} films in its {split} split, "
                f"too few for {workers} workers"
            )


def vocabulary_of(kind: str, config: Any, store: Store) -> Vocabulary | None:
    """Build the vocabulary of a model that trains its own embeddings, from the training films.

    Raises:
        TrainError: subword tokens are requested, and the package that learns them is not installed.
    """
    if not REGISTRY[kind].uses_overview or is_pretrained(config):
        return None
    tokenizer = config.tokenizer
    # The store's word counts use the coursework's tokenizer.
    counts = store.word_counts() if tokenizer == "split" else _counted(store, tokenizer)
    size, fewest = config.vocabulary_size, config.min_count
    try:
        return Vocabulary.from_counts(counts, size=size, fewest=fewest, tokenizer=tokenizer)
    except ImportError as error:
        raise TrainError(f"--tokenizer {tokenizer}: {error}") from error


def _counted(store: Store, tokenizer: Tokenizer) -> list[tuple[str, int]]:
    """Count the training films' words in parallel; the result is bounded as the store's counts are."""

    def count(films: pa.Table) -> pa.Table:
        counts = count_words(films["overview"].to_pylist(), tokenizer)
        return pa.table({"word": list(counts), "count": list(counts.values())}, schema=_COUNTS)

    parts = read_films(store, "train", ["overview"]).map_batches(count, batch_format="pyarrow")
    counts: Counter[str] = Counter()
    for part in parts.iter_batches(batch_size=None, batch_format="pyarrow"):
        counts = add_counts(counts, part["word"].to_pylist(), part["count"].to_pylist())
    return list(counts.items())


def word_vectors_of(about: Checkpoint, store: Store) -> np.ndarray | None:
    """Return the initial word vectors, float32 [vocabulary, units]; None if they are random.

    With more than 200,000 films the store's first parts are used; films are in random order.
    """
    config = about.config
    if not about.model_spec.uses_overview or config.embedding_init != "svd":
        return None
    overviews: list[str] = []
    for part in read_films(store, "train", ["overview"]).iter_batches(batch_size=None, batch_format="pyarrow"):
        overviews += part["overview"].to_pylist()
        if len(overviews) >= _MOST_FILMS_READ:
            break
    vocabulary = Vocabulary(about.vocabulary, tokenizer=config.tokenizer)
    ids, _ = vocabulary.encode(overviews, max_tokens=config.max_tokens)
    return svd_word_vectors(
        ids, vocabulary_size=config.vocabulary_size, units=config.embedding_units, seed=about.recipe.seed
    )


def films_of(about: Checkpoint, store: Store, split: str, *, cpus: float = 1) -> ray.data.Dataset:
    """Return a split as a Ray Data dataset of the model's inputs."""
    kind = about.model_spec
    if about.features:
        most = about.config.max_tokens if kind.uses_overview else 0
        return feature_films(store, split, parse_feature_specs(about.features), max_tokens=most, cpus=cpus)
    if not kind.uses_overview:
        return poster_films(store, split, cpus=cpus)
    read = both_films if kind.uses_poster else overview_films
    return read(store, split, tokenizer_of(about), max_tokens=about.config.max_tokens, cpus=cpus)


def shares_of(store: Store, workers: int) -> dict[str, tuple[int, ...]]:
    """Return each rank's number of films by split, for training and validation."""
    return {split: equal_shares(store.manifest.films[split], workers) for split in TRAINING_SPLITS}


def equal_shares(films: int, workers: int) -> tuple[int, ...]:
    """Return shares of films that differ by at most one between ranks."""
    return tuple(films // workers + (rank < films % workers) for rank in range(workers))


def materialize_shards(films: ray.data.Dataset, shares: tuple[int, ...], name: str) -> dict[str, ray.data.Dataset]:
    """Materialise a dataset and split it into consecutive shards of these sizes: name-0, name-1, …"""
    held = films.materialize()
    if len(shares) == 1:
        return {f"{name}-0": held}
    ends = [sum(shares[: rank + 1]) for rank in range(len(shares) - 1)]
    return {f"{name}-{rank}": part for rank, part in enumerate(held.split_at_indices(ends))}


def fits_in_cache(
    about: Checkpoint,
    store: Store,
    have: resources.Resources,
    *,
    hold: Literal["auto", "always", "never"],
    share: float,
) -> bool:
    """Return whether to cache the training films instead of reading them in every epoch.

    Raises:
        TrainError: `hold` is "always", but the object store is too small.
    """
    if hold == "always" and not fit_the_object_store(about, store, have, 1.0):
        raise TrainError(
            f"--cache-films always: the {store.manifest.films['train']:,} training films take more than the "
            f"{have.object_store_bytes / 1e9:.1f} GB of Ray's object store; give it more, or leave the option out"
        )
    return hold == "always" or (hold == "auto" and fit_the_object_store(about, store, have, share))


def fit_the_object_store(about: Checkpoint, store: Store, have: resources.Resources, share: float) -> bool:
    """Return whether the training inputs take at most this share of Ray's object store."""
    if about.features:
        needed = kept_bytes(store, parse_feature_specs(about.features).values(), "train")
    else:
        needed = _film_bytes(about, store) * store.manifest.films["train"]
    return needed <= share * have.object_store_bytes


def _film_bytes(checkpoint: Checkpoint, store: Store) -> int:
    """Return the bytes of one film's inputs in the object store."""
    poster = math.prod(store.manifest.poster_shape) if checkpoint.model_spec.uses_poster else 0
    overview = 4 * (checkpoint.config.max_tokens + 1) if checkpoint.model_spec.uses_overview else 0
    return poster + overview + 4 * len(checkpoint.genres)


@dataclass(frozen=True)
class FilmsForWorkers:
    """Sources of the workers' films."""

    shares: dict[str, tuple[int, ...]]
    """Films in each rank's share of a split; empty for training films that Ray Data streams and splits."""
    read: Callable[[], dict[str, ray.data.Dataset]]
    """Reads the cached films: `train-0`, `validation-0`, …, a dataset for each rank."""
    streams: dict[str, ray.data.Dataset]
    """Datasets that Ray Train splits over the ranks and reads again in every epoch: `train`, or none."""
    before_workers: bool = False
    """Whether `read` must finish before the workers start: Ray Data splits datasets in tasks of a whole CPU, which
    would wait for ever if the workers leave none."""


def films_for_workers(
    about: Checkpoint,
    store: Store,
    *,
    per_worker: dict[str, float],
    workers: int,
    held: bool,
    have: resources.Resources,
) -> FilmsForWorkers:
    """Return the sources of the films. Reading is deferred, to overlap with the workers' start.

    Held films are decoded and tokenised once into the object store, and every rank gets its own share, so that an epoch
    starts at once and no film is lost to equal splitting. Otherwise Ray Data reads the training films again in every
    epoch and splits the stream.
    """
    shares = shares_of(store, workers)
    first = workers > 1 and have.cpus - workers * per_worker["CPU"] < 1
    # Films are read while the workers hold their CPUs or wait for them. A task that needs more than they leave would
    # wait for ever, and tasks on the workers' CPUs would delay the workers.
    cpus = resources.cpus_per_read_task(workers, per_worker, have)

    def films(split: str) -> ray.data.Dataset:
        dataset = films_of(about, store, split, cpus=cpus)
        if workers * per_worker["CPU"] < have.cpus:
            free = have.cpus - workers * per_worker["CPU"]
            dataset.context.execution_options.resource_limits = ExecutionResources.for_limits(cpu=free)
        return dataset

    def read() -> dict[str, ray.data.Dataset]:
        splits = TRAINING_SPLITS if held else ("validation",)
        parts = [materialize_shards(films(split), shares[split], split) for split in splits]
        return {name: part for split in parts for name, part in split.items()}

    if held:
        return FilmsForWorkers(shares, read, {}, first)
    stream = films_of(about, store, "train", cpus=cpus)
    # A stream makes no progress while its workers train on a window, however long that takes.
    stream.context.execution_no_progress_timeout_s = -1
    stream.context.custom_execution_callback_classes = [IdleThrottle]
    return FilmsForWorkers({**shares, "train": ()}, read, {"train": stream}, first)
