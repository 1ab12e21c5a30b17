"""What is said on overfitting, from histories small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from genre_models.report.findings.overfitting import overfitting

NAN = float("nan")


def history(training: list[float | None], validation: list[float | None], **more: list[float]) -> list[dict[str, Any]]:
    """A history of two losses, and of further columns by name."""
    rows: list[dict[str, Any]] = [
        {"epoch": epoch, "loss": loss, "validation_loss": evaluated}
        for epoch, (loss, evaluated) in enumerate(zip(training, validation, strict=True), start=1)
    ]
    for name, values in more.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def test_overfitting_is_told_with_both_shares() -> None:
    told = overfitting(history([0.50, 0.40, 0.30, 0.20], [0.40, 0.25, 0.26, 0.30]), name="Poster CNN")
    # From epoch 2 on: training 0.40 to 0.20 is -50 %, validation 0.25 to 0.30 is +20 %, gap 0.30 - 0.20.
    assert told["kind"] == "overfits"
    assert told["best_epoch"] == 2
    assert told["training_fall_after_best"] == pytest.approx(0.5)
    assert told["validation_rise_after_best"] == pytest.approx(0.2)
    assert told["gap_at_end"] == pytest.approx(0.1)
    sentence = told["sentence"]
    assert sentence.startswith("Poster CNN overfits: validation loss was lowest (0.250) at epoch 2 of 4;")
    assert "training loss fell on by 50.0 % while validation loss rose by 20.0 %" in sentence
    assert "0.300 on validation films against 0.200 in training, a gap of 0.100" in sentence


def test_a_small_rise_is_only_the_beginning() -> None:
    told = overfitting(history([0.5, 0.4, 0.3], [0.4, 0.250, 0.256]))  # +2.4 %
    assert told["kind"] == "begins to overfit"
    assert "begins to overfit" in told["sentence"]


def test_a_run_that_never_turned_up_was_stopped_too_early() -> None:
    told = overfitting(history([0.5, 0.4, 0.35, 0.3], [0.50, 0.40, 0.32, 0.28]))
    # The last quarter is one epoch, which brought 0.32 down to 0.28: 12.5 %.
    assert told["kind"] == "still falling"
    assert "was stopped too early" in told["sentence"]
    assert "the last epoch still brought it down by 12.5 %" in told["sentence"]
    assert "more epochs would probably gain" in told["sentence"]
    assert "overfits" not in told["sentence"]


def test_a_run_that_levelled_off_neither_overfits_nor_wants_more() -> None:
    told = overfitting(history([0.5, 0.3, 0.29, 0.28, 0.28], [0.4, 0.3, 0.250, 0.2501, 0.2502]))
    assert told["kind"] == "level"
    assert "does not overfit to speak of" in told["sentence"]
    assert "too early" not in told["sentence"]


def test_training_that_rises_as_well_is_unsteady() -> None:
    told = overfitting(history([0.5, 0.4, 0.5], [0.4, 0.3, 0.4]))
    assert told["kind"] == "unsteady"
    assert "trained unsteadily" in told["sentence"]
    assert "rose by 25.0 % as well" in told["sentence"]


def test_one_epoch_is_no_curve() -> None:
    told = overfitting(history([0.5], [0.4]))
    assert told["kind"] == "one epoch"
    assert "nothing can be said on overfitting" in told["sentence"]


def test_training_above_validation_is_explained() -> None:
    told = overfitting(history([0.60, 0.50, 0.40], [0.40, 0.30, 0.25]))
    assert "training stays above validation" in told["sentence"]
    assert "a gap of" not in told["sentence"]
    assert told["gap_at_end"] == pytest.approx(-0.15)


def test_epochs_without_a_figure_are_left_out_and_counted() -> None:
    told = overfitting(history([0.5, 0.4, 0.3, 0.2], [NAN, 0.25, None, 0.30]))
    assert told["kind"] == "overfits"
    assert told["best_epoch"] == 2
    assert "2 of 4 epochs, which have no finite loss" in told["sentence"]


def test_training_that_broke_down_is_told() -> None:
    told = overfitting(history([0.5, 0.4, NAN], [0.4, 0.3, NAN]))
    assert told["kind"] == "broke down"
    assert "no longer a number after epoch 2" in told["sentence"]


@pytest.mark.parametrize("rows", [[], history([NAN, NAN], [0.3, NAN]), [{"epoch": 1, "loss": 0.4}]])
def test_nothing_readable_is_told_as_such(rows: list[dict[str, Any]]) -> None:
    told = overfitting(rows)
    assert told["kind"] == "unknown"
    assert told["best_epoch"] is None
    assert "nothing can be said" in told["sentence"]


def test_an_order_of_genres_that_still_improves_is_told() -> None:
    rows = history(
        [0.5, 0.4, 0.3, 0.2], [0.4, 0.25, 0.26, 0.30], validation_mean_average_precision=[0.10, 0.20, 0.24, 0.23]
    )
    assert "still rose until epoch 3 (0.200 to 0.240)" in overfitting(rows)["sentence"]


def test_the_kept_epoch_is_told() -> None:
    rows = history([0.5, 0.4, 0.3, 0.2], [0.4, 0.25, 0.26, 0.30])
    assert "epoch 2, so what came after did no harm" in overfitting(rows, kept_epoch=2)["sentence"]
    assert overfitting(rows, kept_epoch=4)["sentence"].endswith("The checkpoint evaluated here is that of epoch 4.")
