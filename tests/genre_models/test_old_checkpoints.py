"""A checkpoint names the files that its layers were written in: one from before they moved loads all the same."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from genre_models.checkpoint import load_model
from genre_models.models.overview_lstm import OverviewLSTM, build

pytestmark = pytest.mark.slow


def renamed(model: Path, old: str, new: str) -> None:
    """Replace a module's name in what a saved model says of its layers."""
    with zipfile.ZipFile(model) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts["config.json"].decode()
    parts["config.json"] = parts["config.json"].decode().replace(old, new).encode()
    with zipfile.ZipFile(model, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def test_layers_are_found_by_their_registered_names(tmp_path: Path) -> None:
    config = OverviewLSTM(
        vocabulary_size=7, embedding_units=3, first_lstm_units=2, second_lstm_units=2, pooling="attention"
    )
    model, ids = build(config, genres=4), np.array([[2, 3, 4, 0], [5, 6, 0, 0]], np.int32)
    model.save(tmp_path / "model.keras")
    renamed(tmp_path / "model.keras", '"genre_models.', '"a_package_that_is_gone.')
    np.testing.assert_array_equal(load_model(tmp_path).predict_on_batch(ids), model.predict_on_batch(ids))
