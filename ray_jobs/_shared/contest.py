"""The contest of an evaluation: who takes part, on which films, and what comes of it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs as pafs

from datasets import files
from datasets.films import FilmsError
from datasets.imdb_folder import POSTERS_NAME, find_folder
from datasets.posters import PosterError, thumbnail_jpeg, to_jpeg
from datasets.prepare import Preparation, prepare
from datasets.store import Store, poster_array
from genre_models import checkpoint as checkpoints
from genre_models import showcase
from genre_models.baselines import TfidfBaseline, prior_scores
from genre_models.catalog import KINDS
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.comparison import Entrant, compare
from genre_models.judge import top3, top3_recalls
from genre_models.report.page import write_report
from genre_models.thresholds import tune_thresholds
from ray_jobs._shared import runs
from ray_jobs._shared.predict import predict
from ray_jobs._shared.screen import Countdown, Screen, duration


@dataclasses.dataclass(frozen=True)
class Judged:
    """The films the models are judged on."""

    store: Store
    split: str
    labels: np.ndarray
    """float32 [films, genres], columns in the order of the models' genres."""
    overviews: list[str]
    where: str
    """What they are, in words."""
    own: bool
    """Whether they are a folder of the user's rather than the store's test films."""


class Contest:
    """Holds one evaluation's models and films."""

    def __init__(self, store: Store, screen: Screen, *, use_gpu: bool = False) -> None:
        self._store, self._screen, self._use_gpu = store, screen, use_gpu
        self._checkpoints: dict[str, tuple[str, Checkpoint]] = {}

    # -- who ----------------------------------------------------------------------------------------------------------

    def enter_checkpoints(self, runs_folder: str, given: dict[str, str]) -> None:
        """Enter the checkpoint given for each kind of model, or the best one below the runs folder.

        Raises:
            CheckpointError: there is none at all, or one given does not fit the store.
        """
        for kind, path in given.items():
            if path:
                self._enter(kind, files.absolute(path))
                continue
            best = runs.best_below(files.absolute(runs_folder), kind=kind, fingerprint=self._store.manifest.fingerprint)
            if best is not None:
                self._enter(kind, best.path)
            else:
                self._screen.line(
                    f"No {KINDS[kind].label} trained on this store is below {runs_folder}: the comparison goes without one"
                )
        if not self._checkpoints:
            others = runs.checkpoints_below(files.absolute(runs_folder))
            hint = f" ({len(others)} trained on other films are there)" if others else ""
            raise CheckpointError(
                f"there is no checkpoint to judge below {runs_folder}{hint}: train one with "
                f"`python ray_jobs/train_cnn.py --store {self._store.path} --runs {runs_folder}`, or name one with --cnn or --lstm"
            )

    def _enter(self, kind: str, path: str) -> None:
        with tempfile.TemporaryDirectory() as copy:
            about = checkpoints.read(files.download(path, Path(copy)))
        if about.kind != kind:
            raise CheckpointError(f"{path} holds a {about.kind}, not a {kind}")
        if about.genres != self._store.manifest.genres:
            raise CheckpointError(f"{path} tells other genres than {self._store.path}: evaluate it with its own store")
        whole = runs.run_history(path)
        if len(whole) > len(about.history) and tuple(whole[: about.epoch]) == about.history[: about.epoch]:
            about = dataclasses.replace(about, history=tuple(whole))
        figures = about.history[about.epoch - 1]
        self._checkpoints[kind] = (path, about)
        self._screen.line(
            f"{about.model_kind.label}: epoch {about.epoch}, validation loss {figures.validation_loss:.4f}, {path}"
        )

    # -- on what --------------------------------------------------------------------------------------------------------

    def choose_films(self, folder: str, report: str) -> None:
        """Judge on a labelled folder of films, or on the store's test films where none is given.

        Raises:
            CheckpointError: the store's test films may have taught a model, because it was trained on another store.
            FilmsError: the folder cannot be used.
        """
        if not folder:
            for path, about in self._checkpoints.values():
                if about.store.get("fingerprint") != self._store.manifest.fingerprint:
                    raise CheckpointError(
                        f"{path} was trained on another store ({about.store.get('path')}), perhaps on the films that are "
                        f"test films in {self._store.path}: give that --store, or judge on a folder of other --films"
                    )
            self._judged = Judged(
                store=self._store,
                split="test",
                labels=self._store.labels("test"),
                overviews=self._store.table("test", ["overview"])["overview"].to_pylist(),
                where=f"the test films of {self._store.path}",
                own=False,
            )
        else:
            self._judged = self._own_films(folder, report)
        if not len(self._judged.labels):
            raise FilmsError(f"there is no film to judge on in {self._judged.where}")

    def _own_films(self, folder: str, report: str) -> Judged:
        """Prepare a folder of films for judging; its store lives beside the report while the job runs."""
        path = files.join(files.absolute(report), ".judged-films")
        height, width = self._store.manifest.poster_shape[:2]
        how = Preparation(height, width, shares={"train": 0.0, "validation": 0.0, "test": 1.0}, max_rejects=1.0)
        timer = Countdown()
        prepare(
            folder,
            path,
            how,
            lambda what, done, films: self._screen.status(f"{what}: {done:,} of {films:,}{timer.left(done, films)}"),
        )
        self._scratch = path
        store = Store.open(path)
        missing = [genre for genre in self._store.manifest.genres if genre not in store.manifest.genres]
        if missing:
            raise FilmsError(
                f"{folder} has no column for the genre {', '.join(missing)}: the models tell it, so its films must say it"
            )
        for reason, count in store.manifest.source["rejects"].items():
            self._screen.line(f"  {count:>6,} films set aside: {reason}")
        columns = [store.manifest.genres.index(genre) for genre in self._store.manifest.genres]
        return Judged(
            store=store,
            split="test",
            labels=store.labels("test")[:, columns],
            overviews=store.table("test", ["overview"])["overview"].to_pylist(),
            where=f"the films in {folder}",
            own=True,
        )

    # -- scores -----------------------------------------------------------------------------------------------------------

    def score(self) -> None:
        """Let every model score the judged films."""
        films = len(self._judged.labels)
        self._entrants = [self._trained(kind) for kind in self._checkpoints]
        self._screen.status("fitting the baselines")
        self._entrants += self._baselines()
        self._screen.line(f"Judged {len(self._entrants)} models on {films:,} films: {self._judged.where}")

    def _trained(self, kind: str) -> Entrant:
        path, about = self._checkpoints[kind]
        films, timer = len(self._judged.labels), Countdown()
        label = about.model_kind.label
        self._screen.status(f"{label}: loading")
        scores = predict(
            self._judged.store,
            self._judged.split,
            path,
            use_gpu=self._use_gpu,
            progress=lambda done: self._screen.status(f"{label}: {done:,} of {films:,}{timer.left(done, films)}"),
        )
        return Entrant(
            kind,
            scores,
            np.array(about.thresholds),
            {
                "label": label,
                "sees": about.model_kind.sees,
                "what": about.model_kind.what,
                "checkpoint": path,
                "epoch": about.epoch,
                "epochs": len(about.history),
                "parameters": about.parameters,
                "seconds": sum(epoch.seconds for epoch in about.history),
                "config": dataclasses.asdict(about.config),
                "recipe": dataclasses.asdict(about.recipe),
                "history": [dataclasses.asdict(epoch) for epoch in about.history],
            },
        )

    def _baselines(self) -> list[Entrant]:
        train, validation = (self._store.labels(split) for split in ("train", "validation"))
        overviews = {
            split: self._store.table(split, ["overview"])["overview"].to_pylist() for split in ("train", "validation")
        }
        started = time.monotonic()
        tfidf = TfidfBaseline(overviews["train"], train)
        seconds = time.monotonic() - started
        none: dict[str, Any] = {
            "checkpoint": None,
            "epoch": None,
            "epochs": None,
            "config": None,
            "recipe": None,
            "history": [],
        }
        return [
            Entrant(
                "prior",
                prior_scores(train, len(self._judged.labels)),
                tune_thresholds(validation, prior_scores(train, len(validation))),
                {
                    "label": "Prior",
                    "sees": "nothing",
                    "what": "each genre's share of the training films, the same answer for every film",
                    "parameters": train.shape[1],
                    "seconds": 0.0,
                    **none,
                },
            ),
            Entrant(
                "tfidf",
                tfidf.scores(self._judged.overviews),
                tune_thresholds(validation, tfidf.scores(overviews["validation"])),
                {
                    "label": "TF-IDF",
                    "sees": "overview",
                    "what": f"word and word-pair frequencies (TF-IDF) of the overview with a logistic regression a genre, "
                    f"fitted to {tfidf.films:,} training films",
                    "parameters": tfidf.parameters,
                    "seconds": seconds,
                    **none,
                },
            ),
        ]

    # -- the report ---------------------------------------------------------------------------------------------------------

    def report(self, folder: str, *, resamples: int, seed: int) -> None:
        """Judge, and write the comparison into the report folder."""
        self._screen.status(f"judging: {resamples:,} resamples of {len(self._judged.labels):,} films")
        timer = Countdown()
        comparison = self._about() | compare(
            self._judged.labels, self._entrants, self._store.manifest.genres, resamples=resamples, seed=seed
        )
        comparison["showcase"] = self._showcase()
        with _written_to(folder) as local:
            paths = write_report(comparison, local)
        if self._judged.own:
            filesystem, inner = files.resolve(self._scratch)
            filesystem.delete_dir(inner)
        for line in table(comparison):
            self._screen.line(line)
        self._screen.line(
            f"\nThe comparison ({duration(timer.elapsed)}): {files.join(files.absolute(folder), paths.html.name)}"
        )

    def _about(self) -> dict[str, Any]:
        """Return what the comparison says beside the models' figures."""
        manifest, judged = self._store.manifest, self._judged
        taught = set(self._store.table("train", ["overview"])["overview"].to_pylist()) if judged.own else set()
        counts = judged.labels.sum(axis=0).astype(int).tolist()
        return {
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": shlex.join(["python", *sys.argv]),
            "versions": next(iter(self._checkpoints.values()))[1].versions,
            "films": {
                **manifest.films,
                "rejected": sum(manifest.source["rejects"].values()),
                "judged": len(judged.labels),
            },
            "judged_on": judged.where,
            "judged_rejects": judged.store.manifest.source["rejects"] if judged.own else {},
            "seen_in_training": sum(overview in taught for overview in judged.overviews),
            "source": manifest.source["folder"],
            "store": self._store.path,
            "genre_counts": {
                "train": manifest.genre_films["train"],
                "validation": manifest.genre_films["validation"],
                "judged": dict(zip(manifest.genres, counts, strict=True)),
            },
        }

    def _showcase(self) -> list[dict[str, Any]]:
        """Return a dozen films that show where the models are right and wrong."""
        judged, genres = self._judged, self._store.manifest.genres
        scores = {e.key: e.scores for e in self._entrants}
        shown = showcase.choose(judged.labels, {key: scores[key] for key in self._checkpoints})
        rows = [choice.film for choice in shown]
        ids = judged.store.table(judged.split, ["id"])["id"].take(rows).to_pylist() if rows else []
        recalls = {key: top3_recalls(judged.labels, value) for key, value in scores.items()}
        best = {key: top3(value) for key, value in scores.items()}
        return [
            {
                "id": film_id,
                "overview": judged.overviews[film],
                "genres": [genres[g] for g in np.flatnonzero(judged.labels[film])],
                "kind": choice.kind,
                "poster_jpeg": poster,
                "top3": {key: [[genres[g], float(scores[key][film, g])] for g in best[key][film]] for key in scores},
                "score": {key: float(recalls[key][film]) for key in scores},
            }
            for choice, film, film_id, poster in zip(shown, rows, ids, self._posters(rows, ids), strict=True)
        ]

    def _posters(self, rows: Sequence[int], ids: Sequence[str]) -> list[str]:
        """Return the posters of films as base64 JPEG: from the films folder, or as the model sees them where it is gone."""
        judged = self._judged
        found: list[str] = []
        stored: np.ndarray | None = None
        for row, film_id in zip(rows, ids, strict=True):
            jpeg: bytes | None = None
            with contextlib.suppress(OSError, ValueError, PosterError):
                filesystem, root = find_folder(judged.store.manifest.source["folder"])
                with filesystem.open_input_stream(f"{root}/{POSTERS_NAME}/{film_id}.jpg") as stream:
                    jpeg = thumbnail_jpeg(stream.read())
            if jpeg is None:
                if stored is None:
                    column = judged.store.table(judged.split, ["poster"])["poster"].take(rows)
                    stored = poster_array(column, judged.store.manifest.poster_shape)
                jpeg = to_jpeg(stored[rows.index(row)])
            found.append(base64.b64encode(jpeg).decode("ascii"))
        return found


@contextlib.contextmanager
def _written_to(folder: str) -> Iterator[Path]:
    """Give a local folder to write to, whose files end up in `folder` wherever that is."""
    filesystem, inner = files.resolve(folder)
    if files.is_local(folder):
        yield Path(inner)
        return
    local = Path(tempfile.mkdtemp(prefix="report-"))
    try:
        yield local
        pafs.copy_files(str(local), inner, destination_filesystem=filesystem)
    finally:
        shutil.rmtree(local, ignore_errors=True)


def table(comparison: dict[str, Any]) -> list[str]:
    """Return the headline figures as lines for the screen."""
    lines = [f"{'':<16}{'loss':>8}{'mean AP':>10}{'micro AP':>10}{'top-3':>8}{'F1 at .5':>10}{'F1 tuned':>10}"]
    for model in comparison["models"].values():
        m = model["metrics"]
        lines.append(
            f"{model['label']:<16}{m['loss']:>8.4f}{m['mean_average_precision']:>10.3f}{m['micro_average_precision']:>10.3f}"
            f"{m['top3_recall']:>8.3f}{m['at_half']['micro_f1']:>10.3f}{m['at_tuned']['micro_f1']:>10.3f}"
        )
    return lines
