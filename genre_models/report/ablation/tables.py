"""Tables of an ablation, and its metrics as CSV."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genre_models.metrics.names import MEAN_AP, SUMMARY
from genre_models.report.ablation.query import GROUPS, entry, group, presets, seeds_of, side
from genre_models.report.style.formats import narrow, number, show, signed
from genre_models.report.style.table import Cell, Table

SPLITS = ("test", "validation")
# Split and metric of each column: all on the test films, and mean average precision on the validation films too.
COLUMNS = [("test", MEAN_AP), ("validation", MEAN_AP), *(("test", metric) for metric in SUMMARY if metric != MEAN_AP)]
HEAD = [f"{split} {metric.label}{metric.arrow}" for split, metric in COLUMNS]


def presets_table(ablation: Mapping[str, Any]) -> Table | None:
    """Return the presets: mean over seeds of each metric, with the lowest and the highest."""
    rows = [
        [
            Cell(str(variant["name"]), str(variant["what"])),
            *(_spread(variant, split, metric.short_key) for split, metric in COLUMNS),
            Cell(str(seeds_of(variant))),
        ]
        for variant in presets(ablation)
    ]
    head = ("mean over seeds (lowest–highest)", *HEAD, "seeds")
    return Table("Metrics of the presets", head, rows, "genres components") if rows else None


def components_tables(ablation: Mapping[str, Any]) -> list[Table]:
    """Return a table of effects for each group of components, largest effect first."""
    head = ("component", *HEAD, "test mean AP itself", "seeds")
    return [
        Table(title, head, [_component(variant) for variant in variants], "genres components", sortable=True)
        for name, title in GROUPS.items()
        if (variants := group(ablation, name))
    ]


def _component(variant: Mapping[str, Any]) -> list[Cell]:
    return [
        Cell(str(variant["component"]), str(variant["what"])),
        *(_effect(variant, split, metric.short_key) for split, metric in COLUMNS),
        _spread(variant, "test", MEAN_AP.key),
        Cell(str(seeds_of(variant)), value=seeds_of(variant)),
    ]


def _effect(variant: Mapping[str, Any], split: str, name: str) -> Cell:
    effect = entry(variant, split, name)
    value = effect.get("difference")
    return Cell(signed(value), narrow(effect.get("interval")), number(value), side(variant, split, name) > 0)


def _spread(variant: Mapping[str, Any], split: str, name: str) -> Cell:
    spread = variant["figures"][split][name] if variant["figures"] else {}
    ends = narrow([spread["low"], spread["high"]]) if spread.get("deviation") is not None else ""
    return Cell(show(spread.get("mean")), ends, number(spread.get("mean")))


def variants_csv(ablation: Mapping[str, Any]) -> str:
    """Return a CSV line for each variant, at full precision; unknown values are empty.

    Columns: variant, group, component, against, seeds; for each split and metric the mean, lowest, highest and
    standard deviation over seeds, and the effect, both ends of its interval and whether it is clear; settings.
    """
    spread, effects = ("mean", "low", "high", "deviation"), ("effect", "effect_low", "effect_high", "effect_clear")
    names = [f"{split}_{metric.short_key}" for split in SPLITS for metric in SUMMARY]
    columns = [f"{name}_{statistic}" for name in names for statistic in (*spread, *effects)]
    head = ["variant", "group", "component", "against", "seeds", *columns, "settings"]
    return _csv(head, (_variant(item, spread) for item in ablation["variants"]))


def _variant(item: Mapping[str, Any], spread: Sequence[str]) -> list[Any]:
    row: list[Any] = [item["name"], item["group"], item["component"], item["against"], seeds_of(item)]
    for split in SPLITS:
        for metric in SUMMARY:
            values = ((item["figures"] or {}).get(split) or {}).get(metric.short_key) or {}
            effect = entry(item, split, metric.short_key)
            low, high = effect.get("interval") or (None, None)
            row += [*map(values.get, spread), effect.get("difference"), low, high, effect.get("clear")]
    return [*row, json.dumps(item["settings"])]


def runs_csv(ablation: Mapping[str, Any]) -> str:
    """Return a CSV line for each training: variant, seed, trial, status, reason, epochs, epoch, seconds, metrics."""
    fields = ["seed", "trial", "status", "reason", "epochs", "epoch", "seconds"]
    columns = [(split, metric.short_key) for split in SPLITS for metric in SUMMARY]
    rows = (
        [
            variant["name"],
            *(run[name] for name in fields),
            *(((run["figures"] or {}).get(split) or {}).get(name) for split, name in columns),
        ]
        for variant in ablation["variants"]
        for run in variant["runs"]
    )
    return _csv(["variant", *fields, *(f"{split}_{name}" for split, name in columns)], rows)


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)  # None is written as an empty cell
    return text.getvalue()
