"""Layers that compute in half precision: near float32's losses, float32 weights and output, overflow mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint
from genre_models.layers import fused_lstm
from genre_models.models import fusion_gmu
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.prefetch import stack_batches
from genre_models.training.recipe import Recipe
from genre_models.training.train_state import TrainingDivergedError
from genre_models.training.trainer import Batch, Trainer, fit
from tests.genre_models.training.tiny_training import BATCH, GENRES, PLAIN, RECIPE, TRAIN, batches, losses, train

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
HALVES = ("bfloat16", "float16")
BOTH = FusionGMU(
    height=8, width=8, vocabulary_size=8, stem_filters=4, block_filters=(4,), normalization="none", embedding_units=6,
    lstm_units=4, fusion_units=8, recurrent_dropout=0.1, overview_pooling="all", bow_embedding=True, bow_logits=True,
    augmentation=0.0,
)  # fmt: skip


def overviews(*_: int) -> Iterator[Batch]:
    draw = np.random.default_rng(0)
    for length in (2, 5, 2):
        words = draw.integers(2, 8, (BATCH, length)).astype(np.int32)
        words[0, 1:] = 0
        yield {"inputs": words, "labels": np.eye(GENRES, dtype=np.float32)[[0, 1, 2, 0]], "weights": np.ones(4, "f4")}


def with_posters(*_: int) -> Iterator[Batch]:
    draw = np.random.default_rng(1)
    for batch in overviews():
        posters = draw.integers(0, 256, (BATCH, 8, 8, 3)).astype(np.uint8)
        yield {**batch, "inputs": {"poster": posters, "tokens": batch["inputs"]}}


def test_losses_are_near_float32s(strategy: Any) -> None:
    """Weights, scores and what is predicted stay float32; the optimizer keeps nothing in less."""
    wanted = losses(train(strategy, config=PLAIN))
    for dtype_policy in HALVES:
        state = train(strategy, replace(RECIPE, dtype_policy=dtype_policy), PLAIN)
        assert losses(state) == pytest.approx(wanted, abs=0.01), dtype_policy
        assert losses(state) != pytest.approx(wanted, abs=1e-7), dtype_policy
        assert state.validation_scores.dtype == np.float32
        assert state.model.layers[-1].compute_dtype == "float32"
        assert {layer.compute_dtype for layer in state.model.layers[1:-1]} == {dtype_policy}
        assert {variable.dtype for variable in state.model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"  # for who builds the next model


def test_layers_of_our_own(strategy: Any) -> None:
    """Pooling, votes, gates and the written-out loop; compiled, with batches of two lengths."""
    build, feed = partial(fusion_gmu.build, BOTH, genres=GENRES), with_posters
    recipe = replace(RECIPE, epochs=1, learning_rate=1e-6)
    plain, *halves = (
        fit(
            build,
            replace(recipe, dtype_policy=p),
            strategy=strategy,
            training=lambda _: iter([*feed()][:1]),
            validation=feed,
        )
        for p in ("float32", *HALVES)
    )
    for half in halves:
        assert half.validation_scores == pytest.approx(plain.validation_scores, abs=0.01)
        assert half.history[0].validation_loss == pytest.approx(plain.history[0].validation_loss, abs=0.01)


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1, "ema_decay": 0.5}], ids=["plain", "clipped and averaged"])
def test_overflow_is_left_out_and_mended(strategy: Any, options: dict[str, float]) -> None:
    """At a scale far beyond float16 the first steps overflow: nothing moves, until halving has mended it."""
    trainer = Trainer(
        lambda: _hidden(), Recipe(batch_size=BATCH, learning_rate=0.02, dtype_policy="float16", **options), strategy
    )
    before = [weight.numpy() for weight in trainer.model.trainable_variables]
    trainer.optimizer.dynamic_scale.assign(2.0**26)
    sums = trainer.train_epoch(1, batches(*TRAIN), lambda _: None)
    assert np.isfinite(sums).all() and sums[1] == len(TRAIN[1])  # the losses were finite: only gradients were not
    assert float(trainer.optimizer.dynamic_scale.numpy()) == 2.0**23
    assert int(trainer.optimizer.iterations.numpy()) == 0
    for weight, start in zip(trainer.model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), start)
    for epoch in range(2, 8):
        trainer.train_epoch(epoch, batches(*TRAIN), lambda _: None)
    assert 0 < int(trainer.optimizer.iterations.numpy()) < 18
    assert any((w.numpy() != b).any() for w, b in zip(trainer.model.trainable_variables, before, strict=True))
    assert all(np.isfinite(weight.numpy()).all() for weight in trainer.model.trainable_variables)


def _hidden() -> Any:
    layers = [keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.Dense(GENRES, "sigmoid", dtype="float32")]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


def test_float16_that_never_holds_is_divergence(strategy: Any) -> None:
    """Posters a thousand times as bright as white are infinite in float16: no step is taken, which is told."""
    films = (TRAIN[0].astype(np.float32) * 1000, TRAIN[1])
    with pytest.raises(TrainingDivergedError, match="epoch 1 is nan"):
        train(strategy, replace(RECIPE, dtype_policy="float16"), build=_hidden, training=lambda _: batches(*films))


def test_checkpoint_goes_on_and_predicts_as_validated(strategy: Any, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=3, dtype_policy="float16", ema_decay=0.5)

    def save(state: Any) -> None:
        if len(state.history) == 2:
            metadata = Checkpoint("cnn", ("a", "b", "c"), PLAIN, recipe, {}, epoch=2, history=tuple(state.history))
            checkpoints.save(tmp_path, metadata, state.model, state.optimizer)

    unbroken = train(strategy, recipe, PLAIN, on_epoch=save)
    resumed = train(strategy, recipe, PLAIN, resume=partial(checkpoints.restore, tmp_path))
    assert losses(resumed) == pytest.approx(losses(unbroken), abs=1e-5)
    assert checkpoints.read(tmp_path).recipe == recipe
    loaded = checkpoints.load_model(tmp_path)
    assert {weight.dtype for weight in loaded.trainable_variables} == {"float32"}
    assert loaded.predict_on_batch(TRAIN[0][:BATCH]).dtype == np.float32
    assert loaded.layers[2].compute_dtype == "float16"


def test_steps_in_one_call_change_nothing(strategy: Any) -> None:
    """Three batches of an epoch as two and one; the losses are those of one step after the other."""
    told: list[int] = []
    state = train(strategy, config=PLAIN, steps_per_execution=2, on_step=lambda step: told.append(step.step))
    assert losses(state) == pytest.approx(losses(train(strategy, config=PLAIN)), abs=1e-6)
    assert told == [2, 3, 0] * 2


def test_stacks_are_of_one_shape_and_in_order() -> None:
    lengths = [3, 3, 5, 3, 3, 3, 3, 5]
    feature_specs = [
        {"inputs": {"tokens": np.full((2, n), i)}, "weights": np.full(2, i)} for i, n in enumerate(lengths)
    ]
    stacks = list(stack_batches(feature_specs, 2))
    assert [steps for steps, _ in stacks] == [2, 1, 2, 2, 1]
    seen = [batch["weights"].reshape(-1, 2)[:, 0].tolist() for _, batch in stacks]
    assert seen == [[0, 1], [2], [3, 4], [5, 6], [7]]
    assert stacks[0][1]["inputs"]["tokens"].shape == (2, 2, 3)
    assert [steps for steps, _ in stack_batches(feature_specs, 1)] == [1] * 8


def test_one_graph_for_all_lengths(strategy: Any) -> None:
    """Another length, another epoch and stacks of steps take no further graph: tracing an LSTM takes seconds."""
    words = [keras.Input((None,), dtype="int32"), keras.layers.Embedding(8, 4), keras.layers.GlobalAveragePooling1D()]
    trainer = Trainer(
        lambda: keras.Sequential([*words, keras.layers.Dense(GENRES, "sigmoid")]), replace(RECIPE, epochs=1), strategy
    )
    for epoch, lengths in enumerate([(8, 16, 8, 24, 48), (16, 16, 64, 8, 8), (96, 24)], start=1):
        feature_specs = (
            {**batch, "inputs": np.ones((BATCH, n), np.int32)} for n in lengths for batch in [next(overviews())]
        )
        trainer.train_epoch(epoch, feature_specs, lambda _: None, steps_per_execution=1 + epoch // 2)
    trainer.predict_epoch({**batch, "inputs": np.ones((BATCH, n), np.int32)} for n in (8, 24) for batch in overviews())
    assert trainer._train.experimental_get_tracing_count() == 1
    assert trainer._train_stack.experimental_get_tracing_count() == 1
    assert trainer._predict.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("devices", "dropped", "keras_own"), [(["cpu:0"], 0.0, 0), (["gpu:0"], 0.0, 1), (["gpu:0"], 0.2, 0)]
)
def test_gpu_takes_cudnn_where_it_can(
    devices: list[str], dropped: float, keras_own: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    inner = keras.layers.LSTM.inner_loop

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(True)
        return inner(self, *arguments, **options)

    monkeypatch.setattr(keras.layers.LSTM, "inner_loop", counted)
    fused_lstm.FusedLSTM(3, recurrent_dropout=dropped)(np.ones((2, 4, 3), np.float32), training=True)
    assert len(asked) == keras_own


def test_says_what_rules_out_cudnn() -> None:
    from genre_models.models.registry import without_cudnn

    assert without_cudnn(OverviewLSTM(recurrent_dropout=0.0)) == without_cudnn(PLAIN) == ""
    assert without_cudnn(OverviewLSTM()).startswith("recurrent_dropout 0.2 rules out cuDNN's LSTM kernel")


def test_refuses_an_unknown_precision() -> None:
    with pytest.raises(ValueError, match="dtype_policy must be one of float32, bfloat16, float16, not 'half'"):
        Recipe(dtype_policy="half")  # type: ignore[arg-type]
