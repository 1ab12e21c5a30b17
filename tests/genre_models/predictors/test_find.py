"""The model that a path means: itself, a run's best checkpoint, or the ensemble or the best of a runs folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from genre_models.checkpoint import CheckpointError
from genre_models.predictors.find import checkpoints_below, evaluated_models, find_model, variants_below


def checkpoint(folder: Path, loss: float, *, precision: float = 0.5, store: str = "films", kind: str = "cnn") -> Path:
    folder.mkdir(parents=True)
    figures = {"validation_loss": loss, "validation_mean_average_precision": precision}
    metadata = {"format": 1, "kind": kind, "epoch": int(folder.name[-3:]), "figures": figures}
    (folder / "checkpoint.json").write_text(json.dumps({**metadata, "store": {"fingerprint": store}}))
    return folder


def model_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs; the first was started for the lowest loss, the second for the highest mean average precision."""
    runs = tmp_path / "runs"
    for name, metric in (("cnn", "validation_loss"), ("lstm", "validation_mean_average_precision")):
        (runs / name).mkdir(parents=True)
        (runs / name / "run.json").write_text(json.dumps({"metric": metric}))
    checkpoint(runs / "cnn" / "epoch-001", 0.3)
    checkpoint(runs / "cnn" / "epoch-002", 0.2)
    checkpoint(runs / "cnn" / "epoch-003", 0.2)
    checkpoint(runs / "lstm" / "epoch-001", 0.1, precision=0.1, kind="lstm")
    checkpoint(runs / "lstm" / "epoch-002", 0.4, precision=0.9, kind="lstm")
    return runs


def test_checkpoint_and_model_folder_are_themselves(runs: Path) -> None:
    folder = model_folder(runs / "lstm" / "ensemble")
    for path in (runs / "cnn" / "epoch-001", folder):
        assert find_model(str(path)) == str(path)


def test_run_is_its_best_checkpoint_by_its_own_metric(runs: Path) -> None:
    assert find_model(str(runs / "cnn")) == str(runs / "cnn" / "epoch-002")
    assert find_model(str(runs / "lstm")) == str(runs / "lstm" / "epoch-002")
    assert find_model(str(runs / "lstm"), metric="validation_loss") == str(runs / "lstm" / "epoch-001")


def test_runs_folder_is_its_best_checkpoint_without_an_evaluation(runs: Path) -> None:
    assert find_model(str(runs)) == str(runs / "lstm" / "epoch-001")


def test_runs_folder_is_the_ensemble_of_its_last_evaluation(runs: Path) -> None:
    folder = model_folder(runs.parent / "report" / "ensemble")
    (runs / "models.json").write_text(json.dumps({"ensemble": "../report/ensemble"}))
    assert find_model(str(runs)) == str(folder)
    assert find_model(str(runs / "cnn")) == str(runs / "cnn" / "epoch-002"), "a run is not all runs"
    (folder / "model.json").unlink()
    assert find_model(str(runs)) == str(runs / "lstm" / "epoch-001"), "the report is gone"


def test_members_of_model_folders_are_no_candidates(runs: Path) -> None:
    """An ensemble may be written below the runs; the members in it are copies."""
    folder = model_folder(runs / "report" / "ensemble")
    checkpoint(folder / "members" / "cnn-001", 0.01)
    checkpoint(runs / "members" / "epoch-001", 0.05)  # a run of that name
    assert find_model(str(runs)) == str(runs / "members" / "epoch-001")


def test_variants_of_an_ablation_are_no_candidates(runs: Path) -> None:
    checkpoint(runs / "components" / "trial-001" / "epoch-001", 0.01)
    checkpoint(runs / "components" / "trial-002" / "epoch-001", 0.02)
    variants = [
        {"group": "without", "runs": [{"path": "/moved/components/trial-001"}]},
        {"group": "preset", "runs": [{"path": "/moved/components/trial-002"}]},
    ]
    metadata = {"format": 1, "store": {"fingerprint": "films"}, "variants": variants}
    (runs / "components" / "ablation.json").write_text(json.dumps(metadata))
    assert find_model(str(runs)) == str(runs / "components" / "trial-002" / "epoch-001")


def test_runs_on_different_films_do_not_compare(runs: Path) -> None:
    checkpoint(runs / "other" / "epoch-001", 0.01, store="other films")
    with pytest.raises(CheckpointError, match="2 different stores"):
        find_model(str(runs))


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_no_model_at_all(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError) as error:
        find_model(str(tmp_path / name))
    assert str(tmp_path / name) in str(error.value)


@pytest.mark.parametrize("kind", ["file", "pipe", "circle"])
def test_what_is_no_folder_is_no_model(kind: str, tmp_path: Path) -> None:
    place = tmp_path / kind
    if kind == "file":
        place.write_text("a note")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(place)
    for search in (find_model, checkpoints_below):
        with pytest.raises(CheckpointError, match=f"{place} is no folder"):
            search(str(place))


@pytest.mark.parametrize("text", ["", "[1]", '{"ensemble": 3}', '{"ensemble": {"a": 1}}', '{"ensemble": "\\u0000b"}'])
def test_a_damaged_list_of_models_is_said(text: str, tmp_path: Path) -> None:
    lines: list[str] = []
    (tmp_path / "models.json").write_text(text)
    assert evaluated_models(str(tmp_path), lines.append) == {}
    assert lines == [f"{tmp_path}/models.json is damaged, and the models that it named are left out: evaluate again"]


@pytest.mark.parametrize("variants", [3, [3], [{"runs": 3}], [{"runs": [3]}], [{"group": "without", "runs": [{}]}]])
def test_a_damaged_ablation_names_no_variants(variants: object, tmp_path: Path) -> None:
    (tmp_path / "ablation.json").write_text(json.dumps({"variants": variants}))
    assert {Path(place).parent for place in variants_below(str(tmp_path))} <= {tmp_path}
