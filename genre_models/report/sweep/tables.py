"""Tables of a sweep as display text (settings, trials), and its trials as CSV."""

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

# Metrics on the test films: key in `differences`, name in words, key in `start` and `best`.
GAINS = (
    ("mean_average_precision", "mean average precision", "mean_average_precision"),
    ("at_tuned_micro_f1", "tuned micro-F1", "micro_f1"),
    ("loss", "loss ↓", "loss"),
)


@dataclass(frozen=True)
class SettingRow:
    """One setting of the search space: searched values, unit, reason, and its start and best values."""

    name: str
    values: str
    unit: str
    why: str
    start: str
    best: str


@dataclass(frozen=True)
class TrialRow:
    """One trial: its number, its marks (`start`, `best`), and a cell for each of `trial_columns`."""

    number: int
    marks: list[str]
    status: str
    cells: list[Cell]


def setting_rows(sweep: Mapping[str, Any]) -> list[SettingRow]:
    """Return a row for each searched setting, in the order of the search space."""
    start, best_settings = (trial(sweep, which).get("settings") or {} for which in (START, best(sweep)))
    return [
        SettingRow(
            name,
            values_in_words(space),
            str(space.get("unit") or ""),
            str(space.get("why") or ""),
            setting(start.get(name)),
            setting(best_settings.get(name)),
        )
        for name, space in sweep["space"].items()
    ]


def trial_columns(sweep: Mapping[str, Any]) -> list[str]:
    """Return the headers of a trial's cells."""
    return ["status", metric_name(sweep), "at epoch", "epochs", other_name(sweep), "time", *sweep["space"]]


def trial_rows(sweep: Mapping[str, Any], most: int | None = None) -> list[TrialRow]:
    """Return a row for each trial, best first; `most` limits them to the best ones and the starting point."""
    pairs = ranked(sweep)
    shown = [pair for place, pair in enumerate(pairs) if most is None or place < most or pair[0]["number"] == START]
    return [
        TrialRow(
            record["number"],
            marks(sweep, record["number"]),
            str(record["status"]),
            [
                Cell(STATUS.get(record["status"], str(record["status"]))),
                Cell(figure(row["value"]), value=number(row["value"]), best="best" in marks(sweep, record["number"])),
                Cell(count(row["best_epoch"]), value=number(row["best_epoch"])),
                Cell(count(row["epochs"]), value=number(row["epochs"])),
                Cell(figure(row["other"]), value=number(row["other"])),
                Cell(duration(row["seconds"]), value=number(row["seconds"])),
                *(_setting_cell(record["settings"].get(name)) for name in sweep["space"]),
            ],
        )
        for record, row in shown
    ]


def metric_head(sweep: Mapping[str, Any]) -> str:
    """Return the metric's header, with an arrow where lower is better."""
    return metric_name(sweep) + (" ↓" if lower_is_better(sweep) else "")


def trials_csv(sweep: Mapping[str, Any]) -> str:
    """Return the trials as CSV, a line each in their order, at full precision.

    Columns: number, status, reason, epochs, best_epoch, the metric and the other metric at that epoch, seconds,
    a column for each setting, checkpoint. Unknown values are empty.
    """
    require_analysis(sweep)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = ["epochs", "best_epoch", sweep["metric"], other_metric(sweep), "seconds"]
    writer.writerow(["number", "status", "reason", *figures, *sweep["space"], "checkpoint"])
    for record, row in zip(sweep["trials"], sweep["analysis"]["rows"], strict=True):
        values = [row[name] for name in ("epochs", "best_epoch", "value", "other", "seconds")]
        values += [record["settings"].get(name) for name in sweep["space"]]
        leading = [record["number"], record["status"], record.get("reason") or ""]
        writer.writerow([*leading, *map(_plain, values), record.get("checkpoint") or ""])
    return text.getvalue()


def _setting_cell(value: object) -> Cell:
    return Cell(setting(value), value=number(value))


def _plain(value: object) -> str:
    """Return a value for CSV: strings as they are, numbers and lists as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def gain_rows(sweep: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Return (metric, start, best, difference, interval) for each metric on the test films."""
    gain = sweep.get("gain") or {}
    rows = []
    for name, words, key in GAINS:
        start, best_value = ((gain.get(which) or {}).get(key) for which in ("start", "best"))
        entry = (gain.get("differences") or {}).get(name) or {}
        difference = number(entry.get("difference"))
        if number(start) is None and number(best_value) is None and difference is None:
            continue
        between = span(entry.get("interval"), 4)
        rows.append((words, figure(start), figure(best_value), signed(difference, 4), between))
    return rows
