"""Beginning with the weights of another run: which one, and whose weights fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import Checkpoint, CheckpointError
from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.recipe import Recipe
from ray_jobs.cli.options import TrainOptions
from ray_jobs.runs.find_checkpoints import find_init_checkpoint
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.driver import _init_checkpoint
from tests.ray_jobs.epochs import epochs

ABOUT = Checkpoint(
    kind="lstm",
    genres=("Drama",),
    config=OverviewLSTM(tokenizer="words"),
    recipe=Recipe(),
    store={"fingerprint": "films", "path": "/store", "films": {"train": 3}},
    vocabulary=("film", "love"),
)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A run to start from, with what its checkpoint says and without weights."""
    folder = tmp_path / "start" / "epoch-001"
    folder.mkdir(parents=True)
    checkpoints.save_metadata(folder, replace(ABOUT, epoch=1, history=tuple(epochs(0.3))), parameters=1)
    return folder.parent


def test_words_must_be_the_same(start: Path) -> None:
    assert find_init_checkpoint(str(start), ABOUT, "validation_loss") == f"{start}/epoch-001"
    stems = replace(ABOUT, config=OverviewLSTM(tokenizer="stems"), vocabulary=("film", "lov"))
    with pytest.raises(CheckpointError, match=r"tokenizer words\) than this model \(2 by the tokenizer stems"):
        find_init_checkpoint(str(start), stems, "validation_loss")
    # An encoder's own tokenizer has no vocabulary: its start was fed what the same encoder made of the films.
    assert find_init_checkpoint(str(start), replace(ABOUT, vocabulary=()), "validation_loss")


def test_a_run_that_goes_on_keeps_what_it_began_with(start: Path, tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path), "run")
    began = f"{start}/epoch-001"
    assert _init_checkpoint(folder, ABOUT, TrainOptions(init_from=str(start))) == began
    assert _init_checkpoint(folder, ABOUT, TrainOptions(init_from="")) == ""
    folder.write_options({"start from": began})
    # The start was trained further since: it is not looked for anew.
    checkpoints_of_start = start / "epoch-002"
    checkpoints_of_start.mkdir()
    better = replace(ABOUT, epoch=2, history=tuple(epochs(0.3, 0.2)))
    checkpoints.save_metadata(checkpoints_of_start, better, parameters=1)
    for told in ("", str(start), f"{start}/", began):
        assert _init_checkpoint(folder, ABOUT, TrainOptions(init_from=told, resume=True, name="run")) == began
    assert _init_checkpoint(folder, ABOUT, TrainOptions(init_from=str(start))) == f"{start}/epoch-002"
    with pytest.raises(CheckpointError, match="there is no lstm"):
        _init_checkpoint(folder, ABOUT, TrainOptions(init_from=f"{start}-other", resume=True, name="run"))
