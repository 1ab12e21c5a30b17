"""The checkpoints below a runs folder: found again, and the best of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.storage import files
from genre_models import checkpoint as checkpoints
from genre_models.training import history as histories
from genre_models.training.history import EpochMetrics
from ray_jobs.runs.find_ablations import variants_below


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint below a runs folder."""

    path: str
    about: dict[str, Any]
    """What its checkpoint.json says."""

    @property
    def epoch(self) -> int:
        """Return the epoch after which it was taken, from 1."""
        return int(self.about["epoch"])

    def sort_key(self, metric: str) -> float:
        """Return its sort key by a metric: lower is better."""
        return histories.sort_key(float(self.about["figures"][metric]), metric)


def checkpoints_below(folder: str) -> list[CheckpointInfo]:
    """Return every whole checkpoint below a folder; what cannot be read is passed over."""
    found = []
    for path in files.find(folder, "checkpoint.json"):
        try:
            about = checkpoints.parse(files.read_text(path), where=path)
        except (checkpoints.CheckpointError, FileNotFoundError):
            continue
        if about["figures"]:
            found.append(CheckpointInfo(path.rsplit("/", 1)[0], about))
    return found


def best_below(
    folder: str, *, kind: str, fingerprint: str | None = None, metric: str = "validation_loss"
) -> CheckpointInfo | None:
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
    return min(fitting, key=lambda found: found.sort_key(metric), default=None)


def find_init_checkpoint(place: str, about: checkpoints.Checkpoint, metric: str) -> str:
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
            "words that they do not stand for. Give this one the options of that run, or leave out --init-from"
        )
    return found.path


def _words(about: checkpoints.Checkpoint) -> str:
    """Say which words a model knows: how many, and by which tokenizer."""
    return f"{len(about.vocabulary):,} by the tokenizer {about.config.tokenizer}"


def run_history(path: str) -> list[EpochMetrics]:
    """Return the run's figures of every epoch, given one of its checkpoints; empty where the run keeps none."""
    try:
        return histories.from_csv(files.read_text(files.join(path.rsplit("/", 1)[0], "history.csv")))
    except FileNotFoundError:
        return []
