"""Settings from a file: what train_*.py takes by --config, and what it refuses, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe
from ray_jobs.cli.config_loading import starting_point
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import TrainOptions, TuneOptions
from ray_jobs.train_cnn import Options


def test_without_a_file_the_defaults_stand() -> None:
    assert starting_point(Options, ["--epochs", "3"]) == Options()


@pytest.mark.parametrize("arguments", [["--config", "PATH"], ["--config=PATH", "--epochs", "1"]])
def test_a_file_replaces_the_defaults(tmp_path: Path, arguments: list[str]) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(
        "kind: cnn\nrecipe: {learning_rate: 1.0e-3, batch_size: 32}\nmodel: {block_filters: [8, 16], conv_dropout: 0}\n"
        "found_by: {sweep: somewhere, trial: 7}\n"
    )
    read = starting_point(Options, [a.replace("PATH", str(path)) for a in arguments])
    assert read.recipe == replace(Options().recipe, learning_rate=1e-3, batch_size=32)
    assert read.model == PosterCNN(block_filters=(8, 16), conv_dropout=0.0)
    assert isinstance(read.model.conv_dropout, float)
    assert read.config == str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: lstm\n", "of a lstm, not of a cnn"),
        ("recipe: {learning_rat: 1}\n", "learning_rat? Recipe has batch_size".replace("?", r"\?")),
        ("recipe: {learning_rate: fast}\n", "learning_rate is 'fast', where a float is needed"),
        ("recipe: {batch_size: -1}\n", "batch_size must be at least 1"),
        ("models: {}\n", r"models\? It may hold"),
        ("- 1\n", "holds no settings"),
        ("a: [\n", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(TrainError, match=message) as error:
        starting_point(Options, ["--config", str(path)])
    assert "mine.yaml" in str(error.value)
    with pytest.raises(TrainError, match="cannot be read"):
        starting_point(Options, ["--config", str(tmp_path / "none.yaml")])


@pytest.mark.parametrize("values", [{"trials": 0}, {"workers_per_trial": 0}, {"reduction_factor": 1}, {"resume": True}])
def test_impossible_sweeps_are_refused(values: dict) -> None:
    with pytest.raises(ValueError, match="--"):
        TuneOptions(**values)


def test_no_option_has_two_meanings() -> None:
    """Jobs show all options without prefixes, and sweeps name settings without them."""
    recipe, cnn, lstm = (set(vars(part())) for part in (Recipe, PosterCNN, OverviewLSTM))
    for job in (TrainOptions, TuneOptions):
        own = set(vars(job()))
        assert not own & (recipe | cnn | lstm)
    assert not recipe & (cnn | lstm)
