"""A checkpoint names the files that its layers were written in: one from before they moved loads all the same."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.checkpoint import load_model, read
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


BEFORE = Path(__file__).parents[1] / "version_before"
INPUTS: dict[str, Any] = {
    "cnn": np.linspace(-1, 1, 20).reshape(2, 2, 5).astype(np.float32),
    "lstm": np.array([[2, 3, 4, 0], [5, 6, 0, 0]], np.int32),
}
INPUTS["fusion"] = {
    "poster": (np.arange(2 * 8 * 6 * 3) % 255 + 1).reshape(2, 8, 6, 3).astype(np.uint8),
    "tokens": INPUTS["lstm"],
}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_checkpoint_of_the_version_before_loads_and_scores_as_it_did(kind: str) -> None:
    """Options and layers had other names then; the scores were written beside it."""
    checkpoint = read(BEFORE / kind)
    assert (checkpoint.recipe.ema_decay, checkpoint.recipe.gamma, checkpoint.recipe.prob_margin) == (0.9, 1.0, 0.1)
    assert (checkpoint.recipe.oversample_share, checkpoint.recipe.encoder_lr_scale) == (0.25, 0.1)
    if kind == "lstm":
        config = checkpoint.config
        assert config.bow_embedding and config.bow_logits and config.init_bias_from_prior and config.min_count == 2
    if kind == "fusion":
        assert checkpoint.config.random_erasing == 0.1 and not checkpoint.config.horizontal_flip
    scores = load_model(BEFORE / kind).predict_on_batch(INPUTS[kind])
    np.testing.assert_allclose(scores, np.load(BEFORE / kind / "scores.npy"), atol=1e-6)
