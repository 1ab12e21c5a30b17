"""Overfitting, from histories small enough to work out by hand."""

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


def test_overfitting_comes_with_both_shares() -> None:
    result = overfitting(history([0.50, 0.40, 0.30, 0.20], [0.40, 0.25, 0.26, 0.30]), name="Poster CNN")
    # From epoch 2 on: training 0.40 to 0.20 is -50 %, validation 0.25 to 0.30 is +20 %, gap 0.30 - 0.20.
    assert result["kind"] == "overfits"
    assert result["best_epoch"] == 2
    assert result["training_fall_after_best"] == pytest.approx(0.5)
    assert result["validation_rise_after_best"] == pytest.approx(0.2)
    assert result["gap_at_end"] == pytest.approx(0.1)
    sentence = result["sentence"]
    assert sentence.startswith("Poster CNN overfits: validation loss was lowest (0.250) at epoch 2 of 4;")
    assert "training loss fell by 50.0 % while validation loss rose by 20.0 %" in sentence


def test_a_small_rise_is_only_the_beginning() -> None:
    result = overfitting(history([0.5, 0.4, 0.3], [0.4, 0.250, 0.256]))  # +2.4 %
    assert result["kind"] == "begins to overfit"
    assert "begins to overfit" in result["sentence"]


def test_a_run_that_never_turned_up_was_stopped_too_early() -> None:
    result = overfitting(history([0.5, 0.4, 0.35, 0.3], [0.50, 0.40, 0.32, 0.28]))
    # The last quarter is one epoch, which brought 0.32 down to 0.28: 12.5 %.
    assert result["kind"] == "still falling"
    assert "was stopped too early" in result["sentence"]
    assert "it still fell by 12.5 % at the end. Train longer." in result["sentence"]
    assert "overfits" not in result["sentence"]


def test_a_run_that_levelled_off_neither_overfits_nor_wants_more() -> None:
    result = overfitting(history([0.5, 0.3, 0.29, 0.28, 0.28], [0.4, 0.3, 0.250, 0.2501, 0.2502]))
    assert result["kind"] == "level"
    assert "does not overfit to speak of" in result["sentence"]
    assert "too early" not in result["sentence"]


def test_training_that_rises_as_well_is_unsteady() -> None:
    result = overfitting(history([0.5, 0.4, 0.5], [0.4, 0.3, 0.4]))
    assert result["kind"] == "unsteady"
    assert "trained unsteadily" in result["sentence"]
    assert result["training_fall_after_best"] == pytest.approx(-0.25)
    assert "Lower the learning rate" in result["sentence"]


def test_one_epoch_is_no_curve() -> None:
    result = overfitting(history([0.5], [0.4]))
    assert result["kind"] == "one epoch"
    assert "nothing can be said on overfitting" in result["sentence"]


def test_training_above_validation_is_a_negative_gap() -> None:
    result = overfitting(history([0.60, 0.50, 0.40], [0.40, 0.30, 0.25]))
    assert result["gap_at_end"] == pytest.approx(-0.15)


def test_epochs_without_a_figure_are_left_out_and_counted() -> None:
    result = overfitting(history([0.5, 0.4, 0.3, 0.2], [NAN, 0.25, None, 0.30]))
    assert result["kind"] == "overfits"
    assert result["best_epoch"] == 2
    assert "2 of 4 epochs have no finite loss" in result["sentence"]


def test_training_that_broke_down() -> None:
    result = overfitting(history([0.5, 0.4, NAN], [0.4, 0.3, NAN]))
    assert result["kind"] == "broke down"
    assert "no number after epoch 2" in result["sentence"]


@pytest.mark.parametrize("rows", [[], history([NAN, NAN], [0.3, NAN]), [{"epoch": 1, "loss": 0.4}]])
def test_of_an_unreadable_history_nothing_is_said(rows: list[dict[str, Any]]) -> None:
    result = overfitting(rows)
    assert result["kind"] == "unknown"
    assert result["best_epoch"] is None
    assert "nothing can be said" in result["sentence"]


def test_a_ranking_that_still_improves_names_the_option() -> None:
    rows = history(
        [0.5, 0.4, 0.3, 0.2], [0.4, 0.25, 0.26, 0.30], validation_mean_average_precision=[0.10, 0.20, 0.24, 0.23]
    )
    assert (
        "still rose until epoch 3 (0.200 to 0.240): --metric validation_mean_average_precision keeps that epoch."
        in overfitting(rows)["sentence"]
    )
