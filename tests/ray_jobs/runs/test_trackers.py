"""Runs in trackers: a local database of MLflow, and Weights & Biases offline; and what TensorBoard is given."""

from __future__ import annotations

import dataclasses
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.recipe import Recipe
from ray_jobs.cli.errors import UsageError
from ray_jobs.runs.tensorboard import TensorBoard
from ray_jobs.runs.trackers import Tracker, Tracking, options_of, track_study, tracking_of
from tests.genre_models.predictors.tiny_models import Checkpoint
from tests.ray_jobs.epochs import epochs

HISTORY = epochs(0.5, 0.4, 0.3)
OPTIONS = {"model": "lstm", "recipe.learning_rate": 0.01}
SECRET = "a-secret-key-of-forty-characters-00000000"


@pytest.fixture
def checkpoint_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "epoch-003"
    folder.mkdir()
    (folder / "checkpoint.json").write_text("{}")
    return folder


def track(tracking: Tracking, run: Path, checkpoint: Path) -> None:
    """Track a run as rank 0 does: resumed after two epochs, and trained for one more."""
    tracker = Tracker(tracking, str(run), OPTIONS)
    tracker.write(HISTORY[:2])
    tracker.write(HISTORY)
    tracker.close([("checkpoint", checkpoint)])


@pytest.mark.filterwarnings("ignore")  # of its own database code
@pytest.mark.slow
def test_mlflow_has_options_metrics_and_checkpoint(
    tmp_path: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path / "epoch-003")  # a working directory, which must stay as it is
    tracking = tracking_of("mlflow", str(tmp_path / "runs"))
    assert tracking is not None
    track(tracking, tmp_path / "runs" / "lstm-1", checkpoint_folder)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("film-genres").experiment_id])
    assert run.info.run_name == "runs/lstm-1" and run.info.status == "FINISHED"
    assert run.data.params == {"model": "lstm", "recipe.learning_rate": "0.01"}
    losses = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [(one.step, one.value) for one in losses] == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert [one.path for one in client.list_artifacts(run.info.run_id, "checkpoint")] == ["checkpoint/checkpoint.json"]
    assert [path.name for path in Path.cwd().iterdir()] == ["checkpoint.json"]
    # A sweep in the same runs folder, whose page names its trials.
    (tmp_path / "runs" / "sweep").mkdir(parents=True)
    (tmp_path / "runs" / "sweep" / "sweep.html").write_text("<p>trials")
    steps = [(1, {"validation_loss": 0.5}), (2, {"validation_loss": 0.25})]
    study = str(tmp_path / "runs" / "sweep")
    pages = ("sweep.html", "not-there.yaml")
    assert track_study(tracking, study, {"search": "random"}, steps, page=pages, model=str(checkpoint_folder)) == ""
    (found,) = client.search_runs([run.info.experiment_id], "attributes.run_name = 'runs/sweep'")
    assert found.info.status == "FINISHED" and found.data.params == {"search": "random"}
    values = client.get_metric_history(found.info.run_id, "validation_loss")
    assert [(one.step, one.value) for one in values] == [(1, 0.5), (2, 0.25)]
    artefacts = {name: client.list_artifacts(found.info.run_id, name) for name in ("page", "checkpoint")}
    assert [one.path for one in artefacts["page"]] == ["page/sweep.html"]
    assert [one.path for one in artefacts["checkpoint"]] == ["checkpoint/checkpoint.json"]
    assert track_study(None, study, {}, [], page=pages) == ""


def test_results_do_not_depend_on_a_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any) -> None:
        raise RuntimeError("no route to host\nand a long trace")

    monkeypatch.setattr(Tracker, "log", unreachable)
    why = track_study(Tracking("mlflow"), str(tmp_path), {}, [(1, {"loss": 0.5})], page=())
    assert why == f"mlflow has not got all of {tmp_path}: no route to host"


@pytest.mark.slow
def test_wandb_offline_has_a_run_below_the_run_folder_and_no_key(
    tmp_path: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: Any
) -> None:
    # When it is imported it makes a temporary folder, which it removes when the process ends.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path / "epoch-003")
    (run := tmp_path / "runs" / "lstm-1").mkdir(parents=True)
    tracking = tracking_of("wandb", str(tmp_path / "runs"))
    assert tracking == Tracking("wandb", mode="offline")
    with caplog.at_level(logging.DEBUG):
        track(tracking, run, checkpoint_folder)
    wandb.teardown()  # its service, which has a temporary folder as long as it runs
    (written,) = (run / "wandb").glob("offline-run-*/run-*.wandb")
    data = written.read_bytes()
    assert b"validation_loss" in data and b"recipe.learning_rate" in data and b"checkpoint" in data
    assert [path.name for path in Path.cwd().iterdir()] == ["checkpoint.json"]
    files = [path for path in run.rglob("*") if path.is_file()]
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err + caplog.text
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("kind", ["mlflow", "wandb"])
def test_a_missing_extra_is_one_sentence(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(UsageError, match=rf"--track {kind} needs the extra {kind}: `pip install -e '\.\[{kind}\]'`"):
        tracking_of(kind, "runs")


def test_options_are_those_of_recipe_and_model_without_paths() -> None:
    config = OverviewLSTM(backbone_weights="/home/someone/weights")
    checkpoint = Checkpoint("lstm", ("Action",), config, Recipe(epochs=7), {"fingerprint": "abc", "path": "/films"})
    options = options_of(checkpoint)
    assert options["recipe.epochs"] == 7 and options["model.pooling"] == config.pooling and options["films"] == "abc"
    assert not [value for value in options.values() if isinstance(value, str) and "/" in value]
    assert SECRET not in repr(dataclasses.replace(Tracking("mlflow"), uri=f"https://me:{SECRET}@host"))
    assert tracking_of("none", "runs") is None


def test_tensorboard_has_training_and_validation_in_one_chart_and_the_settings_of_a_trial(tmp_path: Path) -> None:
    tensorboard = TensorBoard(str(tmp_path), {"learning_rate": 0.01, "filters": (32, 64)})
    tensorboard.write(HISTORY[:1])
    tensorboard.write(HISTORY[:2])
    tensorboard.close()
    tags = {split: tags_of(tmp_path / "tensorboard" / split) for split in ("training", "validation")}
    assert {"loss", "precision"} <= tags["training"] & tags["validation"]
    assert not [tag for tag in tags["training"] if "validation" in tag]
    assert "_hparams_/session_start_info" in tags_of(tmp_path / "tensorboard" / "hparams")


def tags_of(folder: Path) -> set[str]:
    from tensorboardX.proto.event_pb2 import Event

    tags = set()
    for path in folder.glob("events*"):
        data, place = path.read_bytes(), 0
        while place < len(data):
            size = int.from_bytes(data[place : place + 8], "little")
            event = Event.FromString(data[place + 12 : place + 12 + size])
            tags |= {value.tag for value in event.summary.value}
            place += 12 + size + 4
    return tags
