"""Runs and studies in MLflow or Weights & Biases: options, metrics, pages, checkpoints; by Ray's integrations."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.storage import files
from genre_models.checkpoint import Checkpoint
from genre_models.training.history import EpochMetrics
from ray_jobs.cli.errors import UsageError

Kind = Literal["none", "mlflow", "wandb"]
PROJECT = "film-genres"
"""Experiment of MLflow, project of Weights & Biases."""


@dataclass(frozen=True)
class Tracking:
    """The tracker of a run, as every worker gets it."""

    kind: Kind
    uri: str = dataclasses.field(default="", repr=False)  # it may hold a password
    """MLflow's tracking URI."""
    artifacts: str = ""
    """Where a database of MLflow keeps files."""
    mode: str = ""
    """Mode of Weights & Biases, such as "offline"."""


def tracking_of(kind: Kind, runs: str) -> Tracking | None:
    """Resolve a tracker in the driver: by its usual variables, else MLflow writes a database in the runs folder.

    Raises:
        UsageError: its package is not installed, or there is no place for its database.
    """
    if kind == "none":
        return None
    if importlib.util.find_spec(kind) is None:
        raise UsageError(f"--track {kind} needs the extra {kind}: `pip install -e '.[{kind}]'`")
    if kind == "wandb":
        return Tracking(kind, mode=os.environ.get("WANDB_MODE", ""))
    if uri := os.environ.get("MLFLOW_TRACKING_URI", ""):
        return Tracking(kind, uri=uri)
    if not files.is_local(runs):
        raise UsageError(f"--track mlflow: {runs} cannot hold a database; name a server in MLFLOW_TRACKING_URI")
    place = Path(files.absolute(runs))
    place.mkdir(parents=True, exist_ok=True)
    return Tracking(kind, uri=f"sqlite:///{place / 'mlflow.db'}", artifacts=(place / "mlflow-artifacts").as_uri())


def options_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a run's options and its films, without paths, for a tracker."""
    return {
        "model": checkpoint.kind,
        "films": checkpoint.store.get("fingerprint", ""),
        **{f"recipe.{name}": value for name, value in asdict(checkpoint.recipe).items()},
        **{f"model.{name}": value for name, value in asdict(checkpoint.config).items() if "weights" not in name},
    }


class Tracker:
    """A run in a tracker, which rank 0 writes; it begins with the first epoch."""

    def __init__(self, tracking: Tracking, run: str, options: Mapping[str, Any]) -> None:
        self._tracking, self._options = tracking, dict(options)
        self._name = f"{files.name(files.parent(run))}/{files.name(run)}"
        # Files of Weights & Biases go below the run, never to the working directory; offline they wait there.
        self._place = Path(files.absolute(run)) if files.is_local(run) else None
        self._temporary = ""
        self._tracker: Any = None

    def write(self, history: Sequence[EpochMetrics]) -> None:
        """Write the metrics of the last epoch; at first those of all, as a resumed run is a new one here."""
        new = history[-1:]
        if self._tracker is None:
            self._start()
            new = history
        for epoch in new:
            self.log({name: value for name, value in asdict(epoch).items() if name != "epoch"}, epoch.epoch)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write metrics of a step."""
        if self._tracker is None:
            self._start()
        if self._tracking.kind == "mlflow":
            self._tracker.log_metrics(dict(metrics), step=step)
        else:
            self._tracker.log(dict(metrics), step=step)

    def close(self, artefacts: Sequence[tuple[str, Path]] = ()) -> None:
        """Upload files or folders, each by a name, and end the run."""
        if self._tracker is None:
            return
        for name, path in artefacts:
            self._upload(name, path)
        if self._tracking.kind == "mlflow":
            self._tracker.end_run()
        else:
            self._tracker.finish()
            if self._temporary:
                shutil.rmtree(self._temporary, ignore_errors=True)
        self._tracker = None

    def _start(self) -> None:
        tracking = self._tracking
        if tracking.kind == "mlflow":
            from ray.air.integrations.mlflow import setup_mlflow

            self._tracker = setup_mlflow(
                self._options,
                tracking_uri=tracking.uri,
                experiment_name=PROJECT,
                run_name=self._name,
                artifact_location=tracking.artifacts or None,
                create_experiment_if_not_exists=True,
            )
            return
        from ray.air.integrations.wandb import setup_wandb

        if self._place is None:
            self._temporary = tempfile.mkdtemp(prefix="wandb-")
        self._tracker = setup_wandb(
            self._options,
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=self._name.split("/")[0],
            trial_name=self._name,
            trial_id=None,
            dir=str(self._place or self._temporary),
            **({"mode": tracking.mode} if tracking.mode else {}),
        )

    def _upload(self, name: str, path: Path) -> None:
        if self._tracking.kind == "mlflow":
            upload = self._tracker.log_artifacts if path.is_dir() else self._tracker.log_artifact
            upload(str(path), artifact_path=name)
            return
        import wandb

        artefact = wandb.Artifact(f"{self._name.replace('/', '-')}-{name}", type=name)
        (artefact.add_dir if path.is_dir() else artefact.add_file)(str(path))
        self._tracker.log_artifact(artefact)


def track_study(
    tracking: Tracking | None,
    folder: str,
    options: Mapping[str, Any],
    metrics: Iterable[tuple[int, Mapping[str, float]]],
    *,
    page: Iterable[str],
    model: str | None = None,
) -> str:
    """Write a study or a comparison to a tracker, as a run of its own.

    Args:
        tracking: the tracker; None for none.
        folder: the folder, by which the run is named.
        options: its options.
        metrics: steps in order, such as the numbers of trials, and the metrics of each.
        page: files of the folder that are uploaded as the artefact "page"; those that exist.
        model: a checkpoint's or model's folder that is uploaded as the artefact "checkpoint".

    Returns:
        Why the tracker has not got all of it; empty if it has: the results do not depend on it.
    """
    if tracking is None:
        return ""
    try:
        tracker = Tracker(tracking, folder, options)
        for step, values in metrics:
            tracker.log(values, step)
        with contextlib.ExitStack() as stack:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="page-")))
            for name in page:
                if files.exists(file := files.join(folder, name)):
                    (place / name).write_bytes(files.read_bytes(file))
            artefacts = [("page", place)]
            if model is not None:
                artefacts.append(("checkpoint", stack.enter_context(files.local_copy(model))))
            tracker.close(artefacts)
    except Exception as error:  # a tracker raises errors of many packages
        return f"{tracking.kind} has not got all of {folder}: {str(error).strip().splitlines()[0][:300]}"
    return ""
