"""Run folders, which hold checkpoints and metrics.

RUNS/NAME/epoch-031/        checkpoints: the best by the run's --metric, and the last (to resume from)
RUNS/NAME/history.csv       metrics of every epoch so far
RUNS/NAME/run.json          the options the run was started with
RUNS/NAME/tensorboard/      the same metrics for TensorBoard
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Self

from datasets.storage import atomic, files
from genre_models import checkpoint_files
from genre_models.models.option_checks import in_short
from genre_models.models.renamed_options import with_new_names
from genre_models.predictors.find import RUN
from genre_models.training import history as histories
from genre_models.training.history import EpochMetrics
from ray_jobs.cli.errors import TrainError
from ray_jobs.runs.find_checkpoints import CheckpointInfo, checkpoints_below, first_sound, run_history

_EPOCH = "epoch-"
_EPOCH_FOLDER = re.compile(rf"{_EPOCH}\d{{3,}}")


def epoch_folder(epoch: int) -> str:
    """Return the name of the folder that holds an epoch's checkpoint."""
    return f"{_EPOCH}{epoch:03d}"


def read_json(path: str) -> dict[str, Any]:
    """Read a JSON object that a job wrote, with the names of this version.

    Raises:
        TrainError: it is damaged.
    """
    try:
        return dict(with_new_names(files.parse_json(files.read_text(path))))
    except (OSError, ValueError, TypeError) as error:
        raise TrainError(
            f"{path} is damaged ({in_short(error)}), so nobody knows what was run here: copy it back, or start anew "
            "under another --name"
        ) from error


class RunFolder:
    """Folder of a run: its options, history and checkpoints."""

    def __init__(self, runs: str, name: str) -> None:
        self.path = files.join(runs, name)

    @classmethod
    def at(cls, path: str) -> Self:
        """Return the folder at a path."""
        return cls(files.parent(path), files.name(path))

    def exists(self) -> bool:
        """Return whether the run has been started."""
        return files.exists(files.join(self.path, RUN))

    def options(self) -> dict[str, Any]:
        """Return the options the run was started with."""
        return read_json(files.join(self.path, RUN))

    def write_options(self, options: dict[str, Any]) -> None:
        """Write the run's options."""
        atomic.write_text(files.join(self.path, RUN), json.dumps(options, indent=2, ensure_ascii=False))

    def history(self) -> list[EpochMetrics]:
        """Return the metrics of every epoch so far."""
        return run_history(files.join(self.path, "any"))

    def checkpoints(self) -> dict[int, str]:
        """Return the paths of the complete checkpoints by epoch."""
        return {info.epoch: info.path for info in checkpoints_below(self.path)}

    def best(self, metric: str) -> CheckpointInfo | None:
        """Return the best whole checkpoint by a metric; the earliest on ties, None without any."""
        infos = sorted(checkpoints_below(self.path), key=lambda info: (info.sort_key(metric), info.epoch))
        return first_sound(infos, lambda _: None)

    def last(self, tell: Callable[[str], None] = lambda _: None) -> CheckpointInfo | None:
        """Return the last whole checkpoint, to resume from; `tell` takes a line on each that is passed over."""
        infos = sorted(checkpoints_below(self.path, tell=tell), key=lambda info: -info.epoch)
        return first_sound(infos, tell, training=True)

    @contextlib.contextmanager
    def new_checkpoint(self, epoch: int) -> Iterator[Path]:
        """Yield a local folder for an epoch's checkpoint; it is published atomically after the block."""
        place = files.join(self.path, epoch_folder(epoch))
        with atomic.new_local_folder(place, last=checkpoint_files.METADATA, own=checkpoint_files.is_own) as folder:
            yield folder

    def prune_checkpoints(self, epochs: Collection[int]) -> None:
        """Remove the checkpoints of all other epochs; other files in their folders stay."""
        kept = {epoch_folder(epoch) for epoch in epochs}
        for name in files.folders(self.path):
            if _EPOCH_FOLDER.fullmatch(name) and name not in kept:
                files.remove_own(files.join(self.path, name), checkpoint_files.is_own)

    def write_history(self, history: list[EpochMetrics]) -> None:
        """Write the metrics of every epoch so far."""
        atomic.write_text(files.join(self.path, checkpoint_files.HISTORY), histories.to_csv(history))
