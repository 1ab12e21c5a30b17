"""Training inputs from a store: decoded, tokenised, cached in Ray's object store, and sharded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.data import ExecutionResources

from datasets.batches.film_inputs import input_films
from datasets.batches.readers import read_films
from datasets.batches.shares import equal_shares
from datasets.store.feature_store import kept_bytes
from datasets.store.film_store import Store
from datasets.text.vocabulary import Vocabulary, add_counts, count_words
from genre_models.checkpoint import Checkpoint
from genre_models.models.registry import REGISTRY, ModelSpec
from genre_models.predictors.encode_films import tokenizer_of
from genre_models.training.initialization import svd_word_vectors
from ray_jobs.cli.errors import TrainError
from ray_jobs.cluster import resources
from ray_jobs.cluster.ray_internals import IdleThrottle
from ray_jobs.inputs.feature_extraction import features_of
from ray_jobs.inputs.held_films import HeldFilms, hold

TRAINING_SPLITS = ("train", "validation")

_COUNTS = pa.schema([("word", pa.string()), ("count", pa.int64())])
_LEFT_OF_A_CORE = 0.05
_MOST_FILMS_READ = 200_000  # bounds the memory of the process that computes the SVD of the overviews


def require_posters_that_fit(kind: ModelSpec, config: Any, store: Store) -> None:
    """Check that the store's posters have the model's input size.

    Raises:
        TrainError: naming both sizes and both remedies.
    """
    wanted, have = kind.inputs(config).poster_size, store.manifest.poster_shape[:2]
    if wanted not in (None, have):
        raise TrainError(
            "the model takes posters of {} by {} pixels, but {} holds {} by {}: train with --height {} --width {}, or "
            "prepare the films again with --height {} --width {} --overwrite".format(
                *wanted, store.path, *have, *have, *wanted
            )
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
    ids = REGISTRY[kind].inputs(config).own_vocabulary
    if ids is None:
        return None
    tokenizer: Any = ids.tokenizer
    # The store's word counts use the coursework's tokenizer.
    counts = store.word_counts() if tokenizer == "split" else _counted(store, tokenizer)
    try:
        return Vocabulary.from_counts(counts, size=ids.vocabulary_size, fewest=ids.min_count, tokenizer=tokenizer)
    except ImportError as error:
        raise TrainError(f"--tokenizer {tokenizer}: {error}") from error


def _counted(store: Store, tokenizer: Any) -> list[tuple[str, int]]:
    """Count the training films' words in parallel; the result is bounded as the store's counts are."""

    def count(films: pa.Table) -> pa.Table:
        counts = count_words(films["overview"].to_pylist(), tokenizer)
        return pa.table({"word": list(counts), "count": list(counts.values())}, schema=_COUNTS)

    parts = read_films(store, "train", ["overview"]).map_batches(count, batch_format="pyarrow")
    counts: Counter[str] = Counter()
    for part in parts.iter_batches(batch_size=None, batch_format="pyarrow"):
        counts = add_counts(counts, part["word"].to_pylist(), part["count"].to_pylist())
    return list(counts.items())


def word_vectors_of(checkpoint: Checkpoint, store: Store) -> np.ndarray | None:
    """Return the initial word vectors, float32 [vocabulary, units]; None if they are random.

    With more than 200,000 films the store's first parts are used; films are in random order.
    """
    config, ids_of = checkpoint.config, checkpoint.inputs.own_vocabulary
    if ids_of is None or config.embedding_init != "svd":
        return None
    overviews: list[str] = []
    for part in read_films(store, "train", ["overview"]).iter_batches(batch_size=None, batch_format="pyarrow"):
        overviews += part["overview"].to_pylist()
        if len(overviews) >= _MOST_FILMS_READ:
            break
    vocabulary = tokenizer_of(checkpoint)
    assert vocabulary is not None
    ids, _ = vocabulary.encode(overviews, max_tokens=ids_of.max_tokens)
    return svd_word_vectors(
        ids, vocabulary_size=ids_of.vocabulary_size, units=config.embedding_units, seed=checkpoint.recipe.seed
    )


def films_of(checkpoint: Checkpoint, store: Store, split: str, *, cpus: float = 1) -> ray.data.Dataset:
    """Return a split as a Ray Data dataset of the model's inputs."""
    return input_films(
        store, split, checkpoint.inputs, features_of(checkpoint.inputs), tokenizer_of(checkpoint), cpus=cpus
    )


def shares_of(store: Store, workers: int) -> dict[str, tuple[int, ...]]:
    """Return each rank's number of films by split, for training and validation."""
    return {split: equal_shares(store.manifest.films[split], workers) for split in TRAINING_SPLITS}


def materialize_shards(films: ray.data.Dataset, shares: tuple[int, ...], name: str) -> dict[str, ray.data.Dataset]:
    """Materialise a dataset and split it into consecutive shards of these sizes: name-0, name-1, …"""
    held = films.materialize()
    if len(shares) == 1:
        return {f"{name}-0": held}
    ends = [sum(shares[: rank + 1]) for rank in range(len(shares) - 1)]
    return {f"{name}-{rank}": part for rank, part in enumerate(held.split_at_indices(ends))}


def fits_in_cache(
    checkpoint: Checkpoint,
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
    if hold == "always" and not fit_the_object_store(checkpoint, store, have, 1.0):
        raise TrainError(
            f"--cache-films always: the {store.manifest.films['train']:,} training films take more than the "
            f"{have.object_store_bytes / 1e9:.1f} GB of Ray's object store; give it more, or leave the option out"
        )
    return hold == "always" or (hold == "auto" and fit_the_object_store(checkpoint, store, have, share))


def fit_the_object_store(checkpoint: Checkpoint, store: Store, have: resources.Resources, share: float) -> bool:
    """Return whether the training inputs take at most this share of Ray's object store."""
    features = kept_bytes(store, features_of(checkpoint.inputs).values(), "train")
    film = sum(one.film_bytes for one in checkpoint.inputs) + 4 * len(checkpoint.genres)
    return features + film * store.manifest.films["train"] <= share * have.object_store_bytes


@dataclass(frozen=True)
class FilmsForWorkers:
    """Sources of the workers' films."""

    shares: dict[str, tuple[int, ...]]
    """Films in each rank's share of a split; empty for training films that Ray Data streams and splits."""
    read: Callable[[], dict[str, HeldFilms]]
    """Reads the cached films of each split, of which each rank takes its own."""
    streams: dict[str, ray.data.Dataset]
    """Datasets that Ray Train splits over the ranks and reads again in every epoch: `train`, or none."""


def films_for_workers(
    checkpoint: Checkpoint,
    store: Store,
    *,
    per_worker: dict[str, float],
    workers: int,
    held: bool,
    have: resources.Resources,
    elastic: bool = False,
) -> FilmsForWorkers:
    """Return the sources of the films. Reading is deferred, to overlap with the workers' start.

    `workers` is the most that the run may have. Those of an elastic run fill whatever nodes there are, so that tasks
    which read lost films again must do with what is left of a core.

    Held films are decoded and tokenised once into the object store, and every rank gets its own share, so that an epoch
    starts at once and no film is lost to equal splitting. Otherwise Ray Data reads the training films again in every
    epoch and splits the stream.
    """
    shares = shares_of(store, workers)
    # Films are read while the workers hold their CPUs or wait for them. A task that needs more than they leave would
    # wait for ever, and tasks on the workers' CPUs would delay the workers.
    cpus = _LEFT_OF_A_CORE if elastic else resources.cpus_per_read_task(workers, per_worker, have)

    def films(split: str) -> ray.data.Dataset:
        dataset = films_of(checkpoint, store, split, cpus=cpus)
        free = have.cpus - workers * per_worker["CPU"]
        if elastic:
            free = cpus * max(2, int(free))
        if free > 0:
            dataset.context.execution_options.resource_limits = ExecutionResources.for_limits(cpu=free)
        return dataset

    def read() -> dict[str, HeldFilms]:
        return {split: hold(films(split)) for split in (TRAINING_SPLITS if held else ("validation",))}

    if held:
        return FilmsForWorkers(shares, read, {})
    stream = films_of(checkpoint, store, "train", cpus=cpus)
    # A stream makes no progress while its workers train on a window, however long that takes.
    stream.context.execution_no_progress_timeout_s = -1
    stream.context.custom_execution_callback_classes = [IdleThrottle]
    return FilmsForWorkers({**shares, "train": ()}, read, {"train": stream})
