"""Who takes part in an evaluation: the best checkpoints, and the two baselines."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from datasets import files
from datasets.store import Store
from genre_models import checkpoint as checkpoints
from genre_models.baselines import TfidfBaseline, prior_scores
from genre_models.catalog import KINDS
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.comparison import Entrant
from genre_models.thresholds import tune_thresholds
from ray_jobs._shared import runs
from ray_jobs._shared.judged import Judged
from ray_jobs._shared.predict import predict
from ray_jobs._shared.screen import Countdown, Screen


@dataclasses.dataclass(frozen=True)
class Found:
    """A checkpoint that takes part."""

    path: str
    about: Checkpoint


def find_checkpoints(
    store: Store, runs_folder: str, given: dict[str, str], screen: Screen, *, metric: str = "validation_loss"
) -> list[Found]:
    """Return the checkpoint given for each kind of model, or the best one trained on this store below a folder.

    Raises:
        CheckpointError: there is none at all, or one given is of another kind or tells other genres.
    """
    found: list[Found] = []
    for kind, path in given.items():
        if path:
            found.append(read_checkpoint(kind, files.absolute(path), store))
        elif best := runs.best_below(
            files.absolute(runs_folder), kind=kind, fingerprint=store.manifest.fingerprint, metric=metric
        ):
            found.append(read_checkpoint(kind, best.path, store))
        else:
            screen.line(f"No {KINDS[kind].label} trained on this store is below {runs_folder}: it is left out")
    if not found:
        others = len(runs.checkpoints_below(files.absolute(runs_folder)))
        hint = f" ({others} trained on other films are there)" if others else ""
        raise CheckpointError(
            f"there is no checkpoint to judge below {runs_folder}{hint}: train one with `python "
            f"ray_jobs/train_cnn.py --store {store.path} --runs {runs_folder}`, or name one by --cnn or --lstm"
        )
    for path, about in ((one.path, one.about) for one in found):
        told = about.figures
        screen.line(
            f"{about.model_kind.label}: epoch {about.epoch}, validation loss {told.validation_loss:.4f}, "
            f"mean average precision {told.validation_mean_average_precision:.3f}, {path}"
        )
    return found


def read_checkpoint(kind: str, path: str, store: Store) -> Found:
    """Read a checkpoint of a kind that tells the store's genres.

    Raises:
        CheckpointError: it is of another kind, tells other genres, or is none.
    """
    with tempfile.TemporaryDirectory() as copy:
        about = checkpoints.read(files.download(path, Path(copy)))
    if about.kind != kind:
        raise CheckpointError(f"{path} holds a {about.kind}, not a {kind}")
    if about.genres != store.manifest.genres:
        raise CheckpointError(f"{path} tells other genres than {store.path}: evaluate it with its own store")
    # A run that was cut short has later epochs on record than its best checkpoint knows of.
    whole = runs.run_history(path)
    if len(whole) > len(about.history) and tuple(whole[: about.epoch]) == about.history[: about.epoch]:
        about = dataclasses.replace(about, history=tuple(whole))
    return Found(path, about)


def require_unseen(found: list[Found], store: Store) -> None:
    """Refuse to judge on a store's test films a model that was trained on another store, perhaps on those very films.

    Raises:
        CheckpointError: naming the checkpoint.
    """
    for one in found:
        if one.about.store.get("fingerprint") != store.manifest.fingerprint:
            raise CheckpointError(
                f"{one.path} was trained on another store ({one.about.store.get('path')}), perhaps on films that are "
                f"test films in {store.path}: give that --store, or judge on a folder of --films"
            )


def enter_checkpoint(found: Found, judged: Judged, screen: Screen, *, use_gpu: bool) -> Entrant:
    """Let a checkpoint's model score the judged films."""
    about, films, timer = found.about, len(judged.labels), Countdown()
    label = about.model_kind.label
    screen.status(f"{label}: loading")
    scores = predict(
        judged.store,
        "test",
        found.path,
        sees=about.model_kind.sees,
        use_gpu=use_gpu,
        progress=lambda done: screen.status(f"{label}: {done:,} of {films:,}{timer.left(done, films)}"),
    )
    return Entrant(
        about.kind,
        scores,
        np.array(about.thresholds),
        {
            "label": label,
            "sees": about.model_kind.sees,
            "what": about.model_kind.what,
            "checkpoint": found.path,
            "epoch": about.epoch,
            "epochs": len(about.history),
            "parameters": about.parameters,
            "seconds": sum(epoch.seconds for epoch in about.history),
            "config": dataclasses.asdict(about.config),
            "recipe": dataclasses.asdict(about.recipe),
            "versions": about.versions,
            "history": [dataclasses.asdict(epoch) for epoch in about.history],
        },
    )


def enter_baselines(store: Store, judged: Judged, screen: Screen) -> list[Entrant]:
    """Fit the baselines to the store's training films and let them score the judged films."""
    screen.status("fitting the baselines")
    labels = {split: store.labels(split) for split in ("train", "validation")}
    overviews = {split: store.table(split, ["overview"])["overview"].to_pylist() for split in labels}
    prior = Entrant(
        "prior",
        prior_scores(labels["train"], len(judged.labels)),
        tune_thresholds(labels["validation"], prior_scores(labels["train"], len(labels["validation"]))),
        _baseline(
            "Prior",
            "nothing",
            "each genre's share of the training films, the same answer for every film",
            labels["train"].shape[1],
        ),
    )
    started = time.monotonic()
    model = TfidfBaseline(overviews["train"], labels["train"])
    tfidf = Entrant(
        "tfidf",
        model.scores(judged.overviews),
        tune_thresholds(labels["validation"], model.scores(overviews["validation"])),
        _baseline(
            "TF-IDF",
            "overview",
            "the overview's words and word pairs, weighted by TF-IDF, with a logistic regression for each genre",
            model.parameters,
            time.monotonic() - started,
        ),
    )
    return [prior, tfidf]


def _baseline(label: str, sees: str, what: str, parameters: int, seconds: float = 0.0) -> dict[str, Any]:
    none = dict.fromkeys(("checkpoint", "epoch", "epochs", "config", "recipe", "versions"))
    return {
        "label": label,
        "sees": sees,
        "what": what,
        "parameters": parameters,
        "seconds": seconds,
        "history": [],
        **none,
    }
