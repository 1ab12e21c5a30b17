"""Prediction of the parts of a work folder with Ray Data; each actor loads the models once."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from datasets.raw.films_folder import find_folder
from datasets.store.shards import num_tasks
from datasets.tables.sources import read_bytes
from genre_models.training.prefetch import prefetch
from ray_jobs.cli.stderr import quiet_stderr
from ray_jobs.cluster.progress_channel import ProgressChannel
from ray_jobs.cluster.resources import actors_for, cpus_per_task
from ray_jobs.inference.explanations import explain_first
from ray_jobs.inference.work_folder import WorkFolder

_FILMS_AN_ACTOR = 2_000
_MOST_PARTS_A_CALL = 8  # posters of the next one are decoded while one is predicted
_BYTES = 64 * 2**20  # of the posters of a part
_MOST_FILMS, _FEWEST_FILMS = 1_024, 64


def films_a_part(poster_bytes: int) -> int:
    """Return the number of films in a part: many, so that overviews of a batch are of like length, in little memory.

    `poster_bytes` is the size of a film's pixels in all sizes that the model takes.
    """
    return max(_FEWEST_FILMS, min(_MOST_FILMS, _BYTES // max(1, poster_bytes)))


def predict_parts(
    work: WorkFolder,
    parts: Sequence[int],
    models: Sequence[str],
    *,
    source: str,
    films: int,
    max_pixels: int,
    progress: Callable[[int], None] = lambda _: None,
    gpus: float = 0.0,
    explain: bool = False,
) -> None:
    """Predict parts and write their scores into the work folder.

    Args:
        work: the work folder, which every node must reach.
        parts: numbers of the parts, each predicted once.
        models: paths of model folders and checkpoints; of several the mean is predicted.
        source: path of the films, on whose filesystem posters are read.
        films: number of films in the parts, which sets the number of actors.
        max_pixels: a poster of more pixels is not decoded.
        progress: called in the driver with the number of films done so far.
        gpus: GPUs of each actor, one at most; 0 without.
        explain: whether the first films of part 0 are explained.
    """
    done = 0

    def show(more: int) -> None:
        nonlocal done
        done += more
        progress(done)

    actors = actors_for(films, each=_FILMS_AN_ACTOR, gpus=gpus)
    cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
    with ProgressChannel(show) as channel:
        # Indices alone travel: an actor reads films and writes scores itself, so that a part stays whole.
        numbers = ray.data.range(len(parts), override_num_blocks=num_tasks(len(parts)))
        results = numbers.map_batches(
            PartPredictor,
            fn_constructor_args=(work.path, list(parts), list(models), channel.actor),
            fn_constructor_kwargs={
                "source": source,
                "max_pixels": max_pixels,
                "threads": max(1, cpus // actors),
                "use_gpu": bool(gpus),
                "explain": explain,
            },
            # Two calls of each actor at least, so that all have work.
            batch_size=max(1, min(_MOST_PARTS_A_CALL, len(parts) // (2 * actors))),
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=cpus_per_task(actors),
            num_gpus=min(gpus, 1),
        )
        # Ray's core prints a warning about the arguments of Ray Data's actors, which the user cannot change.
        with quiet_stderr():
            for _ in results.iter_batches(batch_size=None, batch_format="numpy"):
                pass


class PartPredictor:
    """Ray Data actor that predicts parts of a work folder; it loads the models once."""

    def __init__(
        self,
        work: str,
        parts: Sequence[int],
        models: Sequence[str],
        channel: Any,
        *,
        source: str,
        max_pixels: int,
        threads: int,
        use_gpu: bool = False,
        explain: bool = False,
    ) -> None:
        """Load the models; arguments as in `predict_parts`, and `threads` of this process."""
        from genre_models.predictors.load import load_predictor
        from genre_models.predictors.network import PIECE, PIECE_ON_GPU

        self._work, self._parts = WorkFolder(work), parts
        self._channel, self._max_pixels, self._explain = channel, max_pixels, explain
        self._read_poster = functools.partial(read_bytes, find_folder(source)[0])
        threads = min(threads, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads)
        self._predictor = load_predictor(
            *models, piece=PIECE_ON_GPU if use_gpu else PIECE, threads=None if use_gpu else threads
        )

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predict the parts at these indices and write their scores; return the indices."""
        with prefetch([self._parts[index] for index in batch["id"].tolist()], self._read) as ready:
            for part, rows, films, unusable in ready:
                scores = self._predictor.scores(films)
                if self._explain and part == 0:
                    # Before the scores, with which the part counts as done.
                    self._work.write_explanations(explain_first(self._predictor, films, scores))
                self._work.write_scores(part, self._table(rows, films, unusable, scores))
                if self._channel is not None:
                    self._channel.send.remote(len(rows))
        return {"id": batch["id"]}

    def _read(self, part: int) -> tuple[int, pa.Table, Any, dict[int, str]]:
        """Read a part's films and decode their posters."""
        from genre_models.predictors.films import read_films

        rows = self._work.rows(part)
        films, unusable = read_films(
            [poster or None for poster in rows["poster"].to_pylist()],
            rows["overview"].to_pylist(),
            sizes=self._predictor.info.poster_sizes,
            max_pixels=self._max_pixels,
            pool=self._pool,
            read=self._read_poster,
        )
        return part, rows, films, unusable

    def _table(self, rows: pa.Table, films: Any, unusable: dict[int, str], scores: np.ndarray) -> pa.Table:
        """Return the films with scores, or with the reason why they have none."""
        info = self._predictor.info
        has = list(zip(films.has_poster.tolist(), films.has_overview.tolist(), strict=True))
        reasons = [info.why_not(*inputs) for inputs in has]
        used = {"poster": bool(info.poster_sizes), "overview": info.uses_overview}
        flat = pa.array(np.ascontiguousarray(scores, np.float32).reshape(-1))
        return pa.table(
            {
                "row": rows["row"],
                "id": rows["id"],
                # An unusable poster is the reason, where there would be one with a usable one.
                "reason": [
                    unusable[i].split(": ", 1)[0] if why and i in unusable else why for i, why in enumerate(reasons)
                ],
                "problem": [unusable.get(i, "") for i in range(len(rows))],
                "inputs": [
                    "+".join(name for name, there in zip(used, inputs, strict=True) if there and used[name])
                    for inputs in has
                ],
                "scores": pa.FixedSizeListArray.from_arrays(flat, scores.shape[1]),
            }
        )
