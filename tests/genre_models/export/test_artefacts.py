"""Artefacts run by their own runtimes have the model's probabilities, and NaN where it has none."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.checkpoint import CheckpointError
from genre_models.encoders.registry import ENCODERS
from genre_models.export import numeric_files, saved_model
from genre_models.export.inputs import ArtefactInput, networks, numeric_inputs, raw_inputs
from genre_models.export.parts import ExportError, Part, read_parts
from genre_models.export.runtimes import RUNTIMES, input_values
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.models.registry import REGISTRY
from genre_models.predictors.films import read_films
from genre_models.predictors.folder import ModelFolder, write_combination, write_tfidf
from genre_models.predictors.load import load_predictor
from ray_jobs.exporting.drawn_films import drawn_films
from tests.datasets.text.test_pretrained_tokenizer import tokenizer_of_pieces
from tests.genre_models.encoders.tiny_encoders import DIGEST, TinyImages, TinyTexts
from tests.genre_models.predictors import tiny_models
from tests.genre_models.predictors.tiny_models import CONFIGS, GENRES, WORDS

pytestmark = pytest.mark.slow

STORE = {"fingerprint": "films", "path": "/films/store", "films": {"train": 3}}
# All layers and poolings of overviews there are.
RICH = replace(
    CONFIGS["lstm"], pooling="all", bow_embedding=True, bow_logits=True, dense_units=4,
    tokenizer="stems", word_dropout=0.2, embedding_dropout=0.2,
)  # fmt: skip
FUSED = replace(CONFIGS["fusion"], bow_logits=True)
POSTERS, OVERVIEWS = drawn_films(WORDS)


def save_on_features(folder: Path) -> None:
    """Save a joint model on frozen encoders, of a store of posters of 8 by 6 pixels."""
    config = replace(
        CONFIGS["fusion"], height=16, width=12, augmentation=0.0, poster_backbone="efficientnet-lite0",
        overview_backbone="minilm", bow_embedding=True,
    )  # fmt: skip
    inputs = REGISTRY["fusion"].inputs(config)
    for one in inputs.frozen:
        inputs = inputs.with_input(one.with_digest(DIGEST).with_units({"poster": 5, "overview": 6}[one.source]))
    store = {**STORE, "poster": {"height": 8, "width": 6}}
    tiny_models.save("fusion", folder, config=config, inputs=inputs, vocabulary=(), store=store)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder with a model of each kind: cnn, lstm, fusion, frozen, tfidf, and the ensemble of all."""
    place = tmp_path_factory.mktemp("models")
    pytest.importorskip("tokenizers")
    (place / "minilm").mkdir()
    tokenizer = tokenizer_of_pieces([*WORDS, *"abcdefst"])
    (place / "minilm" / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "efficientnet-lite0", TinyImages())
        patch.setitem(ENCODERS, "minilm", TinyTexts(place / "minilm"))
        yield made(place)


def made(place: Path) -> Path:
    """Write the models into a folder; return it."""
    for kind, config in {"cnn": CONFIGS["cnn"], "lstm": RICH, "fusion": FUSED}.items():
        tiny_models.save(kind, place / kind, config=config)
    save_on_features(place / "frozen")
    scaling = PlattScaling(np.array([0.9, 1.1, 1.0]), np.array([-0.1, 0.3, 0.2]))
    labels = np.array([[film % 2, film % 3 == 0, 1] for film in range(len(OVERVIEWS))])
    tfidf = TfidfBaseline(OVERVIEWS, labels)
    about = {"genres": GENRES, "thresholds": np.array([0.2, 0.3, 0.4]), "store": STORE, "scaling": scaling}
    write_tfidf(place / "tfidf", ModelFolder("tfidf", "TF-IDF", **about), tfidf.weights)
    for name, keys in {"ensemble": ("cnn", "lstm", "frozen", "tfidf"), "numeric": ("cnn", "fusion")}.items():
        draw = np.random.default_rng(0)
        weights = draw.dirichlet(np.ones(len(keys)))
        stacking = StackingModel("stack", keys, weights, draw.normal(0.3, 0.5, (len(GENRES), 1 + len(keys))))
        members = {key: f"members/{key}" for key in keys}
        about_it = ModelFolder("ensemble", "Ensemble", **about, members=members, stacking=stacking)
        write_combination(place / name, about_it, {key: place / key for key in keys})
    return place


class Artefacts:
    """Artefacts, each written once."""

    def __init__(self, models: Path, folder: Path) -> None:
        self.models, self.folder = models, folder
        self.read = functools.cache(self._read)
        self.write = functools.cache(self._write)
        for name in ("vocabulary.txt", "1_vocabulary.txt", "1_fusion_vocabulary.txt", "2_vocabulary.txt"):
            (folder / name).write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
        for name in ("tokenizer.json", "2_tokenizer.json"):
            shutil.copy(models / "minilm" / "tokenizer.json", folder / name)

    def _read(self, *names: str) -> Part:
        return read_parts([self.models / name for name in names])

    def _write(self, form: str, *names: str) -> tuple[Path, tuple[ArtefactInput, ...]]:
        """Write an artefact; return its file and its inputs."""
        file = self.folder / f"{'-'.join(names)}.{form}"
        write = {
            "savedmodel": saved_model.write, "keras": numeric_files.write_keras, "onnx": numeric_files.write_onnx,
            "litert": numeric_files.write_litert,
        }[form]  # fmt: skip
        return file, write(self.read(*names), file)

    def found(self, form: str, *names: str, posters: Sequence[bytes] = POSTERS) -> np.ndarray:
        """Return the probabilities of the drawn films by an artefact."""
        file, inputs = self.write(form, *names)
        return RUNTIMES[form][1](file, input_values(inputs, posters, OVERVIEWS, self.folder))

    def expected(self, *names: str, posters: Sequence[bytes] = POSTERS) -> np.ndarray:
        """Return the model's own probabilities."""
        model = load_predictor(*(self.models / name for name in names))
        films, _ = read_films([poster or None for poster in posters], OVERVIEWS, sizes=model.info.poster_sizes)
        return model.scores(films)


@pytest.fixture(scope="module")
def artefacts(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    return Artefacts(models, tmp_path_factory.mktemp("artefacts"))


def test_a_saved_model_holds_the_ensemble_of_all_kinds(artefacts: Artefacts) -> None:
    """Tracing the graph of decoding, words, networks and TF-IDF takes seconds; all of it is checked at once."""
    # One film lacks the poster and one the overview, so that members are missing; the last one lacks both.
    posters = [*POSTERS[:-1], b""]
    wanted = artefacts.expected("ensemble", posters=posters)
    assert np.isnan(wanted).all(axis=1).tolist() == [False] * (len(posters) - 1) + [True]
    assert len({tuple(row) for row in wanted}) == len(wanted)
    np.testing.assert_allclose(artefacts.found("savedmodel", "ensemble", posters=posters), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("onnx", ["numeric", "frozen"]), ("litert", ["fusion", "frozen"]), ("keras", ["cnn"]),
        ("keras", ["numeric", "lstm"]), ("keras", ["frozen"]),
    ],
    ids=str,
)  # fmt: skip
def test_artefacts_of_pixels_and_token_ids(form: str, names: list[str], artefacts: Artefacts) -> None:
    """Conversion of a network with loops takes seconds: one of each format."""
    wanted, values = artefacts.expected(*names), artefacts.found(form, *names)
    assert np.isnan(wanted).any() == (names == ["cnn"])
    np.testing.assert_allclose(values, wanted, atol=1e-5)


def test_artefacts_need_nothing_of_this_project(artefacts: Artefacts) -> None:
    """A process in which the project cannot be imported: TensorFlow's start takes most of the time."""
    folder, names = artefacts.folder, ("numeric", "lstm")
    keras_file, inputs = artefacts.write("keras", *names)
    inside = zipfile.ZipFile(keras_file).read("config.json").decode()
    assert "genre_models" not in inside and "film_genres>" not in inside
    saved, raw = artefacts.write("savedmodel", "ensemble")
    assert [(one.name, one.form) for one in raw] == [("poster", "file"), ("overview", "text")]
    np.savez(folder / "inputs.npz", **input_values(inputs, POSTERS, OVERVIEWS, folder))
    films = {"overview": OVERVIEWS, "poster": [poster.hex() for poster in POSTERS]}
    (folder / "films.json").write_text(json.dumps(films))
    program = (
        "import json, sys\n"
        "sys.modules.update(dict.fromkeys(['genre_models', 'datasets', 'ray_jobs']))\n"
        "import keras, numpy as np, tensorflow as tf\n"
        f"of_keras = keras.saving.load_model('{keras_file.name}')(dict(np.load('inputs.npz')), training=False)\n"
        "films = json.load(open('films.json'))\n"
        "poster = tf.constant([bytes.fromhex(one) for one in films['poster']])\n"
        f"signature = tf.saved_model.load('{saved.name}').signatures['serving_default']\n"
        "saved = signature(poster=poster, overview=tf.constant(films['overview']))['probabilities']\n"
        "np.savez('outputs.npz', keras=of_keras.numpy(), saved=saved.numpy())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "outputs.npz") as outputs:
        np.testing.assert_allclose(outputs["keras"], artefacts.expected(*names), atol=1e-5)
        np.testing.assert_allclose(outputs["saved"], artefacts.expected("ensemble"), atol=1e-5)


def test_formats_without_text_refuse_tfidf_by_name(artefacts: Artefacts) -> None:
    for form in ("onnx", "litert", "keras"):
        with pytest.raises(ExportError, match=r"TF-IDF of Ensemble counts words .* --format savedmodel"):
            artefacts.write(form, "ensemble")


def test_a_missing_extra_is_one_sentence(artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ExportError, match=r"--format onnx needs the extra export .*`pip install -e '\.\[export\]'`"):
        numeric_files.write_onnx(artefacts.read("cnn"), artefacts.folder / "never.onnx")


def test_frozen_encoders_go_with_the_model(artefacts: Artefacts) -> None:
    """Its inputs are those of the encoders: posters of the store's size, and ids of the encoder's own tokenizer."""
    part = artefacts.read("frozen")
    poster, tokens = numeric_inputs(part)
    assert (poster.form, poster.height, poster.width) == ("pixels", 8, 6)
    assert (tokens.tokenizer, tokens.max_tokens, tokens.vocabulary) == ("encoder", 12, "tokenizer.json")
    assert [one.form for one in raw_inputs(part)] == ["file", "text"]
    # Members on the same encoder share it.
    both = read_parts([artefacts.models / "frozen", artefacts.models / "frozen"])
    inside = [{layer.name: layer for layer in one.model.layers} for one in networks(both)]
    for name in ("tiny_images_of_posters", "minilm_of_tokens"):
        assert inside[0][name] is inside[1][name]


def test_encoder_that_is_not_installed_is_named(artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> str:
        raise FileNotFoundError("MiniLM is not installed")

    monkeypatch.setattr(TinyTexts, "digest", missing)
    with pytest.raises(CheckpointError, match="needs the encoder minilm: MiniLM is not installed"):
        read_parts([artefacts.models / "frozen"])
