"""What a sweep found: numbers held against hand-made cases, importance against a known cause."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from genre_models.studies.sweep_analysis import analysed, best_epoch_of, best_trial, counts, importance, saved


def trial(number: int, losses: list[float | None], status: str = "finished", **settings: Any) -> dict[str, Any]:
    history = [
        {"epoch": epoch, "validation_loss": loss, "validation_mean_average_precision": epoch / 10, "seconds": 2.0}
        for epoch, loss in enumerate(losses, start=1)
    ]
    return {"number": number, "status": status, "reason": "", "settings": settings, "checkpoint": None,
            "history": history}  # fmt: skip


def sweep_of(*trials: dict[str, Any], epochs: int = 4, mode: str = "min", **space: Any) -> dict[str, Any]:
    return {"metric": "validation_loss", "mode": mode, "epochs": epochs, "space": space, "trials": [*trials]}


def test_best_epoch_passes_over_what_is_no_figure() -> None:
    one = trial(1, [None, float("nan"), 0.3, 0.2, 0.2, float("inf"), float("-inf")])
    assert best_epoch_of(one, "validation_loss", "min") == (4, 0.2)
    assert best_epoch_of(one, "validation_loss", "max") == (3, 0.3)
    assert best_epoch_of(one, "never measured", "min") is None
    assert best_epoch_of(trial(1, []), "validation_loss", "min") is None
    with pytest.raises(ValueError, match="min or max"):
        best_epoch_of(one, "validation_loss", "lowest")


def test_best_trial_is_the_first_of_equals_and_none_that_failed() -> None:
    trials = [trial(1, [0.3]), trial(2, [0.2]), trial(3, [0.2]), trial(4, [0.1, None], "failed"), trial(5, [None])]
    assert best_trial(sweep_of(*trials)) is trials[1]
    assert best_trial(sweep_of(*trials, mode="max")) is trials[0]
    assert best_trial(sweep_of()) is None
    assert best_trial(sweep_of(trials[3], trials[4], trial(6, [], "waiting"))) is None


def test_counts_have_every_status() -> None:
    found = counts(sweep_of(trial(1, [0.3]), trial(2, [], "failed"), trial(3, [0.3], "failed")))
    assert found == {"finished": 1, "stopped": 0, "failed": 2, "running": 0, "waiting": 0}


def test_saved_counts_trials_that_failed_on_both_sides() -> None:
    trials = [
        trial(1, [0.3, 0.3, 0.3, 0.3]),
        trial(2, [0.4], "stopped"),
        trial(3, [0.5, None], "failed"),
        trial(4, [0.5], "running"),
        trial(5, [], "waiting"),
    ]
    trials[1]["history"][0]["seconds"] = 5.0
    trials[2]["history"][1]["seconds"] = None
    # Epochs: 4 + 1 + 2 + 1, in full 4 + 4 + 2 + 1. Seconds: 8 + 5 + (2 + 2 taken for the unknown) + 2, in full 15 more.
    assert saved(sweep_of(*trials)) == {
        "epochs_run": 8, "epochs_in_full": 11, "share_run": 8 / 11, "seconds_run": 19.0, "seconds_in_full": 34.0,
    }  # fmt: skip
    assert saved(sweep_of())["share_run"] is None


def synthetic(trials: int, *, seed: int = 0, noise: float = 0.002) -> dict[str, Any]:
    """A sweep in which the order of magnitude of the learning rate decides, and nothing else."""
    chance = random.Random(seed)
    space = {
        "dropout": {"low": 0.0, "high": 0.8, "log": False, "step": None},
        "learning_rate": {"low": 1e-5, "high": 1e-1, "log": True, "step": None},
        "batch_size": {"values": [128, 32, 64]},
        "schedule": {"values": ["cosine", "constant"]},
        "filters": {"values": [[32, 64], [32, 64, 128]]},
    }
    made = []
    for number in range(1, trials + 1):
        rate = 10 ** chance.uniform(-5, -1)
        loss = 0.2 + 0.03 * abs(math.log10(rate) + 3) + chance.gauss(0, noise)
        made.append(
            trial(
                number, [loss + 0.1, loss], dropout=chance.uniform(0, 0.8), learning_rate=rate,
                batch_size=chance.choice([32, 64, 128]), schedule=chance.choice(["cosine", "constant"]),
                filters=chance.choice([[32, 64], [32, 64, 128]]),
            )
        )  # fmt: skip
    return sweep_of(*made, **space)


@pytest.mark.slow
def test_importance_finds_what_decides() -> None:
    found = importance(synthetic(30))
    assert found["reason"] == "" and found["trials"] == 30
    assert found["settings"][0]["setting"] == "learning_rate"
    assert found["settings"][0]["importance"] > 0.7
    assert sum(entry["importance"] for entry in found["settings"]) == pytest.approx(1)
    shares = [entry["importance"] for entry in found["settings"]]
    assert shares == sorted(shares, reverse=True) and len(shares) == 5
    assert 0.3 < found["fit"] < 1
    assert importance(synthetic(30)) == found


@pytest.mark.slow
def test_importance_of_a_choice_is_found_whatever_its_order() -> None:
    sweep = synthetic(30, seed=3)
    for one in sweep["trials"]:
        one["history"] = trial(0, [0.2 if one["settings"]["filters"] == [32, 64] else 0.3])["history"]
    found = importance(sweep)
    assert found["settings"][0]["setting"] == "filters" and found["settings"][0]["importance"] > 0.9


def test_one_diverged_trial_does_not_decide() -> None:
    sweep = synthetic(30)
    for epoch in sweep["trials"][4]["history"]:
        epoch["validation_loss"] = 1e12
    assert importance(sweep)["settings"][0]["setting"] == "learning_rate"


@pytest.mark.slow
def test_importance_refuses_where_nothing_can_be_said() -> None:
    few = importance(synthetic(5))
    assert few["settings"] is None and "Only 5 trials have a figure" in few["reason"]
    unmeasured = synthetic(9)
    for one in unmeasured["trials"][:2]:
        one["history"] = []
    assert importance(unmeasured)["trials"] == 7 and importance(unmeasured)["settings"] is None
    noise = synthetic(30)
    chance = random.Random(1)
    for one in noise["trials"]:
        one["history"] = trial(0, [chance.random()])["history"]
    assert importance(noise)["settings"] is None and "explain nothing" in importance(noise)["reason"]
    same = synthetic(10)
    for one in same["trials"]:
        one["settings"] = same["trials"][0]["settings"]
    assert importance(same)["settings"] is None and importance(sweep_of(*same["trials"]))["settings"] is None


def test_settings_that_are_missing_or_outside_of_the_space_are_taken() -> None:
    sweep = synthetic(30)
    sweep["trials"][0]["settings"] |= {"batch_size": 48, "schedule": "none of these", "dropout": 0.95}
    del sweep["trials"][1]["settings"]["learning_rate"], sweep["trials"][2]["settings"]["batch_size"]
    assert importance(sweep)["settings"][0]["setting"] == "learning_rate"


def test_analysis_has_a_row_for_each_trial() -> None:
    sweep = sweep_of(trial(1, [0.3, 0.2, None]), trial(2, [], "waiting"))
    found = analysed(sweep)
    assert "analysis" not in sweep
    assert found["analysis"]["best"] == 1
    assert found["analysis"]["rows"] == [
        {"number": 1, "epochs": 3, "best_epoch": 2, "value": 0.2, "other": 0.2, "seconds": 6.0},
        {"number": 2, "epochs": 0, "best_epoch": None, "value": None, "other": None, "seconds": None},
    ]
    assert analysed(found) == found
