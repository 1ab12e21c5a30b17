"""What an ablation is asked for, and what it refuses before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genre_models.models.search_space import SearchSpaceError
from genre_models.presets import lookup as presets
from ray_jobs.ablation.driver import _trials
from ray_jobs.ablation.plan import ablation_of
from ray_jobs.cli.errors import TrainError
from ray_jobs.cli.options import AblateOptions
from ray_jobs.runs.sweep_folder import SweepFolder


def test_preset_and_coursework_are_set_alike_and_only_some_cures_are_looked_at() -> None:
    options = AblateOptions(set=("epochs: 4", "learning_rate: 1e-3"), only=("word dropout", "higher learning rate"))
    ablation, skipped = ablation_of(options)
    recipe, _ = presets.preset("lstm", "best")
    assert (ablation.recipe.epochs, ablation.recipe.learning_rate) == (4, 0.001)
    assert ablation.recipe.schedule == recipe.schedule
    names = ["best", "coursework", "best without word dropout", "best without higher learning rate"]
    assert [variant.name for variant in ablation.variants] == names
    assert ablation.of(ablation.variants[1].settings)[0].learning_rate == 0.001
    assert skipped == []


def test_a_kind_without_a_coursework_is_compared_with_its_preset_alone() -> None:
    ablation, _ = ablation_of(AblateOptions(model="fusion", on_baseline=True))
    assert [variant.name for variant in ablation.variants if variant.group == "preset"] == ["best"]
    assert {variant.group for variant in ablation.variants} == {"preset", "without", "with"}


def test_trainings_are_found_again_when_seeds_and_cures_are_added(tmp_path: Path) -> None:
    folder = SweepFolder(str(tmp_path), "apart")
    some, _ = ablation_of(AblateOptions(only=("word dropout",)))
    trials, rounds = _trials(some, folder, AblateOptions(seeds=1))
    assert rounds == [{1, 2, 3}]
    more, _ = ablation_of(AblateOptions(only=("focal loss", "word dropout")))
    again, rounds = _trials(more, folder, AblateOptions(seeds=2))
    # The first seed of the new component is made up for in the first round.
    assert rounds == [{1, 2, 3, 4}, {5, 6, 7, 8}]
    assert [trial for trial in again if trial.number < 4] == trials
    assert {trial.number: trial.settings["seed"] for trial in again} == dict(
        zip(range(1, 9), [0] * 4 + [1] * 4, strict=True)
    )
    assert [trial.number for trial in _trials(some, folder, AblateOptions(seeds=1))[0]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "none"}, "there is no such preset of lstm"),
        ({"only": ("magic",)}, "there is no such component; there are better words"),
        ({"components": "/no/such/file.yaml"}, "--components /no/such/file.yaml cannot be read"),
        ({"set": ("epoch: 3",)}, "did you mean epochs"),
        ({"set": ("epochs",)}, "does not map options to values"),
        ({"set": ("epochs: 0",)}, "epochs must be at least 1"),
    ],
)
def test_what_cannot_be_done_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TrainError, SearchSpaceError), match=message):
        ablation_of(AblateOptions(**options))
