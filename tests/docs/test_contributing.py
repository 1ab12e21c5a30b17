"""The examples of CONTRIBUTING.md do what it says: an encoder, a model and a reader, added and used."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from datasets.batches import film_inputs
from datasets.batches.film_inputs import FORMS, input_block
from genre_models.encoders import registry as encoders
from genre_models.encoders.encoder import Backbone
from genre_models.models import poster_cnn
from genre_models.models import registry as models
from genre_models.models.input_spec import ModelInput
from genre_models.models.poster_cnn import PosterCNN
from tests.jobs import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = {match[1]: match[0] for match in re.finditer(r"(?<=```python\n)# (\S+)\n.*?(?=```)", TEXT, re.DOTALL)}
POSTERS = np.zeros((2, 8, 8, 3), np.uint8)
POSTERS[0, :4, :4] = 255  # the first poster is white in its upper left quarter


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that writes an example's file and imports it as the module that it would be."""

    def add(path: str) -> ModuleType:
        assert not (ROOT / path).exists()
        name = path.removesuffix(".py").replace("/", ".")
        file = tmp_path / Path(path).name
        file.write_text(EXAMPLES[path], encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return add


def test_the_encoder(added: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = added("genre_models/encoders/mosaic.py")
    assert "`Mosaic(),`" in TEXT
    monkeypatch.setitem(encoders.ENCODERS, "mosaic", module.Mosaic())
    config = PosterCNN(backbone="mosaic", height=8, width=8, dense_layers=0)
    backbone = Backbone("mosaic", height=8, width=8)
    encoder = encoders.image_encoder(backbone)
    assert len(encoder.digest(backbone)) == 64
    features = encoder.load(backbone)(POSTERS)
    # Four tiles of the first poster are white: two of four rows, two of four columns.
    assert features.shape == (2, 48) and features.sum(axis=1).tolist() == [4 * 3, 0]
    (one,) = poster_cnn.inputs(config)
    assert one.is_frozen and one.encoder is not None and one.encoder.input == "8x8"
    head = poster_cnn.build(config, genres=3, units=48)
    assert head.predict_on_batch(np.stack([features, features], axis=1)).shape == (2, 3)


@pytest.mark.slow
def test_the_model(added: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from genre_models.training.trainer import set_up_tensorflow
    from tests.genre_models.training import tiny_training as tiny

    module = added("genre_models/models/poster_linear.py")
    spec = models.ModelSpec(
        "linear", "Linear", "a linear model", module.PosterLinear, module.inputs, module.build, module.SEARCH_SPACE
    )
    monkeypatch.setitem(models.REGISTRY, "linear", spec)
    assert spec.modality == "poster"
    config = spec.config_class(height=8, width=8)
    recipe = replace(tiny.RECIPE, learning_rate=1e-2, epochs=3, hold_epochs=3)
    state = tiny.train(set_up_tensorflow(workers=1), recipe, build=lambda: spec.build(config, genres=tiny.GENRES))
    losses = [epoch.loss for epoch in state.history]
    assert len(losses) == 3 and losses[-1] < losses[0]


def test_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace = {**vars(film_inputs), "np": np, "pa": pa, "math": __import__("math")}
    exec(EXAMPLES["datasets/batches/film_inputs.py"], namespace)
    monkeypatch.setitem(FORMS, "brightness", namespace["brightness"])
    described = re.search(r"`(ModelInput\(.*\))`", TEXT)
    assert described is not None and '"brightness": brightness' in TEXT
    one = eval(described[1], {"ModelInput": ModelInput})
    posters = [*(poster.tobytes() for poster in POSTERS), None]
    films = pa.table({"poster": pa.array(posters, pa.binary(POSTERS[0].size))})
    block = input_block(films, [one], None, (8, 8, 3))
    assert block["light"].tolist() == [[0.25], [0.0], [0.0]]


def test_every_example_is_followed_and_every_command_is_there() -> None:
    followed = {"genre_models/encoders/mosaic.py", "genre_models/models/poster_linear.py"}
    assert set(EXAMPLES) == followed | {"datasets/batches/film_inputs.py"}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = re.findall(r"^make ([\w-]+)", TEXT, re.MULTILINE)
    assert commands and all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)
