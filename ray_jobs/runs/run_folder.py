"""The runs folder: where a run keeps its checkpoints and figures, and how the best are found again.

RUNS/NAME/epoch-031/        checkpoints: the best by the run's --metric, and the last (to resume from)
RUNS/NAME/history.csv       every epoch's figures so far
RUNS/NAME/run.json          the options the run was started with
RUNS/NAME/tensorboard/      the same figures for TensorBoard
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from datasets.storage import atomic, files
from genre_models import checkpoint as checkpoints
from genre_models.training import history as histories
from genre_models.training.history import Epoch
from ray_jobs.runs.find_ablations import variants_below

_EPOCH = "epoch-"


def epoch_folder(epoch: int) -> str:
    """Return the name of the folder that holds an epoch's checkpoint."""
    return f"{_EPOCH}{epoch:03d}"


@dataclass(frozen=True)
class Found:
    """A checkpoint below a runs folder."""

    path: str
    about: dict[str, Any]
    """What its checkpoint.json says."""

    @property
    def epoch(self) -> int:
        """Return the epoch after which it was taken, from 1."""
        return int(self.about["epoch"])

    def badness(self, metric: str) -> float:
        """Return how it stands by a metric, less is better."""
        return histories.badness(float(self.about["figures"][metric]), metric)


def checkpoints_below(folder: str) -> list[Found]:
    """Return every whole checkpoint below a folder; what cannot be read is passed over."""
    found = []
    for path in files.find(folder, "checkpoint.json"):
        try:
            about = checkpoints.parse(files.read_text(path), where=path)
        except (checkpoints.CheckpointError, FileNotFoundError):
            continue
        if about["figures"]:
            found.append(Found(path.rsplit("/", 1)[0], about))
    return found


def best_below(
    folder: str, *, kind: str, fingerprint: str | None = None, metric: str = "validation_loss"
) -> Found | None:
    """Return the checkpoint of a kind that is best by a metric, among those trained on the store of this
    fingerprint: figures on other films do not compare. The variants of an ablation are passed over."""
    variants = variants_below(folder)
    fitting = [
        found
        for found in checkpoints_below(folder)
        if found.about["kind"] == kind
        and fingerprint in (None, found.about["store"].get("fingerprint"))
        and found.path.rsplit("/", 1)[0] not in variants
    ]
    return min(fitting, key=lambda found: found.badness(metric), default=None)


def start_of(place: str, about: checkpoints.Checkpoint, metric: str) -> str:
    """Return the path of the checkpoint whose weights a new model begins with: at `place`, or the best one below it.

    Raises:
        CheckpointError: there is none of this kind on these films, or its encoder had other weights, or it knows other
            words.
    """
    found = best_below(place, kind=about.kind, fingerprint=about.store["fingerprint"], metric=metric)
    if found is None:
        raise checkpoints.CheckpointError(
            f"there is no {about.kind} trained on the films of {about.store['path']} at {place} to start from"
        )
    with tempfile.TemporaryDirectory() as copy:
        start = checkpoints.read(files.download(found.path, Path(copy)))
    for of_start, of_new in zip(start.encoders, about.encoders, strict=False):
        if of_start != of_new:
            raise checkpoints.CheckpointError(
                f"{found.path} was trained with an encoder of the weights {of_start[:12]}…, and this one has "
                f"{of_new[:12]}…: train its start anew, or name the encoder's weights"
            )
    if start.vocabulary and about.vocabulary and start.vocabulary != about.vocabulary:
        raise checkpoints.CheckpointError(
            f"{found.path} knows other words ({_words(start)}) than this model ({_words(about)}): vectors would go to "
            "words that they do not stand for. Give this one the options of that run, or leave out --start-from"
        )
    return found.path


def _words(about: checkpoints.Checkpoint) -> str:
    """Say which words a model knows: how many, and by which tokenizer."""
    return f"{len(about.vocabulary):,} by the tokenizer {about.config.tokenizer}"


def run_history(path: str) -> list[Epoch]:
    """Return the run's figures of every epoch, given one of its checkpoints; empty where the run keeps none."""
    try:
        return histories.from_csv(files.read_text(files.join(path.rsplit("/", 1)[0], "history.csv")))
    except FileNotFoundError:
        return []


class RunFolder:
    """Writes what a run keeps beside its checkpoints."""

    def __init__(self, runs: str, name: str) -> None:
        self.path = files.join(runs, name)

    def exists(self) -> bool:
        """Return whether the run was ever started."""
        return files.exists(files.join(self.path, "run.json"))

    def options(self) -> dict[str, Any]:
        """Return the options the run was started with."""
        return dict(json.loads(files.read_text(files.join(self.path, "run.json"))))

    def write_options(self, options: dict[str, Any]) -> None:
        """Keep the options of the run."""
        atomic.write_text(files.join(self.path, "run.json"), json.dumps(options, indent=2, ensure_ascii=False))

    def history(self) -> list[Epoch]:
        """Return the figures kept so far."""
        return run_history(files.join(self.path, "any"))

    def checkpoints(self) -> dict[int, str]:
        """Return the run's whole checkpoints by epoch."""
        return {one.epoch: one.path for one in checkpoints_below(self.path)}

    def best(self, metric: str) -> Found | None:
        """Return the whole checkpoint that is best by a metric, the first of equals; None where there is none."""
        found = checkpoints_below(self.path)
        return min(found, key=lambda one: (one.badness(metric), one.epoch), default=None)

    @contextlib.contextmanager
    def new_checkpoint(self, epoch: int) -> Iterator[Path]:
        """Give a local folder to write an epoch's checkpoint to; it is the run's once the block has ended."""
        with atomic.new_folder(files.join(self.path, epoch_folder(epoch)), last="checkpoint.json") as folder:
            yield folder

    def keep(self, epochs: Collection[int]) -> None:
        """Remove the checkpoints of all other epochs."""
        kept = {epoch_folder(epoch) for epoch in epochs}
        for name in files.folders(self.path):
            if name.startswith(_EPOCH) and name not in kept:
                files.remove_folder(files.join(self.path, name))

    def write_history(self, history: list[Epoch]) -> None:
        """Keep the figures of every epoch so far."""
        atomic.write_text(files.join(self.path, "history.csv"), histories.to_csv(history))


class TensorBoard:
    """Writes each epoch's figures as TensorBoard events, on whatever filesystem the run is kept."""

    def __init__(self, run: str) -> None:
        from tensorboardX import SummaryWriter

        self._target = files.join(run, "tensorboard")
        self._local = files.is_local(run)
        folder = files.resolve(self._target)[1] if self._local else tempfile.mkdtemp(prefix="tensorboard-")
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writer = SummaryWriter(folder)

    def write(self, epoch: Epoch) -> None:
        """Add one epoch: training and validation of a figure under one name each."""
        for name, value in asdict(epoch).items():
            if name == "epoch":
                continue
            side, figure = (
                ("validation", name.removeprefix("validation_"))
                if name.startswith("validation_")
                else (
                    "training",
                    name,
                )
            )
            self._writer.add_scalar(f"{figure}/{side}", value, epoch.epoch)
        self._writer.flush()
        if not self._local:
            filesystem, inner = files.resolve(self._target)
            pafs.copy_files(self._folder, inner, destination_filesystem=filesystem)

    def close(self) -> None:
        """End writing; of a run kept elsewhere nothing stays on this machine."""
        self._writer.close()
        if not self._local:
            shutil.rmtree(self._folder, ignore_errors=True)
