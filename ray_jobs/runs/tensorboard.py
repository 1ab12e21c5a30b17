"""Metrics of a run as TensorBoard events."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from datasets.storage import files
from genre_models.training.history import EpochMetrics


class TensorBoard:
    """Writer of TensorBoard events to the run's folder, on any filesystem."""

    def __init__(self, run: str) -> None:
        from tensorboardX import SummaryWriter

        self._target = files.join(run, "tensorboard")
        self._local = files.is_local(run)
        folder = files.resolve(self._target)[1] if self._local else tempfile.mkdtemp(prefix="tensorboard-")
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writer = SummaryWriter(folder)

    def write(self, epoch: EpochMetrics) -> None:
        """Write an epoch's metrics; training and validation share a name."""
        for name, value in asdict(epoch).items():
            if name == "epoch":
                continue
            split, metric = (
                ("validation", name.removeprefix("validation_"))
                if name.startswith("validation_")
                else ("training", name)
            )
            self._writer.add_scalar(f"{metric}/{split}", value, epoch.epoch)
        self._writer.flush()
        if not self._local:
            files.upload(Path(self._folder), self._target)

    def close(self) -> None:
        """Close the writer, and remove the local copy of a remote run's events."""
        self._writer.close()
        if not self._local:
            shutil.rmtree(self._folder, ignore_errors=True)
