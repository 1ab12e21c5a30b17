"""Checkpoints that are not as they were written: named with their reason, passed over, never used."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import CheckpointError
from genre_models.predictors.find import checkpoints_below, find_model, first_sound
from genre_models.training import history as histories
from ray_jobs.cli.errors import TrainError
from ray_jobs.runs.find_checkpoints import best_below
from ray_jobs.runs.resume import require_whole_checkpoints
from ray_jobs.runs.run_folder import RunFolder
from tests.genre_models.test_checkpoint import EPOCHS, about, build

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An LSTM's checkpoint with a vocabulary and an optimizer."""
    folder, model, optimizer = tmp_path_factory.mktemp("written"), build("lstm"), keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    checkpoints.save(folder, about("lstm"), model, optimizer)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "run" / "epoch-001"))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no vocabulary": (lambda of: (of / "vocabulary.txt").unlink(), "vocabulary.txt is missing"),
    "another vocabulary": (lambda of: (of / "vocabulary.txt").write_text("a\nb\n"), "vocabulary.txt has 4 bytes"),
    "a word exchanged": (lambda of: flip(of / "vocabulary.txt"), "vocabulary.txt is not the file"),
    "no weights": (lambda of: (of / "model.keras").unlink(), "model.keras is missing"),
    "weights cut": (lambda of: cut(of / "model.keras"), "model.keras has"),
    "weights damaged": (lambda of: flip(of / "model.keras"), "model.keras is not the file"),
    "no history": (lambda of: (of / "history.csv").unlink(), "history.csv is missing"),
    "another history": (lambda of: flip(of / "history.csv"), "history.csv is not the file"),
    "a file from elsewhere": (
        lambda of: edit(of / "checkpoint.json", lambda values: values["files"].update({"../../secret": {}})),
        "lists '../../secret'",
    ),
    "thresholds that are no numbers": (
        lambda of: edit(of / "checkpoint.json", lambda values: values.update(thresholds=[0.5, float("nan"), 0.5])),
        "not a number for each of 3 genres",
    ),
    "too few thresholds": (
        lambda of: edit(of / "checkpoint.json", lambda values: values.update(thresholds=[0.5])), "not a number for each"
    ),
    "a genre twice": (
        lambda of: edit(of / "checkpoint.json", lambda values: values.update(genres=["A", "A", "B"])), "there twice"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_checkpoint_is_refused_with_its_reason(damage: str, folder: Path) -> None:
    do, why = DAMAGES[damage]
    do(folder)
    with pytest.raises(CheckpointError) as error:
        checkpoints.read(folder)
        checkpoints.load_model(folder)
    assert why in str(error.value) and str(folder) in str(error.value)


def test_what_is_whole_is_read(folder: Path) -> None:
    """Also without the optimizer, as copies in an ensemble are, and with later epochs in its history."""
    (folder / "training_state.npz").unlink()
    later = histories.to_csv([*EPOCHS, replace(EPOCHS[0], epoch=2)])
    (folder / "history.csv").write_text(later)
    (folder / "tokenizer.json").write_text("of nobody")
    found = checkpoints.read(folder)
    assert len(found.history) == 2 and found.metrics == EPOCHS[0] and found.tokenizer == ""


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    model = build("cnn")
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    checkpoints.save(tmp_path, about("cnn"), model)
    with pytest.raises(CheckpointError, match="weights that are no numbers"):
        checkpoints.load_model(tmp_path)


@pytest.mark.parametrize("damage", ["no weights", "weights cut", "weights damaged", "no vocabulary"])
def test_the_one_before_a_broken_checkpoint_is_used(damage: str, written: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for epoch, loss in ((1, 0.6), (2, 0.4), (3, 0.5)):
        place = Path(shutil.copytree(written, run / f"epoch-{epoch:03d}"))
        edit(place / "checkpoint.json", lambda values, e=epoch, v=loss: (
            values.update(epoch=e), values["figures"].update(validation_loss=v)))  # fmt: skip
    DAMAGES[damage][0](run / "epoch-002")
    with pytest.warns(UserWarning, match=r"epoch-002 is passed over: (model.keras|vocabulary.txt)"):
        assert find_model(str(run)) == str(run / "epoch-003")
    lines: list[str] = []
    best = best_below(str(run), kind="lstm", tell=lines.append)
    assert best is not None and best.epoch == 3 and len(lines) == 1
    kept = RunFolder(str(tmp_path), "run")
    (found,) = [kept.best("validation_loss")]
    assert found is not None and found.epoch == 3
    for epoch in (1, 3):
        DAMAGES[damage][0](run / f"epoch-{epoch:03d}")
    with pytest.raises(CheckpointError, match=r"no checkpoint below .* is whole: .*epoch-00"):
        find_model(str(run))


def test_a_run_resumes_from_its_last_whole_checkpoint_and_never_starts_over(written: Path, tmp_path: Path) -> None:
    """By its own checkpoints: none of Ray's files is here."""
    run = RunFolder(str(tmp_path), "run")
    require_whole_checkpoints(run, pytest.fail)  # killed before its first epoch
    for epoch in (1, 2):
        place = Path(shutil.copytree(written, tmp_path / "run" / f"epoch-{epoch:03d}"))
        edit(place / "checkpoint.json", lambda values, e=epoch: values.update(epoch=e))
    (last,) = [run.last()]
    assert last is not None and last.epoch == 2
    cut(tmp_path / "run" / "epoch-002" / "training_state.npz")
    lines: list[str] = []
    require_whole_checkpoints(run, lines.append)
    assert len(lines) == 1 and "epoch-002 is passed over: training_state.npz has" in lines[0]
    (tmp_path / "run" / "epoch-001" / "training_state.npz").unlink()
    with pytest.raises(TrainError, match="has no checkpoint to go on from"):
        require_whole_checkpoints(run, pytest.fail)
    shutil.rmtree(tmp_path / "run" / "epoch-001")
    shutil.rmtree(tmp_path / "run" / "epoch-002")
    run.write_history(list(EPOCHS))
    with pytest.raises(TrainError, match="its folder holds none"):
        require_whole_checkpoints(run, pytest.fail)


def test_a_damaged_run_history_is_named(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path), "run")
    (tmp_path / "run").mkdir()
    for text in ("epoch\nx", "figure\n1\n", "epoch,loss\n1\n", histories.to_csv([replace(EPOCHS[0], epoch=2)])):
        (tmp_path / "run" / "history.csv").write_text(text)
        with pytest.raises(CheckpointError, match=r"history.csv is damaged .*: remove it"):
            run.history()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1, "kind": "cnn", "epoch": "x", "figures": {"a": 1}}'])
def test_an_unreadable_checkpoint_is_named_and_passed_over(text: str, folder: Path) -> None:
    broken = folder.parent / "epoch-002"
    broken.mkdir()
    (broken / "checkpoint.json").write_text(text)
    lines: list[str] = []
    found = checkpoints_below(str(folder.parent), tell=lines.append)
    assert [place for place, _ in found] == [str(folder)] and len(lines) == 1 and str(broken) in lines[0]


def test_a_checkpoint_of_the_version_before_that_is_cut_is_passed_over(folder: Path) -> None:
    edit(folder / "checkpoint.json", lambda values: values.pop("files"))
    assert first_sound(checkpoints_below(str(folder)), pytest.fail, training=True) is not None
    (folder / "vocabulary.txt").rename(folder / "words.txt")
    with pytest.raises(CheckpointError, match=r"vocabulary.txt is missing"):
        checkpoints.read(folder)
    cut(folder / "model.keras")
    lines: list[str] = []
    assert first_sound(checkpoints_below(str(folder)), lines.append) is None
    assert "model.keras is cut or damaged" in lines[0]


def test_a_model_that_inflates_to_gigabytes_is_not_loaded(folder: Path) -> None:
    edit(folder / "checkpoint.json", lambda values: values.pop("files"))
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        archive.writestr("assets/zeros", bytes(200 << 20))
    with pytest.raises(CheckpointError, match=r"model.keras of [\d,]+ bytes would take 2\d\d,"):
        checkpoints.load_model(folder)
    # An array of which no byte is stored: HDF5 gives what is missing as zeros.
    stream = io.BytesIO()
    with h5py.File(stream, "w") as weights:
        weights.create_dataset("layers/dense/vars/0", shape=(1 << 34,), dtype="f4", chunks=(1 << 20,))
    parts["model.weights.h5"] = stream.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match=r"would take 68,719,476,736 in memory"):
        checkpoints.load_model(folder)


def test_a_checkpoint_without_the_metric_is_chosen_last(written: Path, tmp_path: Path) -> None:
    for epoch, names in ((1, {"loss": 0.1}), (2, {"validation_loss": 0.5})):
        place = Path(shutil.copytree(written, tmp_path / f"epoch-{epoch:03d}"))
        edit(place / "checkpoint.json", lambda values, e=epoch, n=names: values.update(epoch=e, figures=n))
    assert find_model(str(tmp_path)) == str(tmp_path / "epoch-002")
