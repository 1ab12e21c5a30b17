"""Who takes part in an evaluation: the best checkpoints, and the two baselines."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.storage import files
from datasets.store.feature_store import fed_of
from datasets.store.film_store import Store
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.metrics import classification
from genre_models.metrics.baselines import TfidfBaseline, prior_scores
from genre_models.metrics.comparison import Entrant, figure
from genre_models.metrics.thresholds import tune_thresholds
from genre_models.models.registry import KINDS
from ray_jobs.cli.console import Countdown, Screen
from ray_jobs.evaluation.eval_films import Judged
from ray_jobs.evaluation.predict import predict_splits
from ray_jobs.inputs.feature_extraction import with_encoder, with_features
from ray_jobs.runs.find_checkpoints import best_below, checkpoints_below, run_history

# What is told of each of several runs, by its name there.
_OF_A_RUN = {
    "loss": "loss",
    "mean_average_precision": "mean_average_precision",
    "micro_f1": "at_tuned_micro_f1",
    "macro_f1": "at_tuned_macro_f1",
}


@dataclasses.dataclass(frozen=True)
class Found:
    """A checkpoint that takes part."""

    path: str
    about: Checkpoint

    @property
    def run(self) -> str:
        """The name of its run."""
        return self.path.rstrip("/").split("/")[-2]

    def trained_on(self, store: Store) -> bool:
        """Return whether it was trained on the films of this store."""
        return bool(self.about.store.get("fingerprint") == store.manifest.fingerprint)


@dataclasses.dataclass(frozen=True)
class Scored:
    """A checkpoint with what it says of the judged films and, where asked for, of the validation films."""

    found: Found
    entrant: Entrant


def find_checkpoints(
    store: Store,
    runs_folder: str,
    given: Mapping[str, Sequence[str]],
    screen: Screen,
    *,
    metric: str = "validation_loss",
) -> dict[str, list[Found]]:
    """Return for each kind of model the checkpoints given (of a run the best one), or the best one trained on this
    store below a folder; a kind with none is left out.

    Raises:
        CheckpointError: there is none at all, or one given is of another kind, is named twice or tells other genres.
    """
    found: dict[str, list[Found]] = {}
    for kind, places in given.items():
        if places:
            found[kind] = [
                read_checkpoint(kind, _best_of(files.absolute(place), kind, metric), store) for place in places
            ]
        elif best := best_below(
            files.absolute(runs_folder), kind=kind, fingerprint=store.manifest.fingerprint, metric=metric
        ):
            found[kind] = [read_checkpoint(kind, best.path, store)]
        else:
            screen.line(f"No {KINDS[kind].label} trained on this store is below {runs_folder}: it is left out")
    if not found:
        others = len(checkpoints_below(files.absolute(runs_folder)))
        hint = f" ({others} trained on other films are there)" if others else ""
        raise CheckpointError(
            f"there is no checkpoint to judge below {runs_folder}{hint}: train one with `python "
            f"ray_jobs/train_cnn.py --store {store.path} --runs {runs_folder}`, or name one by "
            + " or ".join(f"--{kind}" for kind in given)
        )
    for one in _all(found):
        told = one.about.figures
        screen.line(
            f"{one.about.model_kind.label}: epoch {one.about.epoch}, validation loss {told.validation_loss:.4f}, "
            f"mean average precision {told.validation_mean_average_precision:.3f}, {one.path}"
        )
    paths = [one.path for one in _all(found)]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise CheckpointError(f"{twice} is named twice: the mean of several runs needs each of them once")
    return found


def _all(found: Mapping[str, Sequence[Found]]) -> list[Found]:
    return [one for kind in found.values() for one in kind]


def checkpoints_at(place: str, store: Store, *, metric: str) -> list[Found]:
    """Return the checkpoint at a place, or of the runs below it the best of each kind trained on this store.

    Raises:
        CheckpointError: there is none, or one tells other genres.
    """
    if files.exists(files.join(place, "checkpoint.json")):
        return [read_checkpoint(None, place, store)]
    fingerprint = store.manifest.fingerprint
    best = [best_below(place, kind=kind, fingerprint=fingerprint, metric=metric) for kind in KINDS]
    found = [read_checkpoint(None, one.path, store) for one in best if one]
    if not found:
        raise CheckpointError(f"{place} is no checkpoint, and none that was trained on {store.path} is below it")
    return found


def _best_of(place: str, kind: str, metric: str) -> str:
    """Return the checkpoint that a place stands for: itself, or the best of the run (or the runs) below it."""
    if files.exists(files.join(place, "checkpoint.json")):
        return place
    best = best_below(place, kind=kind, metric=metric)
    if best is None:
        raise CheckpointError(f"{place} is no checkpoint of a {kind}, and none is below it")
    return best.path


def read_checkpoint(kind: str | None, path: str, store: Store) -> Found:
    """Read a checkpoint of a kind, or of any, that tells the store's genres.

    Raises:
        CheckpointError: it is of another kind, tells other genres, or is none.
    """
    with tempfile.TemporaryDirectory() as copy:
        about = checkpoints.read(files.download(path, Path(copy)))
    if kind not in (None, about.kind):
        raise CheckpointError(f"{path} holds a {about.kind}, not a {kind}")
    if about.genres != store.manifest.genres:
        raise CheckpointError(f"{path} tells other genres than {store.path}: evaluate it with its own store")
    # A run that was cut short has later epochs on record than its best checkpoint knows of.
    whole = run_history(path)
    if len(whole) > len(about.history) and tuple(whole[: about.epoch]) == about.history[: about.epoch]:
        about = dataclasses.replace(about, history=tuple(whole))
    return Found(path, about)


def require_unseen(found: Mapping[str, Iterable[Found]], store: Store) -> None:
    """Refuse to judge on a store's test films a model that was trained on another store, perhaps on those very films.

    Raises:
        CheckpointError: naming the checkpoint.
    """
    for one in (one for kind in found.values() for one in kind):
        if not one.trained_on(store):
            raise CheckpointError(
                f"{one.path} was trained on another store ({one.about.store.get('path')}), perhaps on films that are "
                f"test films in {store.path}: give that --store, or judge on a folder of --films"
            )


def score(
    found: Found, store: Store, judged: Judged, screen: Screen, *, use_gpu: bool, validate: bool = False
) -> Scored:
    """Let a checkpoint's model, loaded once, score the judged films and, with `validate`, the store's validation
    films."""
    about, timer = found.about, Countdown()
    kind, label = about.model_kind, f"{about.model_kind.label} ({found.run})"
    screen.status(f"{label}: loading")
    wanted = [(judged.store, "test"), *([(store, "validation")] if validate else [])]
    fed: dict[str, Any] = {}
    for films, split in wanted:
        fed = with_features(with_encoder(about), films, (split,), screen, use_gpu=use_gpu).features
    number = sum(films.manifest.films[split] for films, split in wanted)
    scores = predict_splits(
        wanted,
        found.path,
        sees=kind.sees,
        features=fed_of(fed),
        use_gpu=use_gpu,
        progress=lambda done: screen.status(f"{label}: {done:,} of {number:,} films{timer.left(done, number)}"),
    )
    entrant = Entrant(
        about.kind,
        scores[0],
        np.array(about.thresholds),
        {
            "label": kind.label,
            "sees": kind.sees,
            "what": kind.what,
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
        scores[1] if validate else None,
    )
    return Scored(found, entrant)


def enter_runs(scored: Sequence[Scored], store: Store, judged: Judged) -> Entrant:
    """Return one model: the only run as it is, or the mean of the probabilities of several runs of one kind.

    The mean has thresholds of its own, tuned on the validation films, and the history and settings of the run with the
    lowest validation loss; `runs` in its `about` has each run's own figures on the judged films.
    """
    if len(scored) == 1:
        return scored[0].entrant
    members = [one.entrant for one in scored]
    best = min(scored, key=lambda one: one.found.about.figures.validation_loss).entrant
    validation = np.mean([one.validation for one in members if one.validation is not None], axis=0)
    return Entrant(
        best.key,
        np.mean([one.scores for one in members], axis=0),
        tune_thresholds(store.labels("validation"), validation),
        {
            **best.about,
            "what": f"mean of {len(members)} runs of {best.about['what']}",
            "parameters": sum(one.about["parameters"] for one in members),
            "seconds": sum(one.about["seconds"] for one in members),
            "runs": [_of_a_run(one, judged) for one in scored],
        },
        validation,
    )


def _of_a_run(scored: Scored, judged: Judged) -> dict[str, Any]:
    """Return what is told of one of several runs."""
    one = scored.entrant
    metrics = classification.metrics(judged.labels, one.scores, one.thresholds)
    return {
        "name": scored.found.run,
        "checkpoint": scored.found.path,
        "epoch": one.about["epoch"],
        "epochs": one.about["epochs"],
        "seed": one.about["recipe"].get("seed"),
        **{short: figure(metrics, name) for short, name in _OF_A_RUN.items()},
    }


def enter_baselines(store: Store, judged: Judged, screen: Screen) -> list[Entrant]:
    """Fit the baselines to the store's training films and let them score the judged and the validation films."""
    screen.status("fitting the baselines")
    labels = {split: store.labels(split) for split in ("train", "validation")}
    overviews = {split: store.table(split, ["overview"])["overview"].to_pylist() for split in labels}
    prior = prior_scores(labels["train"], len(labels["validation"]))
    started = time.monotonic()
    model = TfidfBaseline(overviews["train"], labels["train"])
    fitted = time.monotonic() - started
    tfidf = model.scores(overviews["validation"])
    return [
        Entrant(
            "prior",
            prior_scores(labels["train"], len(judged.labels)),
            tune_thresholds(labels["validation"], prior),
            untrained(
                "Prior",
                "nothing",
                "each genre's share of the training films, the same answer for every film",
                labels["train"].shape[1],
            ),
            prior,
        ),
        Entrant(
            "tfidf",
            model.scores(judged.overviews),
            tune_thresholds(labels["validation"], tfidf),
            untrained(
                "TF-IDF",
                "overview",
                "the overview's words and word pairs, weighted by TF-IDF, with a logistic regression for each genre",
                model.parameters,
                fitted,
            ),
            tfidf,
        ),
    ]


def untrained(label: str, sees: str, what: str, parameters: int, seconds: float = 0.0) -> dict[str, Any]:
    """Return what is told of a model that has no training run: `Entrant.about`."""
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
