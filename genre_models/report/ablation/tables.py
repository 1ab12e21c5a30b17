"""The tables of an ablation as rows of ready text, and all its figures as CSV."""

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
# What each column of a cure's row is: the split, and the figure.
BOUGHT = [("test", MEAN_AP), ("validation", MEAN_AP), ("test", "micro_f1"), ("test", "macro_f1"), ("test", "loss")]
PRESET_HEAD = [f"{split} {FIGURES[name]}{' ↓' if name in LOWER_IS_BETTER else ''}" for split, name in BOUGHT]
HEAD = [*PRESET_HEAD, "test mean AP itself", "seeds"]
TITLES = {
    "without": "Cures in the preset: what each bought",
    "with": "Cures that the preset leaves off: what each would buy",
    "coursework with": "Cures alone on the coursework: what each bought there",
}


@dataclass(frozen=True)
class CureRow:
    """One cure: what it is, whether it helped (1), hurt (-1) or neither, and a cell for each of HEAD."""

    name: str
    what: str
    side: int
    cells: list[Cell]


def preset_rows(ablation: Mapping[str, Any]) -> list[CureRow]:
    """A row for each preset: the mean over seeds of each figure, with the lowest and the highest."""
    return [
        CureRow(
            str(one["name"]), str(one["what"]), 0,
            [*(_spread(one, split, name) for split, name in BOUGHT), Cell(str(seeds_of(one)))],
        )
        for one in presets(ablation)
    ]  # fmt: skip


def cure_rows(ablation: Mapping[str, Any], which: str) -> list[CureRow]:
    """A row for each cure of a group, those that bought most first."""
    return [
        CureRow(
            str(one["cure"]), str(one["what"]), side(one),
            [
                *(_bought(one, split, name) for split, name in BOUGHT),
                _spread(one, "test", MEAN_AP),
                Cell(str(seeds_of(one)), value=seeds_of(one)),
            ],
        )
        for one in group(ablation, which)
    ]  # fmt: skip


def _bought(variant: Mapping[str, Any], split: str, name: str) -> Cell:
    found = entry(variant, split, name)
    told = signed(found.get("difference"))
    return Cell(
        told, narrow(found.get("interval")), value=number(found.get("difference")), best=side(variant, split, name) > 0
    )


def _spread(variant: Mapping[str, Any], split: str, name: str) -> Cell:
    found = variant["figures"][split][name] if variant["figures"] else {}
    several = found.get("deviation") is not None
    return Cell(
        show(found.get("mean")),
        narrow([found["low"], found["high"]]) if several else "",
        value=number(found.get("mean")),
    )


def variants_csv(ablation: Mapping[str, Any]) -> str:
    """Every variant in a line, figures in full precision; empty where there is none.

    Columns: variant, group, cure, against, seeds; for each split and figure the mean over seeds, the lowest, highest
    and standard deviation, and what the cure bought with both ends of its interval and whether that is clear; settings.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    about = ["variant", "group", "cure", "against", "seeds"]
    spread, gain = ("mean", "low", "high", "deviation"), ("bought", "bought_low", "bought_high", "bought_clear")
    columns = [f"{split}_{name}_{what}" for split in SPLITS for name in FIGURES for what in (*spread, *gain)]
    writer.writerow([*about, *columns, "settings"])
    for one in ablation["variants"]:
        row: list[Any] = [one["name"], one["group"], one["cure"], one["against"], seeds_of(one)]
        for split in SPLITS:
            for name in FIGURES:
                figures = ((one["figures"] or {}).get(split) or {}).get(name) or {}
                found = entry(one, split, name)
                low, high = found.get("interval") or (None, None)
                row += [figures.get(what) for what in spread]
                row += [found.get("difference"), low, high, found.get("clear")]
        writer.writerow([*("" if cell is None else cell for cell in row), json.dumps(one["settings"])])
    return text.getvalue()


def runs_csv(ablation: Mapping[str, Any]) -> str:
    """Every training in a line: variant, seed, trial, status, reason, epochs, epoch, seconds and its figures."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    about = ["seed", "trial", "status", "reason", "epochs", "epoch", "seconds"]
    columns = [(split, name) for split in SPLITS for name in FIGURES]
    writer.writerow(["variant", *about, *(f"{split}_{name}" for split, name in columns)])
    for one in ablation["variants"]:
        for run in one["runs"]:
            figures = run["figures"] or {}
            row = [run[name] for name in about] + [(figures.get(split) or {}).get(name) for split, name in columns]
            writer.writerow([one["name"], *("" if cell is None else cell for cell in row)])
    return text.getvalue()
