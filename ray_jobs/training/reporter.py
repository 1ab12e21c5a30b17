"""Reporting of a training run: its progress, and each epoch's metrics and checkpoint."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from datasets.storage import files
from genre_models.training.history import EpochMetrics, best_epoch
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.runs.tensorboard import TensorBoard
from ray_jobs.runs.trackers import Tracker, options_of
from ray_jobs.training.run_metrics import RunMetrics
from ray_jobs.training.timing import WORKER, EpochGapTimer, Timer
from ray_jobs.training.train_spec import Progress, TrainSpec

_SEND_EVERY_S = 0.5

Save = Callable[[Path], None]
"""Writes a checkpoint into a folder."""

_Written = tuple[tempfile.TemporaryDirectory[str], dict[str, Any]]

ReportFn = Callable[[dict[str, Any], Save | None], None]
"""Reports an epoch's metrics, and its checkpoint on the rank that writes it."""


class Reporter:
    """Reports the progress of the run and each epoch's metrics and checkpoint; rank 0 writes them."""

    def __init__(self, spec: TrainSpec, rank: int, report: ReportFn, timer: Timer | None = None) -> None:
        self._spec, self._first, self._report = spec, rank == 0, report
        self._gaps = EpochGapTimer(timer or Timer(WORKER, None))
        self._sent = 0.0
        self._weights: Future[_Written] | None = None
        self._executor = ThreadPoolExecutor(1, "checkpoint")
        self._folder = RunFolder.at(spec.run)
        self._tensorboard = TensorBoard(spec.run, spec.settings) if self._first else None
        self._metrics = RunMetrics(spec.run)
        self._tracker = None
        if self._first and spec.tracking:
            self._tracker = Tracker(spec.tracking, spec.run, options_of(spec.checkpoint))
        self._best = 0

    def step(self, step: Any, steps: int) -> None:
        """Send a step, at most twice a second."""
        self._gaps.step(step)
        if self._first and time.monotonic() - self._sent > _SEND_EVERY_S:
            self._sent = time.monotonic()
            self._send(Progress(step.epoch, step.step, steps, step.phase))

    def trained(self, state: Any) -> None:
        """Start writing the weights in a thread, while the epoch is validated."""
        self._gaps.trained()
        if self._first:
            self._weights = self._executor.submit(_write_weights, state)

    def epoch(self, state: Any) -> None:
        """Report the epoch's metrics, on rank 0 with its checkpoint: every rank must report equally often."""
        self._gaps.validated()
        metrics: EpochMetrics = state.history[-1]
        best = best_epoch(state.history, self._spec.metric)
        reported = {**asdict(metrics), "best": getattr(best, self._spec.metric), "best_epoch": best.epoch}
        if not self._first:
            self._report(reported, None)
            return

        def save(folder: Path) -> None:
            self._save(folder, state)
            self._folder.write_history(state.history)
            if self._tensorboard:
                self._tensorboard.write(state.history)
            if self._tracker:
                self._tracker.write(state.history)
            self._best = best.epoch

        self._report(reported, save)
        self._metrics.write(metrics)
        self._send(Progress(metrics.epoch, metrics=metrics))

    def close(self) -> None:
        """Close the writers: in a sweep, the process is reused for another trial."""
        self._executor.shutdown()
        if self._tensorboard:
            self._tensorboard.close()
        if self._tracker:
            self._close_tracker(self._tracker)

    def _close_tracker(self, tracker: Tracker) -> None:
        """Upload the best checkpoint, and end the run in the tracker."""
        best = self._folder.checkpoints().get(self._best)
        if best is None:
            tracker.close()
            return
        with files.local_copy(best) as folder:
            tracker.close([("checkpoint", folder)])

    def _send(self, progress: Progress) -> None:
        if self._spec.channel is not None:
            self._spec.channel.send.remote(progress)

    def _save(self, folder: Path, state: Any) -> None:
        from genre_models import checkpoint
        from genre_models.metrics import thresholds

        assert self._weights is not None
        written, listed = self._weights.result()
        with written as place:
            for part in Path(place).iterdir():
                shutil.move(part, folder / part.name)
        tuned = thresholds.tune_thresholds(state.validation_labels, state.validation_scores)
        metadata = replace(
            self._spec.checkpoint,
            epoch=state.history[-1].epoch,
            history=tuple(state.history),
            thresholds=tuple(float(t) for t in tuned),
        )
        seeds = checkpoint.seeds_of(state.model)
        checkpoint.save_metadata(folder, metadata, parameters=state.model.count_params(), seeds=seeds, files=listed)


def _write_weights(state: Any) -> _Written:
    """Write the weights and the optimizer state into a new temporary folder; return their sizes and digests too."""
    from genre_models import checkpoint

    folder = tempfile.TemporaryDirectory(prefix="weights-")
    return folder, checkpoint.save_weights(Path(folder.name), state.model, state.optimizer)
