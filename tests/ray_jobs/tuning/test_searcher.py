"""What a sweep tries next and what it stops, without a running Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.models.registry import REGISTRY
from genre_models.models.search_space import SearchSpace, choice, log_uniform, uniform
from genre_models.training.recipe import Recipe
from ray_jobs.cli.options import TuneOptions
from ray_jobs.runs.sweep_folder import Trial
from ray_jobs.tuning import plan
from ray_jobs.tuning.samplers import OptunaSampler, RandomSampler
from ray_jobs.tuning.schedulers import ResumableASHA
from ray_jobs.tuning.searcher import TrialSearcher
from tests.ray_jobs.epochs import epochs

SPACE: SearchSpace = {
    "learning_rate": log_uniform(1e-4, 1e-1, unit="", why=""),
    "dense_dropout": uniform(0.0, 0.5, step=0.05, unit="", why=""),
    "block_filters": choice((8,), (8, 16), unit="", why=""),
}
START = {"learning_rate": 1e-4, "dense_dropout": 0.5, "block_filters": (8,)}


def searcher_of(sampler: Any, **given: Any) -> TrialSearcher:
    return TrialSearcher(
        sampler, **{"start": START, "unfinished": [], "ended": [], "metric": "validation_loss", **given}
    )


def test_trial_1_is_the_starting_point_and_numbers_follow() -> None:
    ours = searcher_of(RandomSampler(SPACE, 0))
    first, second = ours.suggest("a"), ours.suggest("b")
    assert first == {"number": 1, "settings": START}
    assert second["number"] == 2
    assert all(SPACE[name].contains(value) for name, value in second["settings"].items())


def test_a_random_trial_depends_on_the_seed_and_its_number_alone() -> None:
    again = [RandomSampler(SPACE, 3).ask(7) for _ in range(2)]
    assert again[0] == again[1]
    assert RandomSampler(SPACE, 3).ask(8) != again[0] != RandomSampler(SPACE, 4).ask(7)


def test_a_sweep_goes_on_with_its_unfinished_trials_before_new_ones() -> None:
    ended = Trial(1, START, "finished", history=epochs(0.3))
    unfinished = Trial(2, {**START, "dense_dropout": 0.1}, "running")
    ours = searcher_of(RandomSampler(SPACE, 0), ended=[ended], unfinished=[unfinished])
    assert ours.suggest("a") == {"number": 2, "settings": unfinished.settings}
    assert ours.suggest("b") == {"number": 3, "settings": RandomSampler(SPACE, 0).ask(3)}


def test_optuna_draws_from_the_space_and_learns_where_it_is_good() -> None:
    ours = searcher_of(OptunaSampler(SPACE, 0, "validation_loss"))
    drawn = []
    for number in range(1, 41):
        asked = ours.suggest(str(number))["settings"]
        if number > 1:
            assert all(SPACE[name].contains(value) for name, value in asked.items())
        drawn.append(asked["dense_dropout"])
        ours.on_trial_complete(str(number), {"best": asked["dense_dropout"]})
    assert sum(drawn[-15:]) / 15 < 0.15 < sum(drawn[1:11]) / 10


def test_optuna_learns_from_an_earlier_launch_and_not_from_failures() -> None:
    sampler = OptunaSampler(SPACE, 0, "validation_mean_average_precision")
    ended = [
        Trial(1, START, "finished", history=epochs(0.3)),
        Trial(2, {**START, "learning_rate": 1e-3}, "failed"),
        Trial(3, {**START, "learning_rate": 5.0}, "finished", history=epochs(0.3)),  # outside of the space
    ]
    ours = searcher_of(sampler, ended=ended, metric="validation_mean_average_precision")
    assert len(sampler._study.trials) == 1
    ours.suggest("a")
    ours.on_trial_complete("a", {"failed": "no memory"})
    ours.suggest("b")
    ours.on_trial_complete("b", None, error=True)
    assert [trial.state.name for trial in sampler._study.trials] == ["COMPLETE", "FAIL", "FAIL"]


# -- early stopping ---------------------------------------------------------------------------------------------------


def halving(**given: Any) -> ResumableASHA:
    return ResumableASHA(
        **{"epochs": 20, "grace_epochs": 2, "reduction_factor": 4, "metric": "validation_loss", **given}
    )


def as_tune(number: int) -> Any:
    return SimpleNamespace(trial_id=f"id-{number}", config={"number": number})


def run(scheduler: ResumableASHA, number: int, losses: list[float]) -> int:
    """Report a trial's best losses epoch by epoch; return the epoch at which it is stopped, or its last."""
    trial = as_tune(number)
    scheduler.on_trial_add(None, trial)
    for epoch, best in enumerate(losses, start=1):
        if scheduler.on_trial_result(None, trial, {"epoch": epoch, "best": best}) == TrialScheduler.STOP:
            return epoch
    return len(losses)


def test_weaker_trials_stop_at_the_rungs_and_are_remembered() -> None:
    scheduler = halving()
    assert run(scheduler, 2, [0.2] * 20) == 20
    assert [run(scheduler, number, [0.3] * 20) for number in (3, 4, 5)] == [2, 2, 2]
    assert run(scheduler, 6, [0.19] * 2 + [0.25] * 18) == 8
    assert scheduler.stopped == {3, 4, 5, 6}


def test_more_is_better_for_average_precision() -> None:
    scheduler = halving(metric="validation_mean_average_precision")
    assert run(scheduler, 2, [0.2] * 20) == 20
    assert run(scheduler, 3, [0.1] * 20) == 2


def test_the_starting_point_runs_to_its_end() -> None:
    scheduler = halving()
    for number in (2, 3, 4):
        run(scheduler, number, [0.2] * 20)
    assert run(scheduler, 1, [0.9] * 20) == 20
    assert scheduler.stopped == set()


def test_earlier_launches_count_at_the_rungs() -> None:
    scheduler = halving()
    for number in (1, 2, 3, 4):
        scheduler.replay(number, [0.2] * 20, ended=True)
    assert run(scheduler, 5, [0.3] * 20) == 2


def test_a_trial_that_goes_on_is_evaluated_by_the_epochs_it_had_not_by_those_to_come() -> None:
    scheduler = halving()
    for number in (2, 3, 4):
        scheduler.replay(number, [0.3] * 2, ended=True)
    scheduler.replay(5, [0.2] * 6, ended=False)
    trial = as_tune(5)
    scheduler.on_trial_add(None, trial)
    # Rung 2 has its value of epoch 2 on record; at epoch 7 there is nothing to decide.
    assert scheduler.on_trial_result(None, trial, {"epoch": 7, "best": 0.9}) == TrialScheduler.CONTINUE


@pytest.mark.parametrize("grace", [1, 5, 50])
def test_grace_beyond_the_last_epoch_stops_nothing(grace: int) -> None:
    scheduler = halving(epochs=5, grace_epochs=grace)
    run(scheduler, 2, [0.2] * 5)
    assert run(scheduler, 3, [0.3] * 5) == (1 if grace == 1 else 5)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (OverviewLSTM(tokenizer="subwords"), "vocabulary_size"),
        (OverviewLSTM(backbone="minilm", trainable_blocks=1), "max_tokens"),
    ],
)
def test_what_all_trials_share_is_left_out_of_the_search(config: OverviewLSTM, name: str) -> None:
    """Fewer pieces of words cut overviews otherwise: trials would train on other tokens than they are evaluated on."""
    assert name in REGISTRY["lstm"].search_space
    assert name not in plan.sweep_of("lstm", config, Recipe(), TuneOptions()).space
    asked = plan.sweep_of("lstm", config, Recipe(), TuneOptions(vary=(f"{name}: [16, 32]",)))
    assert name in asked.space and name in plan.not_searched("lstm", asked.config)
    assert name in plan.sweep_of("lstm", OverviewLSTM(), Recipe(), TuneOptions()).space
