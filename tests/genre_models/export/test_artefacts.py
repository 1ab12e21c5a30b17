"""Artefacts run by their own runtimes have the model's probabilities, and NaN where it has none."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genre_models.export import numeric_files, saved_model
from genre_models.export.inputs import ArtefactInput
from genre_models.export.parts import ExportError, Part, read_parts
from genre_models.export.runtimes import RUNTIMES, input_values
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.metrics.calibration import PlattScaling
from genre_models.metrics.stacking import StackingModel
from genre_models.predictors.films import read_films
from genre_models.predictors.folder import ModelFolder, write_combination, write_tfidf
from genre_models.predictors.load import load_predictor
from ray_jobs.exporting.drawn_films import drawn_films
from tests.genre_models.predictors import tiny_models
from tests.genre_models.predictors.tiny_models import CONFIGS, GENRES, WORDS

STORE = {"fingerprint": "films", "path": "/films/store", "films": {"train": 3}}
# All layers and poolings of overviews there are.
RICH = replace(
    CONFIGS["lstm"], pooling="all", bow_embedding=True, bow_logits=True, dense_units=4,
    tokenizer="stems", word_dropout=0.2, embedding_dropout=0.2,
)  # fmt: skip
FUSED = replace(CONFIGS["fusion"], bow_logits=True)
POSTERS, OVERVIEWS = drawn_films(WORDS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model of each kind: cnn, lstm, fusion, tfidf, and the ensemble of all."""
    place = tmp_path_factory.mktemp("models")
    for kind, config in {"cnn": CONFIGS["cnn"], "lstm": RICH, "fusion": FUSED}.items():
        tiny_models.save(kind, place / kind, config=config)
    scaling = PlattScaling(np.array([0.9, 1.1, 1.0]), np.array([-0.1, 0.3, 0.2]))
    labels = np.array([[film % 2, film % 3 == 0, 1] for film in range(len(OVERVIEWS))])
    tfidf = TfidfBaseline(OVERVIEWS, labels)
    about = {"genres": GENRES, "thresholds": np.array([0.2, 0.3, 0.4]), "store": STORE, "scaling": scaling}
    write_tfidf(place / "tfidf", ModelFolder("tfidf", "TF-IDF", **about), tfidf.weights)
    for name, keys in {"ensemble": ("cnn", "lstm", "tfidf"), "numeric": ("cnn", "fusion")}.items():
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
        for name in ("vocabulary.txt", "1_fusion_vocabulary.txt", "2_vocabulary.txt"):
            (folder / name).write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")

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
        ("onnx", ["fusion"]), ("litert", ["fusion"]), ("keras", ["cnn"]), ("keras", ["numeric", "lstm"]),
    ],
    ids=str,
)  # fmt: skip
def test_artefacts_of_pixels_and_token_ids(form: str, names: list[str], artefacts: Artefacts) -> None:
    """Conversion of a network with loops takes seconds: one of each format."""
    wanted, values = artefacts.expected(*names), artefacts.found(form, *names)
    # A model of posters alone takes pixels for a poster, whatever they are.
    rows = [film for film, poster in enumerate(POSTERS) if poster or names != ["cnn"]]
    np.testing.assert_allclose(values[rows], wanted[rows], atol=1e-5)


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


def test_frozen_encoders_are_refused_by_name(tmp_path: Path) -> None:
    config = replace(CONFIGS["cnn"], backbone="efficientnet_lite0", normalization="batch")
    inputs = tiny_models.Checkpoint("cnn", GENRES, config, tiny_models.Recipe(), {}).inputs
    known = inputs.with_input(next(iter(inputs)).with_units(4))
    tiny_models.save("cnn", tmp_path, config=config, inputs=known)
    with pytest.raises(ExportError, match=r"features of a frozen encoder \(efficientnet_lite0\)"):
        read_parts([tmp_path])
