"""Predicting a split of a store through Ray Data, the model loaded once per actor."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray.data

from datasets import files
from datasets.features import Features, feature_table, inputs_of
from datasets.store import Store, poster_array
from datasets.stream import Batching, padded_length, read_films, validation_batches
from datasets.vocabulary import Vocabulary
from genre_models import checkpoint as checkpoints
from ray_jobs._shared.board import Board
from ray_jobs._shared.cluster import actors_for
from ray_jobs._shared.quiet import quiet_stderr

_BATCH = 256
_FILMS_AN_ACTOR = 2_000
_PIECE = 64  # of overviews: of like length, so that little padding is computed


class Predictor:
    """A checkpoint's model, fed from rows of a store; one of these lives in each Ray Data actor."""

    def __init__(self, path: str, poster_shape: tuple[int, int, int], board: Any) -> None:
        """Load the checkpoint at `path`; `board` is told the number of films done."""
        with tempfile.TemporaryDirectory() as copy:
            folder = files.download(path, Path(copy))
            self._about = checkpoints.read(folder)
            self._model = checkpoints.load_model(folder)
        self._vocabulary = Vocabulary(
            self._about.vocabulary, tokenizer=getattr(self._about.config, "tokenizer", "split")
        )
        self._poster_shape = poster_shape
        self._board = board

    def __call__(self, films: pa.Table) -> dict[str, np.ndarray]:
        """Return row int64 [n] and scores float32 [n, genres] of the films."""
        kind = self._about.model_kind
        if self._about.features:
            scores = self._from_features(films)
        else:
            posters = poster_array(films["poster"], self._poster_shape) if kind.looks else None
            scores = self._read(films["overview"].to_pylist(), posters) if kind.reads else self._scores(posters)
        if self._board is not None:
            self._board.post.remote(len(films))
        return {"row": films["row"].to_numpy(), "scores": scores}

    def _read(self, overviews: list[str], posters: np.ndarray | None) -> np.ndarray:
        """Score overviews, with their posters if the model sees both: shortest first in pieces of like length, so that
        little padding is computed."""
        ids, lengths = self._vocabulary.encode(overviews, max_tokens=self._about.config.max_tokens)
        order = np.argsort(lengths, kind="stable")
        scores = np.empty((len(ids), len(self._about.genres)), np.float32)
        for rows in np.array_split(order, max(1, len(order) // _PIECE)):
            tokens = ids[rows, : padded_length(int(lengths[rows].max()), ids.shape[1])]
            scores[rows] = self._scores(tokens if posters is None else {"poster": posters[rows], "tokens": tokens})
        return scores

    def _from_features(self, films: pa.Table) -> np.ndarray:
        """Score films by their features, those of overviews in pieces of like length."""
        about = self._about
        most = about.config.max_tokens if about.model_kind.reads else 0
        block = inputs_of(films, about.features["units"], max_tokens=most)
        scores = np.empty((len(films), len(about.genres)), np.float32)
        done = 0
        order = np.argsort(block["lengths"], kind="stable") if most else np.arange(len(films))
        batching = Batching(_PIECE)
        ordered = {name: column[order] for name, column in block.items()} | {"labels": np.zeros((len(films), 0))}
        for batch in validation_batches([ordered], batching):
            told = self._scores(batch["inputs"])[batch["weights"] > 0]
            scores[order[done : done + len(told)]] = told
            done += len(told)
        return scores

    def _scores(self, inputs: Any) -> np.ndarray:
        return np.asarray(self._model.predict_on_batch(inputs), np.float32)


def predict(
    store: Store,
    split: str,
    path: str,
    *,
    sees: str,
    features: Features | None = None,
    progress: Callable[[int], None] = lambda _: None,
    use_gpu: bool = False,
) -> np.ndarray:
    """Return a checkpoint's scores of a split, float32 [films, genres], in the store's order; it `sees` "poster",
    "overview" or "both". A model with a backbone is given these `features`, which the store must have.

    The films stream through as many actors as there are CPUs free (GPUs with `use_gpu`), never all in memory.
    """
    if features:
        films = feature_table(store, split, features.name)
    else:
        films = read_films(store, split, ["row", *(("poster", "overview") if sees == "both" else (sees,))])
    actors = actors_for(store.manifest.films[split], each=_FILMS_AN_ACTOR, use_gpu=use_gpu)
    done = 0

    def show(more: int) -> None:
        nonlocal done
        done += more
        progress(done)

    with Board(show) as board:
        scored = films.map_batches(
            Predictor,
            fn_constructor_args=(path, store.manifest.poster_shape, board.actor),
            batch_size=_BATCH,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            num_gpus=1 if use_gpu else 0,
        )
        # Ray's core prints a warning about the arguments of Data's own actors that nobody can act on.
        with quiet_stderr():
            parts = list(scored.iter_batches(batch_size=None, batch_format="numpy"))
    scores = dict(
        zip(
            np.concatenate([p["row"] for p in parts]).tolist(),
            np.concatenate([p["scores"] for p in parts]),
            strict=True,
        )
    )
    rows = store.table(split, ["row"])["row"].to_pylist()
    return np.stack([scores[row] for row in rows])
