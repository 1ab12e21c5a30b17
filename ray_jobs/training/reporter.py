"""What a training tells while it runs: how far it is, each epoch's figures, and its checkpoint."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from genre_models.training.history import Epoch, best_epoch
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.tensorboard import TensorBoard
from ray_jobs.training.timing import WORKER, Clock, Gaps
from ray_jobs.training.train_job import Progress, TrainJob

_POST_EVERY_S = 0.5

Save = Callable[[Path], None]
"""Writes a checkpoint into a folder."""

Deliver = Callable[[dict[str, Any], Save | None], None]
"""Hands an epoch's figures over, and its checkpoint on the rank that writes it."""


class Reporter:
    """Tells how far the run is, and hands over each epoch's figures and checkpoint; rank 0 does the writing."""

    def __init__(self, job: TrainJob, rank: int, deliver: Deliver, timing: Clock | None = None) -> None:
        self._job, self._first, self._deliver = job, rank == 0, deliver
        self._timing = timing or Clock(WORKER, None)
        self._gaps = Gaps(self._timing)
        self._posted = 0.0
        self._weights: Future[tempfile.TemporaryDirectory[str]] | None = None
        self._behind = ThreadPoolExecutor(1, "checkpoint")
        self._folder = RunFolder(*job.run.rsplit("/", 1))
        self._tensorboard = TensorBoard(job.run) if self._first else None

    def step(self, step: Any, steps: int) -> None:
        """Post a step, at most twice a second."""
        self._gaps.step(step)
        if self._first and time.monotonic() - self._posted > _POST_EVERY_S:
            self._posted = time.monotonic()
            self._post(Progress(step.epoch, step.step, steps, step.phase))

    def trained(self, state: Any) -> None:
        """Begin to write the weights, which stay as they are while the epoch is validated."""
        self._gaps.trained()
        if self._first:
            self._weights = self._behind.submit(_write_weights, state)

    def epoch(self, state: Any) -> None:
        """Write the epoch's figures and deliver it with its checkpoint: every rank delivers equally often."""
        self._gaps.validated()
        figures: Epoch = state.history[-1]
        best = best_epoch(state.history, self._job.metric)
        metrics = {**asdict(figures), "best": getattr(best, self._job.metric), "best_epoch": best.epoch}
        if not self._first:
            self._deliver(metrics, None)
            return

        def save(folder: Path) -> None:
            self._save(folder, state)
            self._folder.write_history(state.history)
            if self._tensorboard:
                self._tensorboard.write(figures)

        self._deliver(metrics, save)
        self._post(Progress(figures.epoch, figures=figures))

    def close(self) -> None:
        """End what it writes: a sweep's process goes on with another trial."""
        self._behind.shutdown()
        if self._tensorboard:
            self._tensorboard.close()

    def _post(self, progress: Progress) -> None:
        if self._job.board is not None:
            self._job.board.post.remote(progress)

    def _save(self, folder: Path, state: Any) -> None:
        from genre_models import checkpoint
        from genre_models.metrics import thresholds

        assert self._weights is not None
        with self._weights.result() as written:
            for part in Path(written).iterdir():
                shutil.move(part, folder / part.name)
        tuned = thresholds.tune_thresholds(state.validation_labels, state.validation_scores)
        about = replace(
            self._job.checkpoint,
            epoch=state.history[-1].epoch,
            history=tuple(state.history),
            thresholds=tuple(float(t) for t in tuned),
        )
        checkpoint.save_about(folder, about, parameters=state.model.count_params())


def _write_weights(state: Any) -> tempfile.TemporaryDirectory[str]:
    """Write a checkpoint's weights and training state into a folder of their own."""
    from genre_models import checkpoint

    folder = tempfile.TemporaryDirectory(prefix="weights-")
    checkpoint.save_weights(Path(folder.name), state.model, state.optimizer)
    return folder
