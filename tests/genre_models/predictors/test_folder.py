"""Model folders: written, read and loaded again with the same scores; what is no whole one is refused by name."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.checkpoint import CheckpointError
from genre_models.encoders.encoder import Backbone
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.models.input_spec import InputEncoder, InputSpec, ModelInput
from genre_models.predictors.encoder_files import copy_encoders, with_copied_weights
from genre_models.predictors.films import read_films
from genre_models.predictors.folder import ModelFolder, read_model_json, write_combination, write_tfidf
from genre_models.predictors.load import folder_info, load_folder, load_predictor

GENRES = ("Action", "Sci-Fi")
STORE = {"fingerprint": "abc", "path": "/films/store", "films": {"train": 4}}
OVERVIEWS = ["a spaceship far away", "a wedding in spring", "the spaceship returns home", "one wedding too many"]
LABELS = {"one": np.array([[1, 0], [0, 1], [1, 0], [0, 1]]), "two": np.array([[1, 1], [0, 1], [1, 0], [0, 0]])}
ASKED = ["another spaceship", "a wedding in spring", ""]


def tfidf(name: str, folder: Path, scaling: PlattScaling | None = None) -> TfidfBaseline:
    model = TfidfBaseline(OVERVIEWS, LABELS[name])
    metadata = ModelFolder("tfidf", "TF-IDF", GENRES, np.array([0.25, 1 / 3]), STORE, scaling)
    write_tfidf(folder, metadata, model.weights)
    return model


def scores_of(folder: Path) -> np.ndarray:
    films, _ = read_films([None] * len(ASKED), ASKED, sizes=())
    return load_folder(folder).scores(films)


def ensemble(folder: Path, **changes: Any) -> tuple[list[TfidfBaseline], StackingModel, PlattScaling]:
    """Write an ensemble of two TF-IDF models."""
    models = [tfidf(name, folder.parent / name) for name in ("one", "two")]
    stacking = StackingModel("stack", ("two", "one"), np.array([0.3, 0.7]), np.array([[0.1, 2, -1], [0.2, 0.5, 1]]))
    scaling = PlattScaling(np.array([0.9, 1.1]), np.array([-0.1, 0.3]))
    metadata = ModelFolder(
        "ensemble", "Ensemble", GENRES, np.array([0.4, 0.6]), STORE, scaling,
        {name: f"members/{name}" for name in ("one", "two")}, stacking,
    )  # fmt: skip
    write_combination(folder, metadata, {name: folder.parent / name for name in ("one", "two")})
    if changes:
        values = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(values | changes))
    return models, stacking, scaling


def test_tfidf_alone_is_a_model(tmp_path: Path) -> None:
    model = tfidf("one", tmp_path)
    loaded = load_folder(tmp_path).info
    assert (loaded.genres, loaded.thresholds.tolist(), loaded.label) == (GENRES, [0.25, 1 / 3], "TF-IDF")
    assert scores_of(tmp_path)[:2] == pytest.approx(model.scores(ASKED)[:2], abs=1e-6)


def test_tfidf_with_calibrated_probabilities(tmp_path: Path) -> None:
    scaling = PlattScaling(np.array([0.9, 1.1]), np.array([-0.1, 0.3]))
    model = tfidf("one", tmp_path, scaling)
    assert scores_of(tmp_path)[:2] == pytest.approx(scaling(model.scores(ASKED)[:2]), abs=1e-6)


def test_ensemble_scores_as_the_one_it_was_written_from(tmp_path: Path) -> None:
    (one, two), stacking, scaling = ensemble(tmp_path / "ensemble")
    wanted = scaling(stacking({"one": one.scores(ASKED), "two": two.scores(ASKED)}))
    assert scores_of(tmp_path / "ensemble")[:2] == pytest.approx(wanted[:2], abs=1e-6)
    assert np.isnan(scores_of(tmp_path / "ensemble")[2]).all()
    metadata = read_model_json(tmp_path / "ensemble")
    assert (metadata.store, metadata.thresholds.tolist()) == (STORE, [0.4, 0.6])


def test_mean_of_several(tmp_path: Path) -> None:
    models = [tfidf(name, tmp_path / name) for name in ("one", "two")]
    metadata = ModelFolder(
        "mean", "Two", GENRES, np.array([0.4, 0.6]), STORE, None, {"a": "members/a", "b": "members/b"}
    )
    write_combination(tmp_path / "mean", metadata, {"a": tmp_path / "one", "b": tmp_path / "two"})
    wanted = np.mean([model.scores(ASKED) for model in models], axis=0)
    assert scores_of(tmp_path / "mean")[:2] == pytest.approx(wanted[:2], abs=1e-6)
    # Several paths are the same mean, whose thresholds are the mean of theirs.
    several = load_predictor(tmp_path / "one", tmp_path / "two")
    films, _ = read_films([None], ASKED[:1], sizes=())
    assert several.scores(films) == pytest.approx(wanted[:1], abs=1e-6)
    assert several.info.thresholds.tolist() == [0.25, 1 / 3]


def test_folder_is_self_contained_and_may_be_moved(tmp_path: Path) -> None:
    ensemble(tmp_path / "ensemble")
    before = scores_of(tmp_path / "ensemble")
    for name in ("one", "two"):
        shutil.rmtree(tmp_path / name)
    (tmp_path / "ensemble").rename(tmp_path / "elsewhere")
    assert np.array_equal(scores_of(tmp_path / "elsewhere"), before, equal_nan=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"kind": "forest"},
        {"thresholds": [0.5]},
        {"members": {"one": "members/one", "two": "../two"}},
        {"members": {"one": "members/one", "two": "/etc"}},
        {"members": {"one": "members/one"}},
        {"members": {"one": "members/one", "two": "members/three"}},
        {"stacking": None},
        {"scaling": {"slopes": [1, 1], "intercepts": [0, float("nan")]}},
    ],
    ids=str,
)
def test_folder_that_does_not_fit_itself_is_named(changes: dict[str, Any], tmp_path: Path) -> None:
    ensemble(tmp_path / "ensemble", **changes)
    with pytest.raises(CheckpointError) as error:
        load_folder(tmp_path / "ensemble")
    assert str(tmp_path / "ensemble") in str(error.value)


def test_training_state_is_not_copied(tmp_path: Path) -> None:
    tfidf("one", tmp_path / "one")
    (tmp_path / "one" / "training_state.npz").write_bytes(b"x")
    metadata = ModelFolder("mean", "One", GENRES, np.array([0.4, 0.6]), STORE, None, {"a": "members/a"})
    write_combination(tmp_path / "mean", metadata, {"a": tmp_path / "one"})
    copied = {path.name for path in (tmp_path / "mean" / "members" / "a").iterdir()}
    assert copied == {"model.json", "terms.txt", "weights.npz"}


def test_frozen_encoders_travel_with_the_folder(tmp_path: Path) -> None:
    """Those of two members once; a member finds the files in the folder that it is in, wherever that is."""
    installed = tmp_path / "installed"
    installed.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (installed / name).write_text(name)
    encoder = InputEncoder(Backbone("minilm", str(installed)), "256-tokens", digest="0123456789abcdef")
    states = ModelInput("inputs", "overview", "features", (None, 3), "float16", encoder, max_tokens=9)
    for _ in range(2):
        copy_encoders(InputSpec((states,)), tmp_path / "ensemble")
    kept = tmp_path / "ensemble" / "encoders" / "minilm-0123456789ab"
    assert sorted(path.name for path in kept.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert with_copied_weights(encoder, tmp_path / "ensemble").backbone.weights == str(kept)
    other = replace(encoder, digest="another")
    for found in (with_copied_weights(encoder, None), with_copied_weights(other, tmp_path / "ensemble")):
        assert found.backbone.weights == str(installed)
    poster = InputEncoder(Backbone("efficientnet-lite0", str(installed / "config.json"), 8, 8), "8x8", digest="abc")
    views = ModelInput("inputs", "poster", "features", (2, 3), "float16", poster)
    copy_encoders(InputSpec((views,)), tmp_path / "ensemble")
    weights = with_copied_weights(poster, tmp_path / "ensemble").backbone.weights
    assert Path(weights).read_text() == "config.json" and Path(weights).is_relative_to(tmp_path / "ensemble")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("members/one/model.json", "exchanged"),
        ("members/one/weights.npz", "exchanged"),
        ("members/two/terms.txt", "other words"),
        ("members/two/weights.npz", "cut"),
        ("members/two/weights.npz", "missing"),
        ("members/two/model.json", "missing"),
        ("encoders/minilm-abc/config.json", "cut"),
        ("encoders/minilm-abc/config.json", "a pipe"),
    ],
)
def test_a_file_that_is_not_the_one_written_is_named(name: str, change: str, tmp_path: Path) -> None:
    folder = tmp_path / "ensemble"
    (folder / "encoders" / "minilm-abc").mkdir(parents=True)
    (folder / "encoders" / "minilm-abc" / "config.json").write_text('{"model_type": "bert"}')
    ensemble(folder)
    assert load_folder(folder).info.label == "Ensemble"
    data = (folder / name).read_bytes()
    (folder / name).unlink()
    if change == "exchanged":  # a sound file of another model
        other = "/one/".join(name.split("/two/")) if "/two/" in name else "/two/".join(name.split("/one/"))
        shutil.copyfile(folder / other, folder / name)
    elif change == "other words":
        (folder / name).write_bytes(data.upper())
    elif change == "cut":
        (folder / name).write_bytes(data[: len(data) // 2])
    elif change == "a pipe":
        os.mkfifo(folder / name)
    for read in (load_folder, folder_info):
        with pytest.raises(CheckpointError, match=Path(name).name):
            read(folder)


@pytest.mark.parametrize("files", [{"../one/terms.txt": {}}, {"members/../../one": {}}, {"/etc/passwd": {}}, [1], 3])
def test_a_list_of_other_files_is_refused(files: Any, tmp_path: Path) -> None:
    ensemble(tmp_path / "ensemble", files=files)
    with pytest.raises(CheckpointError, match=r"is not a model of film-genres"):
        read_model_json(tmp_path / "ensemble")


def test_a_model_of_the_version_before_lists_no_files(tmp_path: Path) -> None:
    ensemble(tmp_path / "ensemble", files=None)
    assert load_folder(tmp_path / "ensemble").info.label == "Ensemble"
