"""The benchmark of a step on any device runs on this one, counts right, and needs neither TensorFlow nor Ray."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genre_models.models.poster_cnn import PosterCNN
from tests.jobs import ROOT
from tests.test_rooms import packages_of

SCRIPT = ROOT / "benchmarks" / "gpu_step.py"


@pytest.fixture
def gpu_step(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.delitem(sys.modules, "gpu_step", raising=False)
    return importlib.import_module("gpu_step")


def test_it_needs_no_tensorflow_and_no_ray() -> None:
    assert not packages_of(SCRIPT) & {"tensorflow", "ray", "ray_jobs", "jax", "torch"}
    modules = "gpu_step, datasets.raw.posters, genre_models.presets.lookup, genre_models.models.registry"
    code = f"import sys; sys.path[:0] = [{str(SCRIPT.parent)!r}, {str(ROOT)!r}]; import {modules}\n"
    code += "sys.exit(bool({'tensorflow', 'ray', 'keras'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(sys.prefix))


@pytest.mark.slow
def test_a_tiny_step_on_this_machine(gpu_step: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    tiny = PosterCNN(height=8, width=8, stem_filters=2, block_filters=(), dense_units=4, dense_layers=1)
    monkeypatch.setattr("genre_models.presets.lookup.preset", lambda *_: (None, tiny))
    monkeypatch.setattr(gpu_step, "decoded_per_second", lambda: 1e-9)
    (found,) = gpu_step.main(gpu_step.Options(models=("cnn",), batches=(4,), seconds=0.01, matrix=16))
    assert found.films_per_second > 0 and found.flop_per_second > 0
    head, *table = capsys.readouterr().out.splitlines()
    assert head.startswith("CPU, Keras 3") and "on tensorflow, float32: a large product" in head
    assert table[2].startswith("| cnn | 4 |") and table[2].count("|") == 9
    assert table[3].startswith("Most memory: ")


def test_operations_by_hand(gpu_step: Any) -> None:
    from keras import Input, Model, layers

    picture, words = Input((6, 6, 3)), Input((None,), dtype="int32")
    convolved = layers.Flatten()(layers.Conv2D(4, 3)(picture))  # 4 x 4 pixels
    read = layers.LSTM(5)(layers.Embedding(10, 7)(words))
    model = Model([picture, words], layers.Dense(2)(layers.Concatenate()([convolved, read])))
    by_hand = 2 * (3 * 3 * 3 * 4) * 16 + 2 * (7 * 20 + 5 * 20) * 32 + 2 * (64 + 5) * 2
    assert gpu_step.flop_of(model, tokens=32) == by_hand


def test_the_mean_of_steps(gpu_step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(gpu_step.time, "perf_counter", lambda: next(clock))
    assert gpu_step.seconds_of(lambda: None, 4.0) == 1.0
