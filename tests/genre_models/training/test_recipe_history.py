"""The learning rate's schedule, by hand, and the file of an epoch's figures, to the last digit."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from typing import Any

import pytest

from genre_models.training.history import EpochMetrics, best_epoch, from_csv, to_csv
from genre_models.training.recipe import Recipe

EPOCH = EpochMetrics(1, 0.1 + 0.2, 1 / 3, 0.25, 0.3, 0.5, 0.6, 2 / 7, 1e-4, 12.5, 11.0, 1e5 / 3)


@pytest.mark.parametrize(
    ("epoch", "wanted"),
    [(1, 1e-4), (2, 1e-4), (10, 1e-4), (11, 9.900498e-05), (12, 9.801987e-05), (40, 7.408182e-05)],
)
def test_coursework_schedule(epoch: int, wanted: float) -> None:
    """1e-4 for ten epochs, then times exp(-0.01) every epoch: exp(-0.01) = 0.9900498, exp(-0.30) = 0.7408182."""
    assert Recipe().learning_rate_at(epoch) == pytest.approx(wanted, rel=1e-6)


def test_schedule_of_own_numbers() -> None:
    recipe = Recipe(learning_rate=0.5, hold_epochs=0, decay=math.log(2))
    assert [recipe.learning_rate_at(e) for e in (1, 2, 3)] == pytest.approx([0.25, 0.125, 0.0625])
    assert Recipe(decay=0.0).learning_rate_at(1000) == 1e-4


def test_cosine_schedule() -> None:
    """From 1 to 0.01 in four equal parts of a half circle: (1 + cos 45°) / 2 = 0.8535534, the rest by symmetry."""
    recipe = Recipe(epochs=5, learning_rate=1.0, schedule="cosine")
    wanted = [1.0, 0.01 + 0.99 * 0.8535534, 0.505, 0.01 + 0.99 * 0.1464466, 0.01]
    assert [recipe.learning_rate_at(e) for e in (1, 2, 3, 4, 5)] == pytest.approx(wanted, rel=1e-6)
    assert recipe.learning_rate_at(9) == pytest.approx(0.01)
    assert Recipe(epochs=1, schedule="cosine").learning_rate_at(1) == pytest.approx(1e-4)


def test_constant_schedule() -> None:
    """The two settings of the coursework's schedule mean nothing to it."""
    recipe = Recipe(learning_rate=0.5, schedule="constant", hold_epochs=0, decay=9.0)
    assert {recipe.learning_rate_at(e) for e in (1, 2, 40)} == {0.5}


@pytest.mark.parametrize(
    ("schedule", "then"),
    [
        ("constant", [1.0, 1.0, 1.0]),
        ("cosine", [1.0, 0.505, 0.01]),
        # Held for the first four epochs, those of the warm-up among them; exp(-0.5) = 0.6065307.
        ("hold_then_decay", [1.0, 0.6065307, 0.3678794]),
    ],
)
def test_warmup(schedule: Any, then: list[float]) -> None:
    recipe = Recipe(epochs=6, learning_rate=1.0, schedule=schedule, warmup_epochs=3, hold_epochs=4, decay=0.5)
    assert [recipe.learning_rate_at(e) for e in range(1, 7)] == pytest.approx([0.25, 0.5, 0.75, *then], rel=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_warmup_leaves_the_last_epoch(schedule: Any) -> None:
    """A preset that warms up for three epochs can be tried for one or two."""
    one, two = (Recipe(epochs=epochs, learning_rate=1.0, schedule=schedule, warmup_epochs=3) for epochs in (1, 2))
    assert one.learning_rate_at(1) == 1.0
    assert [two.learning_rate_at(epoch) for epoch in (1, 2)] == [0.5, 1.0]


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"schedule": "cosin"},
        {"warmup_epochs": -1},
        {"weight_decay": -0.1},
        {"weight_decay": math.inf},
        {"label_smoothing": 1.0},
        {"label_smoothing": math.nan},
        {"loss": "hinge"},
        {"gamma": -1.0},
        {"prob_margin": 1.0},
        {"genre_weights": "inverse"},
        {"oversample_share": 1.1},
        {"oversample_share": math.nan},
        {"ema_decay": 1.0},
        {"mixup": -0.2},
        {"mixup": math.inf},
        {"clip_norm": math.nan},
        {"patience": -1},
    ],
)
def test_recipe_that_cannot_be_trained(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(values))} must be"):
        Recipe(**values)


def same(one: list[EpochMetrics], other: list[EpochMetrics]) -> bool:
    """Equal to the last digit, NaN being equal to NaN."""
    return [list(map(repr, astuple(e))) for e in one] == [list(map(repr, astuple(e))) for e in other]


def test_csv_round_trip_is_exact() -> None:
    history = [
        EPOCH,
        replace(EPOCH, epoch=2, loss=math.nan, validation_loss=math.inf, precision=5e-324),
        replace(EPOCH, epoch=3, loss=1e22, recall=0.0, seconds=123456789.123456789),
    ]
    text = to_csv(history)
    assert text.splitlines()[0].startswith("epoch,loss,precision,recall,validation_loss,")
    assert len(text.splitlines()) == 4
    assert same(from_csv(text), history)
    assert isinstance(from_csv(text)[0].epoch, int)


def test_csv_of_no_epochs() -> None:
    assert from_csv(to_csv([])) == []


def with_losses(*losses: float) -> list[EpochMetrics]:
    return [replace(EPOCH, epoch=i, validation_loss=loss) for i, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize(
    ("losses", "wanted"),
    [
        ((0.5, 0.3, 0.4), 2),
        ((0.3, 0.3), 1),
        ((math.nan, 0.4, 0.3), 3),
        ((0.4, math.nan, 0.5), 1),
        ((math.nan, math.nan), 1),
    ],
)
def test_best_epoch(losses: tuple[float, ...], wanted: int) -> None:
    assert best_epoch(with_losses(*losses)).epoch == wanted


@pytest.mark.parametrize(
    ("patience", "losses", "over"),
    [
        (0, (0.1, 0.2, 0.3, 0.4), False),
        (2, (), False),
        (2, (0.5, 0.4, 0.6), False),
        (2, (0.5, 0.4, 0.6, 0.4), True),  # as good is not better
        (2, (0.5, 0.4, 0.6, 0.3), False),
        (1, (0.5, math.nan), True),
        (9, (0.5, 0.4, 0.3, 0.2, 0.1), True),  # all epochs are done
        (9, (0.5, 0.4, 0.3, 0.2, 0.1, 0.05), True),
    ],
)
def test_patience(patience: int, losses: tuple[float, ...], over: bool) -> None:
    assert Recipe(epochs=5, patience=patience).is_finished(with_losses(*losses)) is over


def test_patience_with_another_metric() -> None:
    """The loss gets better while the precision, of which more is better, does not."""
    history = [
        replace(EPOCH, epoch=epoch, validation_loss=loss, validation_mean_average_precision=precision)
        for epoch, loss, precision in ((1, 0.5, 0.3), (2, 0.4, 0.2), (3, 0.3, 0.1))
    ]
    recipe = Recipe(patience=2)
    assert not recipe.is_finished(history)
    assert recipe.is_finished(history, "validation_mean_average_precision")


def test_no_best_of_none() -> None:
    with pytest.raises(ValueError, match="no epochs"):
        best_epoch([])
