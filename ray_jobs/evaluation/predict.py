"""Prediction of splits of stores with Ray Data; each actor loads the model once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from datasets.batches.film_inputs import input_table
from datasets.storage import files
from datasets.store.film_store import Store
from genre_models.models.input_spec import InputSpec
from genre_models.predictors.network import PIECE, PIECE_ON_GPU, Network
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.cluster.resources import actors_for, cpus_per_task
from ray_jobs.inputs.feature_extraction import features_of

Films = tuple[Store, str]
"""A store and the name of one of its splits."""

_FILMS_AN_ACTOR = 2_000
# Films in a batch of an actor: enough that pieces of similar length need little padding, and that a short last piece
# costs little.
BATCH = 1_024
_BATCH_BYTES = 128 * 2**20  # limits the batch for large posters
_POST_EVERY_S = 0.5


class Predictor:
    """A checkpoint's model that scores rows of a store, in a Ray Data actor."""

    def __init__(
        self,
        path: str,
        poster_shape: tuple[int, int, int],
        channel: Any,
        threads: int | None = None,
        piece: int = PIECE,
    ) -> None:
        """Load the checkpoint at `path`.

        Args:
            path: the checkpoint's folder or URI.
            poster_shape: (height, width, 3) of the store's posters.
            channel: the progress channel's actor, sent the number of films done, or None.
            threads: compute threads of this process; None for TensorFlow's default.
            piece: films in a forward pass.
        """
        with files.local_copy(path) as folder:
            self._network = Network(folder, threads=threads, piece=piece)
        self._poster_shape = poster_shape
        self._channel, self._done, self._posted = channel, 0, 0.0

    def __call__(self, films: pa.Table) -> dict[str, np.ndarray]:
        """Return scores float32 [n, genres] with "row" and, if present, "part", int64 [n]."""
        scores = self._network.scores(films, self._poster_shape, self._report)
        numbers = {name: films[name].to_numpy() for name in ("part", "row") if name in films.column_names}
        return {**numbers, "scores": scores}

    def _report(self, films: int) -> None:
        """Send the number of films done to the progress channel, at most twice a second."""
        self._done += films
        if self._channel is not None and time.monotonic() - self._posted > _POST_EVERY_S:
            self._posted = time.monotonic()
            self._channel.send.remote(self._done)
            self._done = 0


def predict_splits(
    wanted: Sequence[Films],
    path: str,
    *,
    inputs: InputSpec,
    progress: Callable[[int], None] = lambda _: None,
    gpus: float = 0.0,
) -> list[np.ndarray]:
    """Return a checkpoint's scores of several splits, each float32 [films, genres] in the store's order.

    `inputs` are the checkpoint's; of a model on frozen encoders the stores must have the features.
    All posters must have one size. The films stream through actors, at most one per free CPU, or share of a GPU with
    `gpus`.
    """
    done = 0

    def show(more: int) -> None:
        nonlocal done
        done += more
        progress(done)

    with ProgressChannel(show) as channel:
        batches = list(scored(wanted, path, inputs=inputs, channel=channel.actor, gpus=gpus))
    parts, rows, scores = (np.concatenate([batch[name] for batch in batches]) for name in ("part", "row", "scores"))
    return [_in_order(store, split, rows[parts == n], scores[parts == n]) for n, (store, split) in enumerate(wanted)]


def scored(
    wanted: Sequence[Films],
    path: str,
    *,
    inputs: InputSpec,
    channel: Any = None,
    gpus: float = 0.0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield unordered batches of `Predictor` results; "part" is the split's index in `wanted`."""
    count = sum(store.manifest.films[split] for store, split in wanted)
    shape = wanted[0][0].manifest.poster_shape
    actors = actors_for(count, each=_FILMS_AN_ACTOR, gpus=gpus)
    threads = None if gpus else max(1, int(ray.cluster_resources().get("CPU", 1)) // actors)
    cpus = cpus_per_task(actors)
    first, *others = (_read(store, split, part, inputs, cpus) for part, (store, split) in enumerate(wanted))
    films = first.union(*others) if others else first
    predictions = films.map_batches(
        Predictor,
        fn_constructor_args=(path, shape, channel, threads, PIECE_ON_GPU if gpus else PIECE),
        batch_size=max(PIECE, min(BATCH, _BATCH_BYTES // int(np.prod(shape)))),
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=cpus,
        num_gpus=min(gpus, 1),
    )
    # Ray's core prints a warning about the arguments of Ray Data's actors, which the user cannot change.
    with quiet_stderr():
        yield from predictions.iter_batches(batch_size=None, batch_format="numpy")


def _read(store: Store, split: str, part: int, inputs: InputSpec, cpus: float) -> ray.data.Dataset:
    """Read the columns that the inputs are made of, and the part's number."""
    films = input_table(store, split, inputs, features_of(inputs), ["row"], cpus=cpus)

    def numbered(table: pa.Table) -> pa.Table:
        return table.append_column("part", pa.array(np.full(len(table), part)))

    return films.map_batches(numbered, batch_format="pyarrow", batch_size=None, num_cpus=cpus)


def _in_order(store: Store, split: str, rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the scores, given in any order with their row numbers, in the store's order."""
    wanted = store.table(split, ["row"])["row"].to_numpy()
    order = np.argsort(rows)
    if not np.array_equal(rows[order], np.sort(wanted)):
        raise RuntimeError(f"{len(wanted):,} {split} films of {store.path} were sent, {len(rows):,} came back")
    return scores[order][np.argsort(np.argsort(wanted))]
