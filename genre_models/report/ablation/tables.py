"""Tables of an ablation as display text, and its metrics as CSV."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.report.ablation.query import (
    FIGURES,
    LOWER_IS_BETTER,
    MEAN_AP,
    entry,
    group,
    presets,
    seeds_of,
    side,
)
from genre_models.report.style.finding import Cell
from genre_models.report.style.formats import narrow, number, show, signed

SPLITS = ("test", "validation")
# Split and metric of each column of a component's row.
BOUGHT = [("test", MEAN_AP), ("validation", MEAN_AP), ("test", "micro_f1"), ("test", "macro_f1"), ("test", "loss")]
PRESET_HEAD = [f"{split} {FIGURES[name]}{' ↓' if name in LOWER_IS_BETTER else ''}" for split, name in BOUGHT]
HEAD = [*PRESET_HEAD, "test mean AP itself", "seeds"]
TITLES = {
    "without": "Components in the preset: the effect of each",
    "with": "Components that the preset leaves off: what each would add",
    "coursework with": "Components alone on the coursework: the effect of each",
}


@dataclass(frozen=True)
class ComponentRow:
    """One component: name, description, side (1 helped, -1 hurt, 0 neither), and a cell for each of HEAD."""

    name: str
    what: str
    side: int
    cells: list[Cell]


def preset_rows(ablation: Mapping[str, Any]) -> list[ComponentRow]:
    """Return a row for each preset: mean over seeds of each metric, with the lowest and the highest."""
    return [
        ComponentRow(
            str(variant["name"]), str(variant["what"]), 0,
            [*(_spread(variant, split, name) for split, name in BOUGHT), Cell(str(seeds_of(variant)))],
        )
        for variant in presets(ablation)
    ]  # fmt: skip


def component_rows(ablation: Mapping[str, Any], which: str) -> list[ComponentRow]:
    """Return a row for each component of a group, largest effect first."""
    return [
        ComponentRow(
            str(variant["component"]), str(variant["what"]), side(variant),
            [
                *(_effect(variant, split, name) for split, name in BOUGHT),
                _spread(variant, "test", MEAN_AP),
                Cell(str(seeds_of(variant)), value=seeds_of(variant)),
            ],
        )
        for variant in group(ablation, which)
    ]  # fmt: skip


def _effect(variant: Mapping[str, Any], split: str, name: str) -> Cell:
    gain = entry(variant, split, name)
    text = signed(gain.get("difference"))
    return Cell(
        text, narrow(gain.get("interval")), value=number(gain.get("difference")), best=side(variant, split, name) > 0
    )


def _spread(variant: Mapping[str, Any], split: str, name: str) -> Cell:
    spread = variant["figures"][split][name] if variant["figures"] else {}
    several = spread.get("deviation") is not None
    return Cell(
        show(spread.get("mean")),
        narrow([spread["low"], spread["high"]]) if several else "",
        value=number(spread.get("mean")),
    )


def variants_csv(ablation: Mapping[str, Any]) -> str:
    """Return a CSV line for each variant, at full precision; unknown values are empty.

    Columns: variant, group, component, against, seeds; for each split and metric the mean, lowest, highest and
    standard deviation over seeds, and the effect, both ends of its interval and whether it is clear; settings.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    leading = ["variant", "group", "component", "against", "seeds"]
    spread, gain = ("mean", "low", "high", "deviation"), ("effect", "effect_low", "effect_high", "effect_clear")
    columns = [f"{split}_{name}_{statistic}" for split in SPLITS for name in FIGURES for statistic in (*spread, *gain)]
    writer.writerow([*leading, *columns, "settings"])
    for item in ablation["variants"]:
        row: list[Any] = [item["name"], item["group"], item["component"], item["against"], seeds_of(item)]
        for split in SPLITS:
            for name in FIGURES:
                figures = ((item["figures"] or {}).get(split) or {}).get(name) or {}
                effect = entry(item, split, name)
                low, high = effect.get("interval") or (None, None)
                row += [figures.get(statistic) for statistic in spread]
                row += [effect.get("difference"), low, high, effect.get("clear")]
        writer.writerow([*("" if cell is None else cell for cell in row), json.dumps(item["settings"])])
    return text.getvalue()


def runs_csv(ablation: Mapping[str, Any]) -> str:
    """Return a CSV line for each training: variant, seed, trial, status, reason, epochs, epoch, seconds, metrics."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = ["seed", "trial", "status", "reason", "epochs", "epoch", "seconds"]
    columns = [(split, name) for split in SPLITS for name in FIGURES]
    writer.writerow(["variant", *fields, *(f"{split}_{name}" for split, name in columns)])
    for variant in ablation["variants"]:
        for run in variant["runs"]:
            figures = run["figures"] or {}
            row = [run[name] for name in fields] + [(figures.get(split) or {}).get(name) for split, name in columns]
            writer.writerow([variant["name"], *("" if cell is None else cell for cell in row)])
    return text.getvalue()
