"""Tables of a sweep: gain on the evaluated films, settings, trials; its trials as CSV."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import SUMMARY, other_selecting
from genre_models.report.style.formats import count, duration, ends, number, signed, span
from genre_models.report.style.table import Cell, Table
from genre_models.report.sweep.query import (
    START,
    STATUS,
    best,
    four_digits,
    marks,
    metric_name,
    ranked,
    setting,
    trial,
    values_in_words,
    words,
)


def gain_table(sweep: Mapping[str, Any]) -> Table | None:
    """Return the metrics of start and best trial on the evaluated films."""
    gain = sweep.get("gain") or {}
    rows = []
    for metric in SUMMARY:
        start, winner = ((gain.get(which) or {}).get(metric.short_key) for which in ("start", "best"))
        entry = (gain.get("differences") or {}).get(metric.key) or {}
        difference, interval = number(entry.get("difference")), ends(entry.get("interval"))
        if number(start) is None and number(winner) is None and difference is None:
            continue
        # Clearly better: both ends of the interval are on the good side.
        clear = interval is not None and (interval[1] < 0 if metric.lower_is_better else interval[0] > 0)
        change = Cell(signed(difference, 4), span(interval, 4), best=clear)
        rows.append([Cell(metric.title + metric.arrow), Cell(four_digits(start)), Cell(four_digits(winner)), change])
    if not rows:
        return None
    head = ("on the evaluated films", "start", "best trial", "difference")
    return Table("Gain on the evaluated films", head, rows, "genres gains")


def settings_table(sweep: Mapping[str, Any]) -> Table:
    """Return the searched settings, in the order of the search space."""
    start, winner = (trial(sweep, which).get("settings") or {} for which in (START, best(sweep)))
    rows = []
    for name, space in sweep["space"].items():
        old, new = setting(start.get(name)), setting(winner.get(name))
        texts = (Cell(values_in_words(space)), Cell(str(space.get("why") or "")))
        rows.append([Cell(name, str(space.get("unit") or "")), Cell(old), Cell(new, best=new != old), *texts])
    head = ("setting", "start", "best", "searched", "why")
    return Table("Settings", head, rows, "genres settings")


def trials_table(sweep: Mapping[str, Any], most: int | None = None) -> Table:
    """Return the trials, best first; `most` limits them to the best ones and the starting point."""
    pairs = ranked(sweep)
    shown = [pair for place, pair in enumerate(pairs) if most is None or place < most or pair[0]["number"] == START]
    everything = len(shown) == len(pairs)
    title = (
        f"All {count(len(pairs))} trials" if everything else f"The best of {count(len(pairs))} trials, and the start"
    )
    other = words(other_selecting(str(sweep["metric"])))
    return Table(
        f"{title}, best first",
        ["trial", "status", metric_name(sweep), "at epoch", "epochs", other, "time", *sweep["space"]],
        [_trial(sweep, record, row) for record, row in shown],
        "genres trials",
        sortable=True,
        folded=not everything,
    )


def _trial(sweep: Mapping[str, Any], record: Mapping[str, Any], row: Mapping[str, Any]) -> list[Cell]:
    marked = marks(sweep, record["number"])
    status = str(record["status"])
    return [
        Cell(str(record["number"]), value=record["number"], marks=marked, faint=status == "failed"),
        Cell(STATUS.get(status, status)),
        Cell(four_digits(row["value"]), value=number(row["value"]), best="best" in marked),
        *(Cell(count(row[name]), value=number(row[name])) for name in ("best_epoch", "epochs")),
        Cell(four_digits(row["other"]), value=number(row["other"])),
        Cell(duration(row["seconds"]), value=number(row["seconds"])),
        *(Cell(setting(value), value=number(value)) for value in map(record["settings"].get, sweep["space"])),
    ]


def trials_csv(sweep: Mapping[str, Any]) -> str:
    """Return the trials as CSV, a line each in their order, at full precision.

    Columns: number, status, reason, epochs, best_epoch, the metric and the other metric at that epoch, seconds,
    a column for each setting, checkpoint. Unknown values are empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    metrics = [sweep["metric"], other_selecting(str(sweep["metric"]))]
    head = ["number", "status", "reason", "epochs", "best_epoch", *metrics, "seconds"]
    writer.writerow([*head, *sweep["space"], "checkpoint"])
    for record, row in zip(sweep["trials"], sweep["analysis"]["rows"], strict=True):
        values = [row[name] for name in ("epochs", "best_epoch", "value", "other", "seconds")]
        values += [record["settings"].get(name) for name in sweep["space"]]
        leading = [record["number"], record["status"], record.get("reason") or ""]
        writer.writerow([*leading, *map(_plain, values), record.get("checkpoint") or ""])
    return text.getvalue()


def _plain(value: object) -> str:
    """Return a value for CSV: strings as they are, numbers and lists as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
