"""Predicting splits of stores through Ray Data, the model loaded once per actor."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from datasets.batches.batching import Batching, padded_length, validation_batches
from datasets.batches.feature_readers import feature_table, inputs_of
from datasets.batches.readers import read_films
from datasets.storage import files
from datasets.store.feature_store import Fed, fed_of
from datasets.store.film_store import Store, poster_array
from genre_models import checkpoint as checkpoints
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.cluster.progress_channel import Board
from ray_jobs.cluster.resources import actors_for, cpus_beside
from ray_jobs.inputs.feature_extraction import tokenizer_of

Films = tuple[Store, str]
"""A split of a store."""

_FILMS_AN_ACTOR = 2_000
# Films an actor is given at once: enough that pieces of like length have little padding, and that the short piece a
# batch may end in costs nothing.
BATCH = 1_024
_BATCH_BYTES = 128 * 2**20  # and no more of large posters
# Films computed at once. On a CPU larger batches gain nothing (the CNN was a little slower on 256 than on 64), and
# overviews in smaller ones are of like length.
PIECE = 64
_PIECE_ON_GPU = 512
_POST_EVERY_S = 0.5


class Predictor:
    """A checkpoint's model, fed from rows of a store; one of these lives in each Ray Data actor."""

    def __init__(
        self, path: str, poster_shape: tuple[int, int, int], board: Any, threads: int | None = None, piece: int = PIECE
    ) -> None:
        """Load the checkpoint at `path`.

        Args:
            path: the checkpoint's folder or URI.
            poster_shape: (height, width, 3) of the store's posters.
            board: told the number of films done; None for nobody.
            threads: compute threads of this process; None leaves them to TensorFlow.
            piece: films computed at once.
        """
        from genre_models.training import trainer  # imports TensorFlow: in the actor and nowhere else

        with tempfile.TemporaryDirectory() as copy:
            folder = files.download(path, Path(copy))
            self._about = checkpoints.read(folder)
            if threads:
                threads = min(threads, os.cpu_count() or 1)
                trainer.set_up_tensorflow(workers=1, threads=threads, side_by_side=self._about.runs_side_by_side)
            self._model = checkpoints.load_model(folder)
        self._vocabulary = tokenizer_of(self._about)
        self._poster_shape, self._piece = poster_shape, piece
        self._board, self._done, self._posted = board, 0, 0.0

    def __call__(self, films: pa.Table) -> dict[str, np.ndarray]:
        """Return scores float32 [n, genres] of the films, beside their row and, if they have it, part, int64 [n]."""
        pieces = self._from_features(films) if self._about.features else self._from_films(films)
        scores = np.empty((len(films), len(self._about.genres)), np.float32)
        for rows, inputs in pieces:
            scores[rows] = self._model.predict_on_batch(inputs)[: len(rows)]
            self._tell(len(rows))
        numbers = {name: films[name].to_numpy() for name in ("part", "row") if name in films.column_names}
        return {**numbers, "scores": scores}

    def _tell(self, films: int) -> None:
        """Post the films done, at most twice a second."""
        self._done += films
        if self._board is not None and time.monotonic() - self._posted > _POST_EVERY_S:
            self._posted = time.monotonic()
            self._board.post.remote(self._done)
            self._done = 0

    def _from_films(self, films: pa.Table) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield row numbers and a model's inputs: posters in their order, overviews shortest first in pieces of like
        length, so that little padding is computed."""
        kind = self._about.model_kind
        posters = poster_array(films["poster"], self._poster_shape) if kind.looks else None
        if not kind.reads and posters is not None:
            for rows in self._cut(np.arange(len(films))):
                yield rows, posters[rows[0] : rows[-1] + 1]  # a view: no pixel is copied
            return
        ids, lengths = self._vocabulary.encode(films["overview"].to_pylist(), max_tokens=self._about.config.max_tokens)
        for rows in self._cut(np.argsort(lengths, kind="stable")):
            tokens = ids[rows, : padded_length(int(lengths[rows[-1]]), ids.shape[1])]
            yield rows, tokens if posters is None else {"poster": posters[rows], "tokens": tokens}

    def _from_features(self, films: pa.Table) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield row numbers and the features of films, those of overviews in pieces of like length."""
        about = self._about
        most = about.config.max_tokens if about.model_kind.reads else 0
        block = inputs_of(films, fed_of(about.features), max_tokens=most)
        order = np.argsort(block["lengths"], kind="stable") if most else np.arange(len(films))
        ordered = {name: column[order] for name, column in block.items()} | {"labels": np.zeros((len(films), 0))}
        for batch in validation_batches([ordered], Batching(self._piece)):
            count = int((batch["weights"] > 0).sum())
            yield order[:count], batch["inputs"]
            order = order[count:]

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        return np.array_split(rows, -(-len(rows) // self._piece)) if len(rows) else []


def predict(
    store: Store,
    split: str,
    path: str,
    *,
    sees: str,
    features: Fed | None = None,
    progress: Callable[[int], None] = lambda _: None,
    use_gpu: bool = False,
) -> np.ndarray:
    """Return a checkpoint's scores of one split: see `predict_splits`."""
    return predict_splits([(store, split)], path, sees=sees, features=features, progress=progress, use_gpu=use_gpu)[0]


def predict_splits(
    wanted: Sequence[Films],
    path: str,
    *,
    sees: str,
    features: Fed | None = None,
    progress: Callable[[int], None] = lambda _: None,
    use_gpu: bool = False,
) -> list[np.ndarray]:
    """Return a checkpoint's scores of several splits, each float32 [films, genres] in the store's order; it `sees`
    "poster", "overview" or "both". A model with a backbone is given these `features`, which the stores must have.

    The stores must have posters of one size. All films stream through the same actors, as many as there are CPUs free
    (GPUs with `use_gpu`): never all in memory, and the model is loaded once in each actor.
    """
    done = 0

    def show(more: int) -> None:
        nonlocal done
        done += more
        progress(done)

    with Board(show) as board:
        told = list(scored(wanted, path, sees=sees, features=features, board=board.actor, use_gpu=use_gpu))
    parts, rows, scores = (np.concatenate([batch[name] for batch in told]) for name in ("part", "row", "scores"))
    return [_in_order(store, split, rows[parts == n], scores[parts == n]) for n, (store, split) in enumerate(wanted)]


def scored(
    wanted: Sequence[Films],
    path: str,
    *,
    sees: str,
    features: Fed | None = None,
    board: Any = None,
    use_gpu: bool = False,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield what `Predictor` returns of the films of `wanted`, in batches as they are done; "part" is the place of
    their split in `wanted`. The board's actor is told the number of films done."""
    count = sum(store.manifest.films[split] for store, split in wanted)
    shape = wanted[0][0].manifest.poster_shape
    actors = actors_for(count, each=_FILMS_AN_ACTOR, use_gpu=use_gpu)
    threads = None if use_gpu else max(1, int(ray.cluster_resources().get("CPU", 1)) // actors)
    cpus = cpus_beside(actors)
    first, *others = (_read(store, split, part, sees, features, cpus) for part, (store, split) in enumerate(wanted))
    films = first.union(*others) if others else first
    scored = films.map_batches(
        Predictor,
        fn_constructor_args=(path, shape, board, threads, _PIECE_ON_GPU if use_gpu else PIECE),
        batch_size=max(PIECE, min(BATCH, _BATCH_BYTES // int(np.prod(shape)))),
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=cpus,
        num_gpus=1 if use_gpu else 0,
    )
    # Ray's core prints a warning about the arguments of Data's own actors that nobody can act on.
    with quiet_stderr():
        yield from scored.iter_batches(batch_size=None, batch_format="numpy")


def _read(store: Store, split: str, part: int, sees: str, features: Fed | None, cpus: float) -> ray.data.Dataset:
    """Read what a model needs of a split's films, each with the number of its part."""
    if features:
        films = feature_table(store, split, features, cpus=cpus)
    else:
        films = read_films(store, split, ["row", *(("poster", "overview") if sees == "both" else (sees,))], cpus=cpus)

    def numbered(table: pa.Table) -> pa.Table:
        return table.append_column("part", pa.array(np.full(len(table), part)))

    return films.map_batches(numbered, batch_format="pyarrow", batch_size=None, num_cpus=cpus)


def _in_order(store: Store, split: str, rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return scores of films, given with their row numbers in any order, in the store's order."""
    wanted = store.table(split, ["row"])["row"].to_numpy()
    order = np.argsort(rows)
    if not np.array_equal(rows[order], np.sort(wanted)):
        raise RuntimeError(f"{len(wanted):,} {split} films of {store.path} were sent, {len(rows):,} came back")
    return scores[order][np.argsort(np.argsort(wanted))]
