"""The tables of a sweep as rows of ready text: its settings and its trials; and its trials as CSV."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.report.style.finding import Cell
from genre_models.report.style.formats import count, duration, number, signed, span
from genre_models.report.sweep.query import (
    START,
    STATUS,
    best,
    figure,
    lower_is_better,
    marks,
    metric_name,
    other_metric,
    other_name,
    ranked,
    require_analysis,
    setting,
    trial,
    values_in_words,
)

# Figures on the test films: their name among the differences, in words, and among the figures of a trial.
GAINS = (
    ("mean_average_precision", "mean average precision", "mean_average_precision"),
    ("at_tuned_micro_f1", "tuned micro-F1", "micro_f1"),
    ("loss", "loss ↓", "loss"),
)


@dataclass(frozen=True)
class SettingRow:
    """One setting of the search space: what it was drawn from, why, and what it is at the start and at the best."""

    name: str
    values: str
    unit: str
    why: str
    start: str
    best: str


@dataclass(frozen=True)
class TrialRow:
    """One trial: its number, what it is beside a trial (`start`, `best`), and a cell for each of `trial_columns`."""

    number: int
    marks: list[str]
    status: str
    cells: list[Cell]


def setting_rows(sweep: Mapping[str, Any]) -> list[SettingRow]:
    """A row for each searched setting, in the order of the search space."""
    start, found = (trial(sweep, which).get("settings") or {} for which in (START, best(sweep)))
    return [
        SettingRow(
            name,
            values_in_words(space),
            str(space.get("unit") or ""),
            str(space.get("why") or ""),
            setting(start.get(name)),
            setting(found.get(name)),
        )
        for name, space in sweep["space"].items()
    ]


def trial_columns(sweep: Mapping[str, Any]) -> list[str]:
    """The heads over the cells of a trial."""
    return ["status", metric_name(sweep), "at epoch", "epochs", other_name(sweep), "time", *sweep["space"]]


def trial_rows(sweep: Mapping[str, Any], most: int | None = None) -> list[TrialRow]:
    """A row for each trial, or for the `most` best ones and the starting point; best first."""
    pairs = ranked(sweep)
    shown = [pair for place, pair in enumerate(pairs) if most is None or place < most or pair[0]["number"] == START]
    return [
        TrialRow(
            one["number"],
            marks(sweep, one["number"]),
            str(one["status"]),
            [
                Cell(STATUS.get(one["status"], str(one["status"]))),
                Cell(figure(found["value"]), value=number(found["value"]), best="best" in marks(sweep, one["number"])),
                Cell(count(found["best_epoch"]), value=number(found["best_epoch"])),
                Cell(count(found["epochs"]), value=number(found["epochs"])),
                Cell(figure(found["other"]), value=number(found["other"])),
                Cell(duration(found["seconds"]), value=number(found["seconds"])),
                *(_setting_cell(one["settings"].get(name)) for name in sweep["space"]),
            ],
        )
        for one, found in shown
    ]


def metric_head(sweep: Mapping[str, Any]) -> str:
    """The metric with an arrow where lower is better, as the comparison has it."""
    return metric_name(sweep) + (" ↓" if lower_is_better(sweep) else "")


def trials_csv(sweep: Mapping[str, Any]) -> str:
    """The trials as CSV, a line a trial in their order, figures in full precision.

    Columns: number, status, reason, epochs, best_epoch, the metric and the other figure at that epoch, seconds,
    a column for each setting, checkpoint. What is not known is empty.
    """
    require_analysis(sweep)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = ["epochs", "best_epoch", sweep["metric"], other_metric(sweep), "seconds"]
    writer.writerow(["number", "status", "reason", *figures, *sweep["space"], "checkpoint"])
    for one, found in zip(sweep["trials"], sweep["analysis"]["rows"], strict=True):
        values = [found[name] for name in ("epochs", "best_epoch", "value", "other", "seconds")]
        values += [one["settings"].get(name) for name in sweep["space"]]
        about = [one["number"], one["status"], one.get("reason") or ""]
        writer.writerow([*about, *map(_plain, values), one.get("checkpoint") or ""])
    return text.getvalue()


def _setting_cell(value: object) -> Cell:
    return Cell(setting(value), value=number(value))


def _plain(value: object) -> str:
    """A value as a program reads it back: numbers and lists as JSON writes them, texts as they are."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def gain_rows(sweep: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """What the best trial and the start reach on test films: figure, start, best, difference, its interval."""
    gain = sweep.get("gain") or {}
    rows = []
    for name, words, kept in GAINS:
        start, found = ((gain.get(which) or {}).get(kept) for which in ("start", "best"))
        entry = (gain.get("differences") or {}).get(name) or {}
        difference = number(entry.get("difference"))
        if number(start) is None and number(found) is None and difference is None:
            continue
        between = span(entry.get("interval"), 4)
        rows.append((words, figure(start), figure(found), signed(difference, 4), between))
    return rows
