"""Metrics of a run as TensorBoard events: training and validation as two writers, whose curves share a chart."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets.storage import files
from genre_models.training.history import EpochMetrics

SPLITS = ("training", "validation")


def _is_events(path: str) -> bool:
    return files.name(path).startswith("events.out.tfevents.")


class TensorBoard:
    """Writer of TensorBoard events to the run's folder, on any filesystem."""

    def __init__(self, run: str, settings: Mapping[str, Any] | None = None) -> None:
        """Prepare the writing; `settings` of a sweep's trial are shown with its last metrics as hyperparameters."""
        self._target = files.join(run, "tensorboard")
        self._local = files.is_local(run)
        folder = files.resolve(self._target)[1] if self._local else tempfile.mkdtemp(prefix="tensorboard-")
        self._folder = folder
        self._settings = dict(settings or {})
        self._writers: dict[str, Any] = {}
        self._last: EpochMetrics | None = None

    def write(self, history: Sequence[EpochMetrics]) -> None:
        """Write the metrics of the last epoch; at first of all, in place of what earlier launches wrote.

        A run that is resumed from an earlier epoch would show the later ones twice.
        """
        if not self._writers:
            from tensorboardX import SummaryWriter

            files.remove_own(self._target, _is_events)
            self._writers = {split: SummaryWriter(f"{self._folder}/{split}") for split in SPLITS}
            for epoch in history[:-1]:
                self._add(epoch)
        self._add(history[-1])
        self._last = history[-1]
        for writer in self._writers.values():
            writer.flush()
        self._upload()

    def _add(self, epoch: EpochMetrics) -> None:
        for name, value in asdict(epoch).items():
            if name != "epoch":
                split = "validation" if name.startswith("validation_") else "training"
                self._writers[split].add_scalar(name.removeprefix("validation_"), value, epoch.epoch)

    def close(self) -> None:
        """Close the writers, and remove the local copy of a remote run's events."""
        if self._settings and self._last is not None:
            metrics = {name: value for name, value in asdict(self._last).items() if name.startswith("validation_")}
            settings = {n: v if isinstance(v, (bool, int, float, str)) else str(v) for n, v in self._settings.items()}
            # In a folder of its own: beside the others its file could have the name of theirs, which hold the second.
            self._writers["validation"].add_hparams(settings, metrics, name="../hparams", global_step=self._last.epoch)
        for writer in self._writers.values():
            writer.close()
        if not self._local:
            self._upload()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _upload(self) -> None:
        if not self._local:
            files.upload(Path(self._folder), self._target)
