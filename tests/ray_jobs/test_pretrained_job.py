"""Models on frozen features, trained and judged on a tiny sample: tiny encoders stand in for the real ones."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray.cloudpickle

from datasets import features as in_store
from datasets.features import Features, feature_films, inputs_of
from datasets.prepare import Preparation, prepare
from datasets.sample import write_sample
from datasets.store import Store, poster_array
from genre_models import checkpoint as checkpoints
from genre_models.backbones import Backbone
from genre_models.checkpoint import CheckpointError
from genre_models.overview_lstm import OverviewLSTM
from genre_models.poster_cnn import PosterCNN
from genre_models.recipe import Recipe
from ray_jobs._shared import features
from ray_jobs._shared.options import TrainError, TrainOptions
from ray_jobs._shared.predict import predict
from ray_jobs._shared.screen import Screen
from ray_jobs._shared.sweep_folder import SweepFolder
from tests.conftest import RunJob

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
LSTM = OverviewLSTM(
    backbone="minilm", max_tokens=12, first_lstm_units=4, second_lstm_units=0, recurrent_dropout=0.0, pooling="all",
    word_bag=True, dense_units=0, dense_dropout=0.2,
)  # fmt: skip
CNN = PosterCNN(backbone="efficientnet-lite0", height=16, width=8, dense_units=8, dense_layers=1, normalization="batch")
RECIPE = Recipe(epochs=2, learning_rate=1e-2, schedule="constant")
UNITS = 6


def word_vector(word: str) -> np.ndarray:
    return np.frombuffer(hashlib.sha256(word.encode()).digest()[:UNITS], np.uint8).astype(np.float32) / 64 - 2


def digest_of(backbone: Backbone) -> str:
    return hashlib.sha256(f"{backbone.name} {backbone.weights}".encode()).hexdigest()


def text_stand_in(_: Backbone) -> features.Encode:
    """Reads as a real encoder would: a vector for each word, and one at each end."""

    def encode(films: pa.Table, shape: tuple[int, int, int]) -> list[np.ndarray]:
        del shape
        return [
            np.stack([word_vector(word) for word in ("[CLS]", *overview.split(), "[SEP]")])
            for overview in films["overview"].to_pylist()
        ]

    return encode


def poster_look(posters: np.ndarray) -> np.ndarray:
    """Mean of each colour, and of its left half: a mirrored poster has another one."""
    left = posters[:, :, : posters.shape[2] // 2]
    return np.concatenate([posters.mean(axis=(1, 2)), left.mean(axis=(1, 2))], axis=1) / 64


@pytest.fixture(scope="module")
def stand_ins(local_ray: None) -> Any:
    """Put the tiny encoders in the place of the real ones, here and in Ray's processes."""
    del local_ray
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(features.ENCODERS, "text", text_stand_in)
        patch.setitem(features.ENCODERS, "poster", _poster_stand_in)
        patch.setattr(features, "_digest", digest_of)
        patch.setattr(features, "check", lambda _: None)
        yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def _poster_stand_in(backbone: Backbone) -> features.Encode:
    return features.views_of(poster_look, backbone)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, stand_ins: None) -> Path:
    """Make a store, and train on it once."""
    del stand_ins
    from ray_jobs._shared.train import train

    home = tmp_path_factory.mktemp("pretrained")
    write_sample(str(home / "films"), films=200, seed=0)
    prepare(str(home / "films"), str(home / "store"), Preparation(32, 32))
    for kind, config in (("lstm", LSTM), ("cnn", CNN)):
        train(kind, config, RECIPE, options(home, kind))
    return home


def options(home: Path, name: str) -> TrainOptions:
    return TrainOptions(store=str(home / "store"), runs=str(home / "runs"), name=name, cpus_per_worker=0.5)


def checkpoint(home: Path, kind: str) -> Path:
    return max((home / "runs" / kind).glob("epoch-*"))


def test_features_are_kept_beside_the_films_in_their_order(home: Path) -> None:
    store = Store.open(str(home / "store"))
    told = Features(**checkpoints.read(checkpoint(home, "lstm")).features)
    assert told == Features("minilm", digest_of(Backbone("minilm", "")), "256-tokens", UNITS)
    assert in_store.kept(store, dataclasses.replace(told, units=0), "train") == told
    table = in_store.feature_table(store, "validation", told.name).take_all()
    overviews = store.table("validation", ["overview"])["overview"].to_pylist()
    assert len(table) == len(overviews) == 20
    for film, overview in zip(table, overviews, strict=True):
        words = np.stack([word_vector(word) for word in ("[CLS]", *overview.split(), "[SEP]")])
        np.testing.assert_array_equal(np.frombuffer(film["features"], np.float16).reshape(-1, UNITS), words)
    assert not list((home / "store" / "features" / told.name).glob(".*"))


def test_overviews_are_cut_and_posters_have_two_views(home: Path) -> None:
    store = Store.open(str(home / "store"))
    about = checkpoints.read(checkpoint(home, "lstm"))
    (block,) = feature_films(store, "validation", Features(**about.features), max_tokens=12).iter_batches(
        batch_size=None, batch_format="numpy"
    )
    assert block["lengths"].max() == 12
    assert [len(row) for row in block["inputs"]] == [2 * UNITS * length for length in block["lengths"]]
    about = checkpoints.read(checkpoint(home, "cnn"))
    films = feature_films(store, "validation", Features(**about.features))
    block = {name: np.concatenate([one[name] for one in films.iter_batches(batch_size=None, batch_format="numpy")])
             for name in ("inputs", "labels")}  # fmt: skip
    posters = poster_array(store.table("validation", ["poster"])["poster"], (32, 32, 3))
    assert block["inputs"].shape == (20, 2, UNITS) and block["inputs"].dtype == np.float16
    # Resized bicubically the mean stays, and it is the mirrored poster's too.
    for view in (0, 1):
        np.testing.assert_allclose(block["inputs"][:, view, :3], posters.mean(axis=(1, 2)) / 64, atol=0.05)
    halves = block["inputs"][:, :, 3:].astype(np.float32)
    assert np.abs(halves[:, 0] - halves[:, 1]).max() > 0.1
    np.testing.assert_allclose(halves.mean(axis=1), block["inputs"][:, 0, :3], atol=0.01)
    np.testing.assert_array_equal(block["labels"], store.labels("validation"))


@pytest.mark.parametrize("kind", ["lstm", "cnn"])
def test_a_prediction_is_the_model_s_own(home: Path, kind: str) -> None:
    store, folder = Store.open(str(home / "store")), checkpoint(home, kind)
    about = features.with_features(
        features.with_encoder(checkpoints.read(folder)), store, ("test",), Screen(), use_gpu=False
    )
    told = Features(**about.features)
    scores = predict(store, "test", str(folder), sees=about.model_kind.sees, features=told)
    model = checkpoints.load_model(folder)
    table = pa.concat_tables(ray.get(in_store.feature_table(store, "test", told.name).to_arrow_refs()))
    inputs = inputs_of(table, UNITS, max_tokens=12 if kind == "lstm" else 0)["inputs"]
    for film in range(0, len(scores), 9):
        one = inputs[film : film + 1]
        if kind == "lstm":
            one = np.frombuffer(one[0], np.float16).reshape(1, -1, UNITS)
        np.testing.assert_allclose(scores[film], np.asarray(model(one))[0], atol=1e-5)
    assert np.ptp(scores, axis=0).max() > 1e-4


def test_films_of_a_folder_are_encoded_and_judged(home: Path) -> None:
    """And the ensemble of both is learned: it asks for the store's validation films too."""
    from ray_jobs.evaluate import Options, main

    write_sample(str(home / "others"), films=30, seed=5)
    main(
        Options(
            store=str(home / "store"), runs=str(home / "runs"), report=str(home / "report"), films=str(home / "others"),
            resamples=20,
        )
    )  # fmt: skip
    told = json.loads((home / "report" / "comparison.json").read_text())
    assert list(told["models"]) == ["cnn", "lstm", "ensemble", "prior", "tfidf"]
    assert told["models"]["lstm"]["config"]["backbone"] == "minilm"


def test_a_run_goes_on_with_the_features_it_has(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray_jobs._shared.train import train

    monkeypatch.setitem(features.ENCODERS, "poster", None)  # nothing is to be encoded again
    # And with films that do not fit the object store: they are read from the store in every epoch.
    options_ = dataclasses.replace(options(home, "halted"), object_store_share=0.0)
    train("cnn", CNN, dataclasses.replace(RECIPE, epochs=1), options_)
    history = train("cnn", CNN, RECIPE, dataclasses.replace(options_, resume=True)).history
    straight = checkpoints.read(checkpoint(home, "cnn")).history
    for ours, theirs in zip(history, straight, strict=True):
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-5)
    monkeypatch.setattr(features, "_digest", lambda _: "abc")
    with pytest.raises(TrainError, match="started otherwise"):
        train("cnn", CNN, RECIPE, dataclasses.replace(options_, resume=True))


def test_a_sweep_trains_on_kept_features(home: Path, run_job: RunJob) -> None:
    """By the command, which finds what the store keeps for weights of this hash and loads no encoder."""
    weights = home / "weights.pth"
    weights.write_bytes(b"never read")
    told = Features(**checkpoints.read(checkpoint(home, "cnn")).features)
    mine = dataclasses.replace(told, weights=hashlib.sha256(b"never read").hexdigest())
    store = Store.open(str(home / "store"))
    for split in ("train", "validation"):
        folder = in_store.folder_of(store, mine.name, split)
        shutil.copytree(in_store.folder_of(store, told.name, split), folder)
        in_store.finish(folder, mine, store, split)
    sweep = (
        "tune_cnn", "--store", home / "store", "--runs", home / "sweeps", "--epochs", 1, "--trials", 2,
        "--backbone", "efficientnet-lite0", "--backbone-weights", weights, "--height", 16, "--width", 8,
    )  # fmt: skip
    run_job(*sweep, "--name", "sweep", "--dense-units", 8)
    trials = SweepFolder(str(home / "sweeps"), "sweep").trials()
    assert [trial.status for trial in trials] == ["finished"] * 2
    assert all("conv_dropout" in trial.settings and "augmentation" not in trial.settings for trial in trials)
    (kept,) = (home / "sweeps" / "sweep" / "trial-001").glob("epoch-*")
    assert checkpoints.read(kept).features == dataclasses.asdict(mine)
    refused = run_job(*sweep, "--vary", "backbone: [none, efficientnet-lite0]", fails=True)
    assert "backbone cannot be searched" in refused.stderr


def test_other_weights_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = checkpoints.read(checkpoint(home, "lstm"))
    monkeypatch.setattr(features, "_digest", lambda _: "0123456789abcdef")
    with pytest.raises(CheckpointError, match="0123456789ab"):
        features.with_encoder(about)


def test_features_of_other_films_are_made_anew(home: Path) -> None:
    store = Store.open(str(home / "store"))
    told = Features(**checkpoints.read(checkpoint(home, "cnn")).features)
    assert in_store.kept(store, told, "train") == told
    other = Store(store.path, dataclasses.replace(store.manifest, fingerprint="another"))
    assert in_store.kept(other, told, "train") is None
    # Nor are those of weights whose hash only begins alike.
    assert in_store.kept(store, dataclasses.replace(told, weights=told.weights[:12]), "train") is None


def test_an_encoder_that_fails_is_told_in_a_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Backbone) -> features.Encode:
        raise ValueError("these weights are none")

    monkeypatch.setitem(features.ENCODERS, "poster", broken)
    store = Store.open(str(home / "store"))
    about = dataclasses.replace(
        checkpoints.read(checkpoint(home, "cnn")), config=dataclasses.replace(CNN, backbone_weights="x"), features={}
    )
    with pytest.raises(TrainError, match="efficientnet-lite0 failed: ValueError: these weights are none"):
        features.with_features(features.with_encoder(about), store, ("validation",), Screen(), use_gpu=False)
    assert not [path for path in (home / "store" / "features").rglob("*preparing*")]
