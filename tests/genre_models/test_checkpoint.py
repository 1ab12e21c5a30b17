"""The checkpoint: what is saved comes back, and what is no checkpoint is refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.models.fusion_gmu import FusionGMU
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.registry import REGISTRY
from genre_models.training.history import EpochMetrics
from genre_models.training.recipe import Recipe

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

GENRES = ("Action", "N/A", "Sci-Fi")
CONFIGS = {
    "cnn": PosterCNN(height=8, width=8, stem_filters=2, block_filters=(3, 2), dense_units=4),
    "lstm": OverviewLSTM(
        vocabulary_size=12, max_tokens=9, embedding_units=3, first_lstm_units=2, second_lstm_units=2, dense_units=4
    ),
    "fusion": FusionGMU(
        height=8,
        width=8,
        stem_filters=8,
        block_filters=(8,),
        vocabulary_size=12,
        max_tokens=9,
        embedding_units=3,
        lstm_units=2,
        fusion_units=3,
        bow_logits=True,
    ),
}
WORDS = ("the", "naïve", "日本", "“quoted”", "🎬", "a\u200bb", "ẞ", "n…o", "—", "0")
EPOCHS = (EpochMetrics(1, 0.7, 0.1, 0.2, 0.6, 0.3, 0.4, 1 / 3, 1e-4, 2.0, 1.5, 400.0),)


def about(kind: str, **changes: Any) -> Checkpoint:
    """A checkpoint's words of a tiny model after one epoch."""
    made = Checkpoint(
        kind=kind,
        genres=GENRES,
        config=CONFIGS[kind],
        recipe=Recipe(epochs=3, batch_size=4, seed=7),
        store={"fingerprint": "abc", "path": "/films/store", "films": {"train": 10, "validation": 2, "test": 4}},
        epoch=1,
        thresholds=(0.25, 1 / 3, 0.5),
        vocabulary=WORDS if REGISTRY[kind].modality != "poster" else (),
        history=EPOCHS,
    )
    return replace(made, **changes)


def build(kind: str, seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    return REGISTRY[kind].build(CONFIGS[kind], genres=len(GENRES))


def inputs_of(kind: str) -> Any:
    draw = np.random.default_rng(0)
    posters, tokens = draw.integers(0, 256, (5, 8, 8, 3)).astype(np.uint8), draw.integers(1, 12, (5, 9))
    return {"poster": posters, "overview": tokens, "both": {"poster": posters, "tokens": tokens}}[
        REGISTRY[kind].modality
    ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a CNN's checkpoint that a test may read."""
    folder = tmp_path_factory.mktemp("saved") / "epoch-001"
    checkpoints.save(folder, about("cnn"), build("cnn"))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(REGISTRY))
def test_round_trip(kind: str, tmp_path: Path) -> None:
    model = build(kind)
    checkpoints.save(tmp_path / "new" / "folder", about(kind), model)
    found = checkpoints.read(tmp_path / "new" / "folder")
    assert set(found.versions) == {"ray", "tensorflow", "keras", "numpy"}
    assert found.versions["keras"] == keras.__version__
    assert replace(found, versions={}) == about(kind, parameters=model.count_params())
    assert found.model_spec is REGISTRY[kind]
    assert found.metrics == EPOCHS[0]
    loaded = checkpoints.load_model(tmp_path / "new" / "folder")
    assert np.asarray(loaded(inputs_of(kind))).tolist() == np.asarray(model(inputs_of(kind))).tolist()


def test_words_come_back_as_they_were(tmp_path: Path) -> None:
    """Also those with characters at which `str.splitlines` would break a line."""
    words = (*WORDS, "a\u2028b", "c\x85d", "e\x1cf", "g\x0bh")
    checkpoints.save(tmp_path, about("lstm", vocabulary=words), build("lstm"))
    assert checkpoints.read(tmp_path).vocabulary == words


def test_figures_that_are_no_numbers(tmp_path: Path) -> None:
    history = (replace(EPOCHS[0], validation_loss=math.nan),)
    checkpoints.save(tmp_path, about("cnn", history=history), build("cnn"))
    assert math.isnan(checkpoints.read(tmp_path).metrics.validation_loss)


def test_lambda_layer_is_refused(saved: Path, tmp_path: Path) -> None:
    """A Lambda layer is code: a checkpoint from elsewhere could do anything."""
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)]).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Lambda"):
        checkpoints.load_model(tmp_path)
    assert checkpoints.load_model(saved) is not None


def step(model: Any, optimizer: Any) -> float:
    """Take a training step, dropout on, by Keras' own means, and return its loss."""
    labels = np.random.default_rng(1).integers(0, 2, (5, 3)).astype(np.float32)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", run_eagerly=True)
    return float(model.train_on_batch(inputs_of("cnn"), labels))


def stopped_and_restored(folder: Path) -> list[tuple[Any, Any]]:
    """A CNN and its optimizer after two steps, and what another CNN and optimizer become by its checkpoint."""
    model, optimizer = build("cnn"), keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    for _ in range(2):
        step(model, optimizer)
    checkpoints.save(folder, about("cnn"), model, optimizer)
    other, fresh = build("cnn", seed=5), keras.optimizers.Adam(0.01)
    fresh.build(other.trainable_variables)
    assert checkpoints.restore(folder, other, fresh) == list(EPOCHS)
    return [(model, optimizer), (other, fresh)]


def test_restore_of_weights_and_optimizer(tmp_path: Path) -> None:
    (model, optimizer), (other, fresh) = stopped_and_restored(tmp_path)
    for mine, theirs in ((other.weights, model.weights), (fresh.variables, optimizer.variables)):
        assert len(mine) == len(theirs) > 4
        for a, b in zip(mine, theirs, strict=True):
            assert a.numpy().tolist() == b.numpy().tolist()
    assert int(fresh.iterations) == 2


@pytest.mark.slow
def test_restore_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    """The dropout's seeds, too, are as they stood: so are the steps from there."""
    before, after = stopped_and_restored(tmp_path)
    assert step(*after) == pytest.approx(step(*before), abs=1e-6)


def test_restore_from_an_epoch_of_a_finished_run(tmp_path: Path) -> None:
    """The best checkpoint of a run knows the whole run's curves; training goes on from its own epoch."""
    history = tuple(replace(EPOCHS[0], epoch=e, loss=1 / e) for e in (1, 2, 3))
    model, optimizer = build("cnn"), keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    checkpoints.save(tmp_path, about("cnn", epoch=2, history=history), model, optimizer)
    assert checkpoints.read(tmp_path).history == history
    assert checkpoints.read(tmp_path).metrics == history[1]
    assert json.loads((tmp_path / "checkpoint.json").read_text())["figures"]["loss"] == 0.5
    assert checkpoints.restore(tmp_path, model, optimizer) == list(history[:2])


def test_restore_into_another_model(tmp_path: Path) -> None:
    model, optimizer = build("cnn"), keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    checkpoints.save(tmp_path, about("cnn"), model, optimizer)
    wider = REGISTRY["cnn"].build(replace(CONFIGS["cnn"], dense_units=5), genres=3)
    with pytest.raises(CheckpointError, match="holds another model") as error:
        checkpoints.restore(tmp_path, wider, keras.optimizers.Adam())
    assert str(tmp_path) in str(error.value)


def test_optimizer_file_cannot_run_code(tmp_path: Path) -> None:
    """numpy would unpickle arrays of objects; they are refused."""
    model, optimizer = build("cnn"), keras.optimizers.Adam()
    checkpoints.save(tmp_path, about("cnn"), model)
    np.savez(tmp_path / "training_state.npz", **{"optimizer-0000": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        checkpoints.restore(tmp_path, model, optimizer)


BROKEN = {
    "empty": "",
    "cut short": '{"format": 1, "kind": "cn',
    "a list": "[1, 2]",
    "a number": "1",
    "nothing of ours": '{"weights": []}',
    "a format of the future": '{"format": 99, "kind": "cnn"}',
    "an unknown kind": '{"format": 1, "kind": "transformer"}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_checkpoint_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text(text)
    with pytest.raises(CheckpointError) as error:
        checkpoints.read(tmp_path)
    assert str(tmp_path / "checkpoint.json") in str(error.value)


def test_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CheckpointError) as error:
            checkpoints.read(folder)
        assert str(folder) in str(error.value)


def test_checkpoint_with_parts_missing_is_named(saved: Path, tmp_path: Path) -> None:
    values = json.loads((saved / "checkpoint.json").read_text(encoding="utf-8"))
    del values["genres"]
    (tmp_path / "checkpoint.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError):
        checkpoints.read(tmp_path)
