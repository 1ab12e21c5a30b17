"""Tiny checkpoints that were never trained, for tests of predictors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe

GENRES = ("Action", "N/A", "Sci-Fi")
WORDS = ("the", "spaceship", "returns", "home", "wedding", "spring")
SIZE = (8, 6)
CONFIGS: dict[str, Any] = {
    "cnn": PosterCNN(height=8, width=6, stem_filters=2, block_filters=(3,), dense_units=4, dense_layers=1),
    "lstm": OverviewLSTM(
        tokenizer="words", vocabulary_size=12, max_tokens=9, embedding_units=3, first_lstm_units=2,
        second_lstm_units=0, dense_units=0,
    ),
    "fusion": FusionGMU(
        height=8, width=6, stem_filters=8, block_filters=(8,), vocabulary_size=12, max_tokens=9, embedding_units=3,
        lstm_units=2, fusion_units=3,
    ),
}  # fmt: skip
OVERVIEWS = ("The spaceship returns home", "A wedding", "unknown words alone, spring")


def save(kind: str, folder: Path, *, seed: int = 0, config: Any = None, **changes: Any) -> keras.Model:
    """Save a checkpoint of a kind with random weights; return its model."""
    made: dict[str, Any] = {
        "kind": kind,
        "genres": GENRES,
        "config": config or CONFIGS[kind],
        "recipe": Recipe(),
        "store": {"fingerprint": "films", "path": "/films/store", "films": {"train": 3}},
        "thresholds": (0.25, 1 / 3, 0.5),
        "vocabulary": WORDS if kind != "cnn" else (),
        **changes,
    }
    metadata = Checkpoint(**made)
    model = metadata.build_model()
    draw = np.random.default_rng(seed)
    for weight in model.weights:
        values = draw.normal(0, 0.5, weight.shape)  # films must differ in their scores
        weight.assign(np.abs(values) if "variance" in weight.path else values)
    checkpoints.save(folder, metadata, model)
    return model


def posters(films: int, seed: int = 0) -> np.ndarray:
    """Draw posters uint8 [films, *SIZE, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (films, *SIZE, 3)).astype(np.uint8)
