"""From a store to whoever trains: films decoded and tokenised once, held in Ray's object store, shared out."""

from __future__ import annotations

from typing import Any

import ray
import ray.data

from datasets.store import Store
from datasets.stream import overview_films, poster_films
from datasets.vocabulary import Vocabulary
from genre_models.catalog import KINDS, ModelKind
from genre_models.checkpoint import Checkpoint
from ray_jobs._shared import cluster
from ray_jobs._shared.options import TrainError

TRAINING_SPLITS = ("train", "validation")


def require_posters_that_fit(kind: ModelKind, config: Any, store: Store) -> None:
    """Refuse a model that sees posters of another size than the store holds.

    Raises:
        TrainError: naming both sizes and the two ways out.
    """
    if kind.sees != "poster":
        return
    wanted, have = {"height": config.height, "width": config.width}, store.manifest.poster
    if wanted != have:
        raise TrainError(
            f"the model takes posters of {config.height} by {config.width} pixels, but {store.path} holds "
            f"{have['height']} by {have['width']}: train with --height {have['height']} --width {have['width']}, "
            f"or prepare the films again with --height {config.height} --width {config.width} --overwrite"
        )


def require_films_enough(store: Store, workers: int) -> None:
    """Refuse more workers than there are films in a split.

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
    """Build the vocabulary of a model that reads, from the words of the training films."""
    if KINDS[kind].sees != "overview":
        return None
    return Vocabulary.from_counts(store.word_counts(), size=config.vocabulary_size)


def films_of(about: Checkpoint, store: Store, split: str, *, cpus: float = 1) -> ray.data.Dataset:
    """Return a split as the model's inputs, through Ray Data."""
    if about.model_kind.sees == "poster":
        return poster_films(store, split, cpus=cpus)
    return overview_films(store, split, Vocabulary(about.vocabulary), max_tokens=about.config.max_tokens, cpus=cpus)


def shares_of(store: Store, workers: int) -> dict[str, tuple[int, ...]]:
    """Return the number of films in each rank's share of the training and the validation films."""
    return {split: equal_shares(store.manifest.films[split], workers) for split in TRAINING_SPLITS}


def equal_shares(films: int, workers: int) -> tuple[int, ...]:
    """Share films out so that no two ranks differ by more than one."""
    return tuple(films // workers + (rank < films % workers) for rank in range(workers))


def held_parts(films: ray.data.Dataset, shares: tuple[int, ...], name: str) -> dict[str, ray.data.Dataset]:
    """Materialise a dataset and cut it into consecutive parts of these sizes, called name-0, name-1, …"""
    held = films.materialize()
    if len(shares) == 1:
        return {f"{name}-0": held}
    ends = [sum(shares[: rank + 1]) for rank in range(len(shares) - 1)]
    return {f"{name}-{rank}": part for rank, part in enumerate(held.split_at_indices(ends))}


def fit_the_object_store(about: Checkpoint, store: Store, have: cluster.Resources, share: float) -> bool:
    """Return whether the training films, as the model's inputs, take at most this share of Ray's object store."""
    return _film_bytes(about, store) * store.manifest.films["train"] <= share * have.object_store_bytes


def _film_bytes(about: Checkpoint, store: Store) -> int:
    """Return how much of the object store one film takes as the model's input."""
    if about.model_kind.sees == "poster":
        height, width, channels = store.manifest.poster_shape
        return height * width * channels + 4 * len(about.genres)
    return 4 * (about.config.max_tokens + 1 + len(about.genres))


def datasets_for_workers(
    about: Checkpoint,
    store: Store,
    *,
    workers: int,
    object_store_share: float,
    have: cluster.Resources,
    spare_cpus: float,
) -> tuple[dict[str, ray.data.Dataset], list[str], dict[str, tuple[int, ...]]]:
    """Return the datasets for Ray Train, which of them it must split itself, and each rank's number of films.

    Films that fit are decoded and tokenised once into the object store, and every rank gets an equal share of its
    own, so that an epoch starts at once and no film is lost to equal splitting. Where they do not fit, Ray Data
    reads the store again in every epoch and splits the stream.
    """
    shares = shares_of(store, workers)
    datasets = held_parts(films_of(about, store, "validation"), shares["validation"], "validation")
    if fit_the_object_store(about, store, have, object_store_share):
        datasets |= held_parts(films_of(about, store, "train"), shares["train"], "train")
        return datasets, [], shares
    # Read while the workers hold their CPUs: a task that asked for more than they leave would wait for ever.
    streamed = films_of(about, store, "train", cpus=spare_cpus)
    return {**datasets, "train": streamed}, ["train"], {**shares, "train": ()}
