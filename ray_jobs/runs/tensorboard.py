"""Metrics of a run as TensorBoard events."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets.storage import files
from genre_models.training.history import EpochMetrics


def _is_events(path: str) -> bool:
    return path.startswith("events.out.tfevents.")


class TensorBoard:
    """Writer of TensorBoard events to the run's folder, on any filesystem."""

    def __init__(self, run: str) -> None:
        self._target = files.join(run, "tensorboard")
        self._local = files.is_local(run)
        folder = files.resolve(self._target)[1] if self._local else tempfile.mkdtemp(prefix="tensorboard-")
        self._folder = folder
        self._writer: Any = None

    def write(self, history: Sequence[EpochMetrics]) -> None:
        """Write the metrics of the last epoch; at first of all, in place of what earlier launches wrote.

        A run that is resumed from an earlier epoch would show the later ones twice. Training and validation share a
        name.
        """
        if self._writer is None:
            from tensorboardX import SummaryWriter

            files.remove_own(self._target, _is_events)
            self._writer = SummaryWriter(self._folder)
            for epoch in history[:-1]:
                self._add(self._writer, epoch)
        self._add(self._writer, history[-1])
        self._writer.flush()
        if not self._local:
            files.upload(Path(self._folder), self._target)

    def _add(self, writer: Any, epoch: EpochMetrics) -> None:
        for name, value in asdict(epoch).items():
            if name == "epoch":
                continue
            split, metric = (
                ("validation", name.removeprefix("validation_"))
                if name.startswith("validation_")
                else ("training", name)
            )
            writer.add_scalar(f"{metric}/{split}", value, epoch.epoch)

    def close(self) -> None:
        """Close the writer, and remove the local copy of a remote run's events."""
        if self._writer is not None:
            self._writer.close()
        if not self._local:
            shutil.rmtree(self._folder, ignore_errors=True)
