"""Models on frozen features, trained and evaluated on a tiny sample: tiny encoders stand in for the real ones."""

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

from datasets.batches import feature_readers
from datasets.batches.film_inputs import input_block, input_films
from datasets.sample.films import write_sample
from datasets.store import feature_store as in_store
from datasets.store.feature_store import Features
from datasets.store.film_store import Store, poster_array
from datasets.store.prepare import Preparation, prepare
from datasets.text.pretrained_tokenizer import WordPiece
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.encoders.encoder import Backbone
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.predictors import encode_films
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TrainOptions
from ray_jobs.evaluation.predict import Predictor, predict_splits
from ray_jobs.inputs import feature_extraction
from ray_jobs.runs.find_checkpoints import run_history
from ray_jobs.runs.sweep_folder import SweepFolder
from tests.conftest import RunJob
from tests.datasets.text.test_pretrained_tokenizer import tokenizer_of_pieces
from tests.genre_models.encoders.test_minilm import CONFIG, toy_weights

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
LSTM = OverviewLSTM(
    backbone="minilm", max_tokens=12, first_lstm_units=4, second_lstm_units=0, recurrent_dropout=0.0, pooling="all",
    bow_embedding=True, dense_units=0, dense_dropout=0.2,
)  # fmt: skip
CNN = PosterCNN(backbone="efficientnet-lite0", height=16, width=8, dense_units=8, dense_layers=1, normalization="batch")
BOTH = FusionGMU(
    height=16, width=8, augmentation=0.0, poster_backbone="efficientnet-lite0", overview_backbone="minilm",
    max_tokens=12, lstm_units=4, fusion_units=8, bow_embedding=True,
)  # fmt: skip
RECIPE = Recipe(epochs=2, learning_rate=1e-2, schedule="constant")
UNITS = 6
# Before the stand-ins take their places.
DIGEST_OF_FILE, CHECK = feature_extraction._digest, feature_extraction.check
POSTER_ENCODER = feature_extraction.LOADERS["poster"]


def word_vector(word: str) -> np.ndarray:
    return np.frombuffer(hashlib.sha256(word.encode()).digest()[:UNITS], np.uint8).astype(np.float32) / 64 - 2


def digest_of(backbone: Backbone) -> str:
    return hashlib.sha256(f"{backbone.name} {backbone.weights}".encode()).hexdigest()


def text_stand_in(_: Backbone) -> feature_extraction.Encode:
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
        patch.setitem(feature_extraction.LOADERS, "overview", text_stand_in)
        patch.setitem(feature_extraction.LOADERS, "poster", _poster_stand_in)
        patch.setattr(feature_extraction, "_digest", digest_of)
        patch.setattr(feature_extraction, "check", lambda _: None)
        yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def _poster_stand_in(backbone: Backbone) -> feature_extraction.Encode:
    return encode_films.views_of(poster_look, backbone)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, stand_ins: None) -> Path:
    """Make a store, and train on it once."""
    del stand_ins
    from ray_jobs.training.driver import train

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


def feature_specs(home: Path, kind: str) -> Features:
    return feature_extraction.features_of(checkpoints.read(checkpoint(home, kind)).inputs)["inputs"]


def test_features_are_kept_beside_the_films_in_their_order(home: Path) -> None:
    store = Store.open(str(home / "store"))
    told = feature_specs(home, "lstm")
    assert told == Features("minilm", digest_of(Backbone("minilm", "")), "256-tokens", UNITS)
    assert in_store.kept(store, dataclasses.replace(told, units=0), "train") == told
    table = feature_readers.feature_table(store, "validation", {"inputs": told}).take_all()
    overviews = store.table("validation", ["overview"])["overview"].to_pylist()
    assert len(table) == len(overviews) == 20
    for film, overview in zip(table, overviews, strict=True):
        words = np.stack([word_vector(word) for word in ("[CLS]", *overview.split(), "[SEP]")])
        np.testing.assert_array_equal(np.frombuffer(film["inputs"], np.float16).reshape(-1, UNITS), words)
    assert not list((home / "store" / "features" / told.name).glob(".*"))


def on_features(home: Path, store: Store, kind: str) -> Any:
    inputs = checkpoints.read(checkpoint(home, kind)).inputs
    return input_films(store, "validation", inputs, feature_extraction.features_of(inputs), None)


def test_overviews_are_cut_and_posters_have_two_views(home: Path) -> None:
    store = Store.open(str(home / "store"))
    films = on_features(home, store, "lstm")
    (block,) = films.iter_batches(batch_size=None, batch_format="numpy")
    assert block["lengths"].max() == 12
    assert [len(row) for row in block["inputs"]] == [2 * UNITS * length for length in block["lengths"]]
    films = on_features(home, store, "cnn")
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
    metadata = feature_extraction.with_features(
        feature_extraction.with_encoder(checkpoints.read(folder)), store, ("test",), Console(), gpus=0
    )
    told = feature_extraction.features_of(metadata.inputs)
    model = checkpoints.load_model(folder)
    table = pa.concat_tables(ray.get(feature_readers.feature_table(store, "test", told).to_arrow_refs()))
    scores = Predictor(str(folder), store.manifest.poster_shape, None)(table)["scores"]
    inputs = input_block(table, metadata.inputs, None, store.manifest.poster_shape)["inputs"]
    for film in range(0, len(scores), 9):
        one = inputs[film : film + 1]
        if kind == "lstm":
            one = np.frombuffer(one[0], np.float16).reshape(1, -1, UNITS)
        np.testing.assert_allclose(scores[film], np.asarray(model(one))[0], atol=1e-5)
    assert np.ptp(scores, axis=0).max() > 1e-4


def test_films_of_a_folder_are_encoded_and_evaluated(home: Path) -> None:
    """And the ensemble of both is learned: it asks for the store's validation films too."""
    from ray_jobs.evaluate import Options, main

    write_sample(str(home / "others"), films=30, seed=5)
    main(
        Options(
            store=str(home / "store"), runs=str(home / "none"), report=str(home / "report"), films=str(home / "others"),
            cnn=(str(home / "runs" / "cnn"),), lstm=(str(home / "runs" / "lstm"),), resamples=20,
        )
    )  # fmt: skip
    told = json.loads((home / "report" / "comparison.json").read_text())
    assert list(told["models"]) == ["cnn", "lstm", "ensemble", "prior", "tfidf"]
    assert told["models"]["lstm"]["config"]["backbone"] == "minilm"


def test_a_run_goes_on_with_the_features_it_has(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray_jobs.training.driver import train

    monkeypatch.setitem(feature_extraction.LOADERS, "poster", None)  # nothing is to be encoded again
    # And with films that do not fit the object store: they are read from the store in every epoch.
    options_ = dataclasses.replace(options(home, "halted"), object_store_share=0.0)
    train("cnn", CNN, dataclasses.replace(RECIPE, epochs=1), options_)
    history = run_history(train("cnn", CNN, RECIPE, dataclasses.replace(options_, resume=True)))
    straight = checkpoints.read(checkpoint(home, "cnn")).history
    for ours, theirs in zip(history, straight, strict=True):
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-5)
    monkeypatch.setattr(feature_extraction, "_digest", lambda _: "abc")
    with pytest.raises(TrainError, match="started otherwise"):
        train("cnn", CNN, RECIPE, dataclasses.replace(options_, resume=True))


def test_a_sweep_trains_on_kept_features(home: Path, run_job: RunJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds what the store keeps for weights of this hash and loads no encoder."""
    monkeypatch.setattr(feature_extraction, "_digest", DIGEST_OF_FILE)
    monkeypatch.setattr(feature_extraction, "check", CHECK)
    monkeypatch.setattr(feature_extraction, "LOADERS", {})
    weights = home / "weights.pth"
    weights.write_bytes(b"never read")
    told = feature_specs(home, "cnn")
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
    run_job(*sweep, "--name", "sweep", "--dense-units", 8, "--max-concurrent", 1)
    trials = SweepFolder(str(home / "sweeps"), "sweep").trials()
    assert [trial.status for trial in trials] == ["finished"] * 2
    assert all("conv_dropout" in trial.settings and "augmentation" not in trial.settings for trial in trials)
    (kept,) = (home / "sweeps" / "sweep" / "trial-001").glob("epoch-*")
    assert checkpoints.read(kept).inputs.features == {"inputs": dataclasses.asdict(mine)}
    refused = run_job(*sweep, "--vary", "backbone: [none, efficientnet-lite0]", fails=True)
    assert "backbone cannot be searched" in refused.stderr


def test_other_weights_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = checkpoints.read(checkpoint(home, "lstm"))
    monkeypatch.setattr(feature_extraction, "_digest", lambda _: "0123456789abcdef")
    with pytest.raises(CheckpointError, match="0123456789ab"):
        feature_extraction.with_encoder(metadata)


def test_features_of_other_films_are_made_anew(home: Path) -> None:
    store = Store.open(str(home / "store"))
    told = feature_specs(home, "cnn")
    assert in_store.kept(store, told, "train") == told
    other = Store(store.path, dataclasses.replace(store.manifest, fingerprint="another"))
    assert in_store.kept(other, told, "train") is None
    # Nor are those of weights whose hash only begins alike.
    assert in_store.kept(store, dataclasses.replace(told, weights=told.weights[:12]), "train") is None


def test_an_encoder_that_fails_is_told_in_a_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Backbone) -> feature_extraction.Encode:
        raise ValueError("these weights are none")

    monkeypatch.setitem(feature_extraction.LOADERS, "poster", broken)
    store = Store.open(str(home / "store"))
    metadata = dataclasses.replace(
        checkpoints.read(checkpoint(home, "cnn")), config=dataclasses.replace(CNN, backbone_weights="x")
    )
    with pytest.raises(TrainError, match="efficientnet-lite0 failed: ValueError: these weights are none"):
        feature_extraction.with_features(
            feature_extraction.with_encoder(metadata), store, ("validation",), Console(), gpus=0
        )
    assert not [path for path in (home / "store" / "features").rglob("*preparing*")]


def test_the_joint_model_trains_on_the_features_of_both(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On those that the two models left in the store; its predictions are its own, film by film."""
    from ray_jobs.training.driver import train

    monkeypatch.setattr(feature_extraction, "LOADERS", {})  # nothing is to be encoded again
    train("fusion", BOTH, dataclasses.replace(RECIPE, epochs=1), options(home, "both"))
    folder, store = checkpoint(home, "both"), Store.open(str(home / "store"))
    metadata = checkpoints.read(folder)
    told = feature_extraction.features_of(metadata.inputs)
    assert told == {"poster": feature_specs(home, "cnn"), "tokens": feature_specs(home, "lstm")}
    assert not metadata.vocabulary and metadata.inputs.digests == (told["poster"].weights, told["tokens"].weights)
    (scores,) = predict_splits([(store, "validation")], str(folder), inputs=metadata.inputs)
    model = checkpoints.load_model(folder)
    table = pa.concat_tables(ray.get(feature_readers.feature_table(store, "validation", told).to_arrow_refs()))
    block = input_block(table, metadata.inputs, None, store.manifest.poster_shape)
    for film in range(0, len(scores), 5):
        tokens = np.frombuffer(block["tokens"][film], np.float16).reshape(1, -1, UNITS)
        one = {"poster": block["poster"][film : film + 1], "tokens": tokens}
        np.testing.assert_allclose(scores[film], np.asarray(model(one))[0], atol=1e-5)
    assert np.ptp(scores, axis=0).max() > 1e-4


def test_a_poster_that_is_not_there_has_features_of_zero() -> None:
    posters = np.full((2, 32, 32, 3), 9, np.uint8)
    posters[1] = 0
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32 * 32 * 3), 2, [None, pa.py_buffer(posters.tobytes())])
    encode = encode_films.views_of(lambda seen: poster_look(seen) + 1, Backbone("efficientnet-lite0", "", 16, 8))
    there, gone = encode(pa.table({"poster": column}), (32, 32, 3))
    assert (there != 0).all() and gone.shape == there.shape and not gone.any()


HINT = "it does better where it was frozen first, in a run that --init-from names"


def test_a_network_is_frozen_first_and_fine_tuned_after(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of Keras' own, with weights of a file, which the fine-tuned checkpoint does not need any more."""
    import keras

    from ray_jobs.training.driver import train

    weights = home / "mobile.weights.h5"
    of = {"include_top": False, "weights": None, "input_shape": (32, 32, 3), "pooling": "avg"}
    keras.applications.MobileNet(**of).save_weights(weights)
    frozen = dataclasses.replace(
        CNN, backbone="MobileNet", backbone_weights=str(weights), height=32, width=32, dense_layers=0
    )
    monkeypatch.setitem(feature_extraction.LOADERS, "poster", POSTER_ENCODER)
    monkeypatch.setattr(feature_extraction, "_digest", lambda _: "of the file")
    once = dataclasses.replace(RECIPE, epochs=1)
    train("cnn", frozen, once, options(home, "frozen"))
    tuned = dataclasses.replace(frozen, trainable_blocks=1)
    started = dataclasses.replace(options(home, "tuned"), init_from=str(home / "runs" / "frozen"))
    with pytest.raises(TrainError, match="--height 32 --width 32"):
        train("cnn", dataclasses.replace(tuned, height=16), once, started)
    with pytest.raises(CheckpointError, match="no cnn trained on the films of"):
        train("cnn", tuned, once, dataclasses.replace(started, init_from=str(home / "runs" / "lstm")))
    with pytest.raises(CheckpointError, match=r"of the weights [0-9a-f]{12}…, and this one has of the file"):
        train("cnn", tuned, once, dataclasses.replace(started, init_from=str(home / "runs" / "cnn")))
    first, second = run_history(train("cnn", tuned, RECIPE, started))
    assert HINT not in capsys.readouterr().out
    # Begun with other weights its first epoch would start at a head that knows nothing.
    assert first.loss < checkpoints.read(checkpoint(home, "frozen")).history[0].loss
    assert second.loss < first.loss
    weights.unlink()
    monkeypatch.setattr(feature_extraction, "_digest", None)
    store, folder = Store.open(str(home / "store")), checkpoint(home, "tuned")
    metadata = feature_extraction.with_features(
        feature_extraction.with_encoder(checkpoints.read(folder)), store, ("test",), Console(), gpus=0
    )
    assert not metadata.inputs.frozen and metadata.inputs.digests == ("of the file",)
    films = store.table("test", ["row", "poster"])
    scores = Predictor(str(folder), (32, 32, 3), None)(films)["scores"]
    posters = poster_array(films["poster"], (32, 32, 3))
    np.testing.assert_allclose(scores, checkpoints.load_model(folder).predict_on_batch(posters), atol=1e-5)


def test_a_reader_is_fine_tuned_and_takes_its_tokenizer_along(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a BERT and a tokenizer of a few pieces, as the extra reads them; the checkpoint does without their files."""
    pytest.importorskip("tokenizers")
    safetensors = pytest.importorskip("safetensors.numpy")
    from ray_jobs.training.driver import train

    folder = home / "bert"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    safetensors.save_file(toy_weights(), folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_of_pieces(["the", "a", "to", "##s", "of", "and"])))
    monkeypatch.setattr(feature_extraction, "check", lambda _: None)
    tuned = dataclasses.replace(LSTM, backbone_weights=str(folder), trainable_blocks=1)
    train("lstm", tuned, dataclasses.replace(RECIPE, epochs=1), options(home, "reader"))
    assert HINT in capsys.readouterr().out
    shutil.rmtree(folder)
    store, folder = Store.open(str(home / "store")), checkpoint(home, "reader")
    metadata = checkpoints.read(folder)
    assert not metadata.inputs.frozen and not metadata.vocabulary
    films = store.table("test", ["row", "overview"])
    scores = Predictor(str(folder), store.manifest.poster_shape, None)(films)["scores"]
    ids, lengths = WordPiece(metadata.tokenizer).encode(films["overview"].to_pylist(), max_tokens=12)
    model = checkpoints.load_model(folder)
    for film in range(0, len(scores), 9):
        np.testing.assert_allclose(scores[film], np.asarray(model(ids[film : film + 1, : lengths[film]]))[0], atol=1e-5)
    assert np.ptp(scores, axis=0).max() > 1e-4


def test_a_reader_without_its_tokenizer_says_so() -> None:
    """Where the package is not installed, and where the tokenizer is none."""
    tuned = dataclasses.replace(LSTM, trainable_blocks=1)
    metadata = Checkpoint("lstm", ("A",), tuned, RECIPE, {}, epoch=1, tokenizer="{}")
    with pytest.raises(TrainError, match=r"the Overview LSTM cannot read: .*tokenizer"):
        feature_extraction.with_encoder(metadata)
