"""An LSTM that goes on after its first epoch, whose validation moves the counters of its dropout."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint
from genre_models.models.overview_lstm import OverviewLSTM, build
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import TrainState
from genre_models.training.trainer import Batch, fit

CONFIG = OverviewLSTM(
    vocabulary_size=9, max_tokens=5, embedding_units=2, first_lstm_units=2, second_lstm_units=2, dense_units=2,
    recurrent_dropout=0.0,
)  # fmt: skip
RECIPE = Recipe(epochs=2, batch_size=4, learning_rate=0.1, seed=3)


def batches(seed: int) -> Iterator[Batch]:
    draw = np.random.default_rng(seed)
    for _ in range(2):
        ids, labels = draw.integers(1, 9, (4, 5)).astype(np.int32), draw.integers(0, 2, (4, 3)).astype(np.float32)
        yield {"inputs": ids, "labels": labels, "weights": np.ones(4, np.float32)}


def train(strategy: Any, **options: Any) -> TrainState:
    return fit(
        lambda: build(CONFIG, genres=3), RECIPE, strategy=strategy, training=batches, validation=lambda: batches(9),
        **options,
    )  # fmt: skip


@pytest.mark.slow
def test_the_second_epoch_is_bitwise_the_unbroken_one_s(strategy: Any, tmp_path: Path) -> None:
    """The weights are written while the epoch is validated, and the rest when it has ended, as in a run."""
    written: dict[str, Any] = {}

    def trained(state: TrainState) -> None:
        if not state.history:
            written.update(checkpoints.save_weights(tmp_path, state.model, state.optimizer))
            written["seeds"] = checkpoints.seeds_of(state.model)

    def ended(state: TrainState) -> None:
        if len(state.history) == 1:
            before, seeds = written.pop("seeds"), checkpoints.seeds_of(state.model)
            assert before != seeds, "validation moves the counters"
            words = tuple("abcdefg")
            about = Checkpoint(
                "lstm", ("a", "b", "c"), CONFIG, RECIPE, {}, 1, history=tuple(state.history), vocabulary=words
            )
            checkpoints.save_metadata(tmp_path, about, parameters=1, seeds=seeds, files=written)

    unbroken = train(strategy, on_trained=trained, on_epoch=ended)
    resumed = train(strategy, resume=partial(checkpoints.restore, tmp_path))
    assert resumed.history[1].loss == unbroken.history[1].loss
    assert resumed.history[1].validation_loss == unbroken.history[1].validation_loss
    for mine, theirs in zip(resumed.model.get_weights(), unbroken.model.get_weights(), strict=True):
        assert mine.tolist() == theirs.tolist()
