"""A batch is at most all films, in a training and in the trials of a sweep or an ablation."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from genre_models.checkpoint import Checkpoint
from genre_models.models.poster_cnn import PosterCNN
from genre_models.models.search_space import choice, uniform
from genre_models.training.recipe import Recipe
from ray_jobs.cli.console import Console
from ray_jobs.inputs.batch_sizes import report_cut_batches, searched_sizes, with_batches_that_fit
from ray_jobs.runs.run_folder import RunFolder
from ray_jobs.training.train_spec import TrainSpec
from ray_jobs.tuning.trial import _train_spec

LARGE = Recipe(batch_size=100_000)


def test_a_batch_is_at_most_all_films() -> None:
    assert with_batches_that_fit(LARGE, 840, 1).batch_size == 840
    assert with_batches_that_fit(LARGE, 841, 4).batch_size == 844
    fits = replace(LARGE, batch_size=64)
    assert with_batches_that_fit(fits, 840, 1) is fits


def test_a_batch_that_is_cut_is_said() -> None:
    stream = io.StringIO()
    report_cut_batches([32, 100_000], 840, 1, Console(stream))
    report_cut_batches([32, 840], 840, 1, Console(stream))
    assert stream.getvalue() == "--batch-size 100,000 is more than the 840 training films: taking 840\n"


def test_the_sizes_of_a_sweep_are_the_starting_point_s_and_the_space_s() -> None:
    recipe = Recipe(batch_size=64)
    assert searched_sizes(recipe, None) == [64]
    assert searched_sizes(recipe, choice(32, 4096, unit="films", why="")) == [64, 32, 4096]
    assert searched_sizes(recipe, uniform(32, 512, step=32, unit="films", why="")) == [64, 32, 512]


@pytest.mark.parametrize(("shares", "settings", "wanted"), [
    ((840,), {"batch_size": 100_000}, 840),
    ((421, 420), {"batch_size": 100_000}, 842),
    ((840,), {}, 840),
    ((840,), {"batch_size": 32}, 32),
])  # fmt: skip
def test_a_trial_s_batch_is_cut(shares: tuple[int, ...], settings: dict[str, int], wanted: int) -> None:
    about = Checkpoint("cnn", ("Drama",), PosterCNN(), LARGE, {"fingerprint": "f"})
    start = TrainSpec(about, "/runs/sweep", shares, (9,), shuffle_buffer=9, gpus=0)
    own = _train_spec(start, settings, RunFolder("/runs/sweep", "trial-001"))
    assert (own.checkpoint.recipe.batch_size, own.settings) == (wanted, settings)
