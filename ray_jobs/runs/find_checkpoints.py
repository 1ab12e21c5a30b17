"""Checkpoints below a runs folder, and the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datasets.storage import files
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint_files import HISTORY
from genre_models.models.option_checks import in_short
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
        return find.sort_key(self.metadata, metric)


def checkpoints_below(folder: str, *, tell: find.Tell = lambda _: None) -> list[CheckpointInfo]:
    """Return every complete checkpoint below a folder; skip unreadable ones, and copies in model folders.

    `tell` takes a line on each unreadable one.
    """
    return [CheckpointInfo(path, about) for path, about in find.checkpoints_below(folder, tell=tell)]


def first_sound(infos: Iterable[CheckpointInfo], tell: find.Tell, *, training: bool = False) -> CheckpointInfo | None:
    """Return the first of several checkpoints whose files are those that were written; see `find.first_sound`."""
    sound = find.first_sound(((info.path, info.metadata) for info in infos), tell, training=training)
    return CheckpointInfo(*sound) if sound else None


def best_below(
    folder: str,
    *,
    kind: str,
    fingerprint: str | None = None,
    metric: str = "validation_loss",
    tell: find.Tell = find.warn,
) -> CheckpointInfo | None:
    """Return the best whole checkpoint of a kind by a metric; ablation variants are skipped.

    Args:
        folder: where to look.
        kind: the model's key in the registry.
        fingerprint: the training store's: metrics on other films are not comparable.
        metric: selects the best.
        tell: takes a line on each broken checkpoint that is passed over.
    """
    variants = variants_below(folder)
    fitting = [
        info
        for info in checkpoints_below(folder, tell=tell)
        if info.metadata["kind"] == kind
        and fingerprint in (None, (info.metadata.get("store") or {}).get("fingerprint"))
        and files.parent(info.path) not in variants
    ]
    return first_sound(sorted(fitting, key=lambda info: info.sort_key(metric)), tell)


def find_init_checkpoint(
    path: str, checkpoint: checkpoints.Checkpoint, metric: str, tell: find.Tell = find.warn
) -> str:
    """Return the path of the initial weights' checkpoint: at `path`, or the best one below it.

    `tell` takes a line on each broken checkpoint that is passed over.

    Raises:
        CheckpointError: there is none of this kind on these films, or its encoder weights or its vocabulary differ.
    """
    best = best_below(path, kind=checkpoint.kind, fingerprint=checkpoint.store["fingerprint"], metric=metric, tell=tell)
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
    """Return the metrics of every epoch of a checkpoint's run; empty if it has no history.

    Raises:
        CheckpointError: the history is damaged.
    """
    where = files.join(files.parent(path), HISTORY)
    try:
        return histories.from_csv(files.read_text(where))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise checkpoints.CheckpointError(
            f"{where} is damaged ({in_short(error)}): remove it; each checkpoint has a history of its own"
        ) from error
