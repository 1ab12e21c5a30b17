"""Evaluation of an ablation's trainings on the validation and test films, as evaluate.py does it.

Each checkpoint is loaded and freed by a Ray task. Its result is cached next to the checkpoint:
RUNS/NAME/trial-007/evaluated.npz has its scores, its metrics, and the metrics on every resample of the films.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import ray

from datasets.batches.film_inputs import input_table
from datasets.storage import atomic, files
from genre_models.checkpoint import Checkpoint
from genre_models.metrics import bootstrap
from genre_models.studies.ablation_effects import METRIC_KEYS, SPLITS, RunScores, evaluate_run
from ray_jobs.cli.console import Countdown, counted
from ray_jobs.cli.errors import reason
from ray_jobs.evaluation.predict import BATCH, Predictor
from ray_jobs.inputs.feature_extraction import features_of
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.training.job_setup import JobSetup

_MODELS_A_PROCESS = 25  # then the worker process is replaced: freed models leak memory
_SCORES = "evaluated.npz"


class TrialScorer:
    """Evaluator of finished trainings, each once."""

    def __init__(self, setup: JobSetup, folder: SweepFolder, resamples: int) -> None:
        self._setup, self._folder, self._resamples = setup, folder, resamples
        self._store, self._console, self._metric = setup.store, setup.console, setup.options.metric
        self._films: dict[str, dict[str, list[Any]]] = {}
        self._evaluated: dict[int, RunScores] = {}
        self._labels: Any = None

    def scores(
        self, trials: Sequence[Trial], config_of: Callable[[Trial], Any], checkpoint: Checkpoint
    ) -> dict[int, RunScores]:
        """Return the metrics of every finished trial by its number. Those without a cached result are evaluated now."""
        finished = [trial for trial in trials if trial.status == "finished" and trial.best_epoch(self._metric)]
        for trial in finished:
            if trial.number not in self._evaluated and (saved := self._cached(trial)):
                self._evaluated[trial.number] = saved
        waiting = [trial for trial in finished if trial.number not in self._evaluated]
        if waiting:
            self._evaluate(waiting, config_of, checkpoint)
        return {trial.number: self._evaluated[trial.number] for trial in finished if trial.number in self._evaluated}

    def _path(self, number: int) -> str:
        return files.join(self._folder.trial_folder(number).path, _SCORES)

    def _cached(self, trial: Trial) -> RunScores | None:
        """Return the cached result of an earlier launch; None where it is missing or has other resamples."""
        try:
            run = _from_bytes(files.read_bytes(self._path(trial.number)))
        except (OSError, ValueError, KeyError):
            return None
        counts = self._store.manifest.films
        wanted = {split: bootstrap.resamples_for(counts[split], self._resamples) for split in SPLITS}
        return run if all(len(run.drawn[split]["loss"]) == wanted[split] for split in SPLITS) else None

    def _evaluate(self, trials: Sequence[Trial], config_of: Callable[[Trial], Any], checkpoint: Checkpoint) -> None:
        timer, store = Countdown(), self._store
        if self._labels is None:
            rows = {split: store.table(split, ["row"])["row"].to_numpy() for split in SPLITS}
            self._labels = ray.put({split: (rows[split], store.labels(split)) for split in SPLITS})
        evaluate = ray.remote(
            num_cpus=1, num_gpus=min(self._setup.options.gpus, 1), max_calls=_MODELS_A_PROCESS, max_retries=1
        )(_evaluate_checkpoint)
        running = {}
        for trial in trials:
            best = trial.best_epoch(self._metric)
            assert best is not None
            task = evaluate.remote(
                self._folder.trial_folder(trial.number).checkpoints()[best.epoch],
                store.manifest.poster_shape,
                self._tables(config_of(trial), checkpoint),
                self._labels,
                self._resamples,
                self._path(trial.number),
            )
            running[task] = trial.number
        while running:
            done = len(trials) - len(running)
            self._console.status(
                f"evaluating: {done} of {counted(len(trials), 'training')}{timer.left(done, len(trials))}"
            )
            for task in ray.wait(list(running))[0]:
                number = running.pop(task)
                try:
                    self._evaluated[number] = ray.get(task)
                except ray.exceptions.RayError as error:  # an unreadable checkpoint must not fail the others
                    self._console.line(f"Trial {number} cannot be evaluated: {reason(error)}")

    def _tables(self, config: Any, checkpoint: Checkpoint) -> dict[str, list[Any]]:
        """Return references to the films as inputs of this config, by split; read once for all trials that share them.

        They are in the object store, which spills to disk where they do not fit.
        """
        store, inputs = self._store, self._setup.with_config(checkpoint, config, SPLITS).inputs
        features = features_of(inputs)
        name = " ".join([*inputs.sources, *(stored.name for stored in features.values())])
        if name not in self._films:
            self._films[name] = {
                split: input_table(store, split, inputs, features, ["row"]).to_arrow_refs() for split in SPLITS
            }
        return self._films[name]


def _evaluate_checkpoint(
    checkpoint: str,
    poster_shape: tuple[int, int, int],
    films: Mapping[str, Sequence[Any]],
    labels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    resamples: int,
    path: str,
) -> RunScores:
    """Evaluate a checkpoint on the films, and write the result to `path`; `labels` has rows and labels by split."""
    import keras

    predictor = Predictor(checkpoint, poster_shape, None)
    scores = {split: _scores(predictor, films[split], labels[split][0]) for split in SPLITS}
    del predictor
    keras.utils.clear_session(free_memory=True)
    run = evaluate_run({split: labels[split][1] for split in SPLITS}, scores, resamples=resamples)
    atomic.write_bytes(path, _to_bytes(run, scores))
    return run


def _scores(predictor: Predictor, films: Sequence[Any], rows: np.ndarray) -> np.ndarray:
    """Return scores float32 [films, genres] in the order of `rows`, predicted in batches."""
    parts = []
    for block in films:
        table = ray.get(block)
        parts += [predictor(table.slice(start, BATCH)) for start in range(0, len(table), BATCH)]
    row_ids, scores = (np.concatenate([part[name] for part in parts]) for name in ("row", "scores"))
    return scores[np.argsort(row_ids)][np.argsort(np.argsort(rows))]


# -- on disk ----------------------------------------------------------------------------------------------------------


def _to_bytes(run: RunScores, scores: Mapping[str, np.ndarray]) -> bytes:
    arrays: dict[str, Any] = {f"scores-{split}": scores[split] for split in SPLITS}
    for split in SPLITS:
        for name in METRIC_KEYS:
            arrays[f"figure-{split}-{name}"] = np.float64(run.metrics[split][name])
            arrays[f"drawn-{split}-{name}"] = run.drawn[split][name]
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def _from_bytes(data: bytes) -> RunScores:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return RunScores(
            {split: {name: float(arrays[f"figure-{split}-{name}"]) for name in METRIC_KEYS} for split in SPLITS},
            {split: {name: arrays[f"drawn-{split}-{name}"] for name in METRIC_KEYS} for split in SPLITS},
        )
