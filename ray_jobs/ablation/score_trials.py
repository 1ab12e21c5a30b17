"""Judging the trainings of an ablation on the validation and the test films, as evaluate.py judges a checkpoint.

Each checkpoint is loaded by a Ray task that lets it go again; what stays is small, and kept beside the checkpoint:
RUNS/NAME/trial-007/judged.npz has its scores, its figures, and these on every resample of the films.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import ray

from datasets.batches.feature_readers import feature_table
from datasets.batches.readers import read_films
from datasets.storage import atomic, files
from datasets.store.feature_store import fed_of
from datasets.store.film_store import Store
from genre_models.checkpoint import Checkpoint
from genre_models.metrics import bootstrap
from genre_models.studies.ablation_effects import FIGURES, SPLITS, JudgedRun, judge_run
from ray_jobs.cli.console import Countdown, Screen, counted
from ray_jobs.cli.errors import reason
from ray_jobs.cli.options import AblateOptions
from ray_jobs.evaluation.predict import BATCH, Predictor
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.runs.sweep_folder import SweepFolder, Trial

_MODELS_A_PROCESS = 25  # then it makes room for a new one: models let go leave something behind
_JUDGED = "judged.npz"


class Judge:
    """Judges what has been trained, each training once."""

    def __init__(self, folder: SweepFolder, store: Store, options: AblateOptions, screen: Screen) -> None:
        self._folder, self._store, self._options, self._screen = folder, store, options, screen
        self._films: dict[str, dict[str, list[Any]]] = {}
        self._judged: dict[int, JudgedRun] = {}
        self._truth: Any = None

    def judged(
        self, trials: Sequence[Trial], config_of: Callable[[Trial], Any], about: Checkpoint
    ) -> dict[int, JudgedRun]:
        """Return the figures of every finished trial by its number; those that have none yet are judged now."""
        finished = [trial for trial in trials if trial.status == "finished" and trial.best_epoch(self._options.metric)]
        for trial in finished:
            if trial.number not in self._judged and (kept := self._kept(trial)):
                self._judged[trial.number] = kept
        waiting = [trial for trial in finished if trial.number not in self._judged]
        if waiting:
            self._judge(waiting, config_of, about)
        return {trial.number: self._judged[trial.number] for trial in finished if trial.number in self._judged}

    def _place(self, number: int) -> str:
        return files.join(self._folder.trial_folder(number).path, _JUDGED)

    def _kept(self, trial: Trial) -> JudgedRun | None:
        """Return what an earlier launch found; None where there is nothing, or on other resamples."""
        try:
            run = _from_bytes(files.read_bytes(self._place(trial.number)))
        except (OSError, ValueError, KeyError):
            return None
        counts = self._store.manifest.films
        wanted = {split: bootstrap.resamples_for(counts[split], self._options.resamples) for split in SPLITS}
        return run if all(len(run.drawn[split]["loss"]) == wanted[split] for split in SPLITS) else None

    def _judge(self, trials: Sequence[Trial], config_of: Callable[[Trial], Any], about: Checkpoint) -> None:
        timer, store = Countdown(), self._store
        if self._truth is None:
            rows = {split: store.table(split, ["row"])["row"].to_numpy() for split in SPLITS}
            self._truth = ray.put({split: (rows[split], store.labels(split)) for split in SPLITS})
        judge = ray.remote(
            num_cpus=1, num_gpus=1 if self._options.use_gpu else 0, max_calls=_MODELS_A_PROCESS, max_retries=1
        )(_judge_checkpoint)
        under_way = {}
        for trial in trials:
            best = trial.best_epoch(self._options.metric)
            assert best is not None
            task = judge.remote(
                self._folder.trial_folder(trial.number).checkpoints()[best.epoch],
                store.manifest.poster_shape,
                self._tables(config_of(trial), about),
                self._truth,
                self._options.resamples,
                self._place(trial.number),
            )
            under_way[task] = trial.number
        while under_way:
            done = len(trials) - len(under_way)
            self._screen.status(f"judging: {done} of {counted(len(trials), 'training')}{timer.left(done, len(trials))}")
            for task in ray.wait(list(under_way))[0]:
                number = under_way.pop(task)
                try:
                    self._judged[number] = ray.get(task)
                except ray.exceptions.RayError as error:  # one checkpoint that cannot be read must not cost the others
                    self._screen.line(f"Trial {number} cannot be judged: {reason(error)}")

    def _tables(self, config: Any, about: Checkpoint) -> dict[str, list[Any]]:
        """Return by split references to the films as a model of this config is shown them; read once for all of them.

        They are in the object store; where they do not fit, Ray puts them on its disk.
        """
        kind, store = about.model_kind, self._store
        own = with_encoder(replace(about, config=config, features={}))
        own = with_features(own, store, SPLITS, self._screen, use_gpu=self._options.use_gpu)
        fed = fed_of(own.features)
        name = " ".join(features.name for features in fed.values())
        if name not in self._films:
            columns = ["row", *(("poster", "overview") if kind.sees == "both" else (kind.sees,))]
            self._films[name] = {
                split: (feature_table(store, split, fed) if fed else read_films(store, split, columns)).to_arrow_refs()
                for split in SPLITS
            }
        return self._films[name]


def _judge_checkpoint(
    checkpoint: str,
    poster_shape: tuple[int, int, int],
    films: Mapping[str, Sequence[Any]],
    truth: Mapping[str, tuple[np.ndarray, np.ndarray]],
    resamples: int,
    place: str,
) -> JudgedRun:
    """Let a checkpoint score the films, judge that by their true rows and labels, and keep it at `place`."""
    import keras

    predictor = Predictor(checkpoint, poster_shape, None)
    scores = {split: _scores(predictor, films[split], truth[split][0]) for split in SPLITS}
    del predictor
    keras.utils.clear_session(free_memory=True)
    run = judge_run({split: truth[split][1] for split in SPLITS}, scores, resamples=resamples)
    atomic.write_bytes(place, _to_bytes(run, scores))
    return run


def _scores(predictor: Predictor, films: Sequence[Any], rows: np.ndarray) -> np.ndarray:
    """Return scores float32 [films, genres] in the order of these rows, a batch at a time."""
    parts = []
    for block in films:
        table = ray.get(block)
        parts += [predictor(table.slice(start, BATCH)) for start in range(0, len(table), BATCH)]
    found, scores = (np.concatenate([part[name] for part in parts]) for name in ("row", "scores"))
    return scores[np.argsort(found)][np.argsort(np.argsort(rows))]


# -- on disk ----------------------------------------------------------------------------------------------------------


def _to_bytes(run: JudgedRun, scores: Mapping[str, np.ndarray]) -> bytes:
    arrays: dict[str, Any] = {f"scores-{split}": scores[split] for split in SPLITS}
    for split in SPLITS:
        for name in FIGURES:
            arrays[f"figure-{split}-{name}"] = np.float64(run.figures[split][name])
            arrays[f"drawn-{split}-{name}"] = run.drawn[split][name]
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def _from_bytes(data: bytes) -> JudgedRun:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return JudgedRun(
            {split: {name: float(arrays[f"figure-{split}-{name}"]) for name in FIGURES} for split in SPLITS},
            {split: {name: arrays[f"drawn-{split}-{name}"] for name in FIGURES} for split in SPLITS},
        )
