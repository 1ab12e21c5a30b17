"""Checkpoints below a runs folder, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets.storage import files
from genre_models import checkpoint as checkpoints
from genre_models.predictors import find
from genre_models.training import history as histories
from genre_models.training.history import EpochMetrics
from ray_jobs.runs.find_ablations import variants_below


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint below a runs folder."""

    path: str
    metadata: dict[str, Any]
    """Content of its checkpoint.json."""

    @property
    def epoch(self) -> int:
        """Return the epoch after which it was saved, from 1."""
        return int(self.metadata["epoch"])

    def sort_key(self, metric: str) -> float:
        """Return the sort key for a metric; less is better."""
        return histories.sort_key(float(self.metadata["figures"][metric]), metric)


def checkpoints_below(folder: str) -> list[CheckpointInfo]:
    """Return every complete checkpoint below a folder; skip unreadable ones, and copies in model folders."""
    return [CheckpointInfo(path, about) for path, about in find.checkpoints_below(folder)]


def best_below(
    folder: str, *, kind: str, fingerprint: str | None = None, metric: str = "validation_loss"
) -> CheckpointInfo | None:
    """Return the best checkpoint of a kind by a metric; ablation variants are skipped.

    `fingerprint` is the training store's: metrics on other films are not comparable."""
    variants = variants_below(folder)
    fitting = [
        info
        for info in checkpoints_below(folder)
        if info.metadata["kind"] == kind
        and fingerprint in (None, info.metadata["store"].get("fingerprint"))
        and info.path.rsplit("/", 1)[0] not in variants
    ]
    return min(fitting, key=lambda info: info.sort_key(metric), default=None)


def find_init_checkpoint(path: str, checkpoint: checkpoints.Checkpoint, metric: str) -> str:
    """Return the path of the initial weights' checkpoint: at `path`, or the best one below it.

    Raises:
        CheckpointError: there is none of this kind on these films, or its encoder weights or its vocabulary differ.
    """
    best = best_below(path, kind=checkpoint.kind, fingerprint=checkpoint.store["fingerprint"], metric=metric)
    if best is None:
        raise checkpoints.CheckpointError(
            f"there is no {checkpoint.kind} trained on the films of {checkpoint.store['path']} at {path} to start from"
        )
    with files.local_copy(best.path) as copy:
        start = checkpoints.read(copy)
    for of_start, of_new in zip(start.inputs.digests, checkpoint.inputs.digests, strict=False):
        if of_start != of_new:
            raise checkpoints.CheckpointError(
                f"{best.path} was trained with an encoder of the weights {of_start[:12]}…, and this one has "
                f"{of_new[:12]}…: train its start anew, or name the encoder's weights"
            )
    if start.vocabulary and checkpoint.vocabulary and start.vocabulary != checkpoint.vocabulary:
        raise checkpoints.CheckpointError(
            f"{best.path} knows other words ({_words(start)}) than this model ({_words(checkpoint)}): vectors would go "
            "to words that they do not stand for. Give this one the options of that run, or leave out --init-from"
        )
    return best.path


def _words(checkpoint: checkpoints.Checkpoint) -> str:
    """Return the size and the tokenizer of a model's vocabulary, for messages."""
    ids = checkpoint.inputs.own_vocabulary
    return f"{len(checkpoint.vocabulary):,} by the tokenizer {ids.tokenizer if ids else 'none'}"


def run_history(path: str) -> list[EpochMetrics]:
    """Return the metrics of every epoch of a checkpoint's run; empty if it has no history."""
    try:
        return histories.from_csv(files.read_text(files.join(path.rsplit("/", 1)[0], "history.csv")))
    except FileNotFoundError:
        return []
