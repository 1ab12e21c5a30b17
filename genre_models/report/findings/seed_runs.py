"""The table of training runs that are averaged into one model, with mean and spread."""

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any

from genre_models.report.findings.comparison_query import figure, label
from genre_models.report.style.formats import count, number, show

# Metrics by their name in a run, with their column header and their flat name in the model.
FIGURES = {
    "loss": ("loss", "loss"),
    "mean_average_precision": ("mean AP", "mean_average_precision"),
    "micro_f1": ("micro-F1, tuned", "at_tuned_micro_f1"),
    "macro_f1": ("macro-F1, tuned", "at_tuned_macro_f1"),
}
HEAD = ["run", "epoch", "seed", *(words for words, _ in FIGURES.values())]


def several_runs(comparison: Mapping[str, Any]) -> list[tuple[str, list[list[str]]]]:
    """Return the key and the table rows of each model averaged from several runs."""
    return [(key, _rows(comparison, key, model)) for key, model in comparison["models"].items() if model.get("runs")]


def _rows(comparison: Mapping[str, Any], key: str, model: Mapping[str, Any]) -> list[list[str]]:
    runs = list(model["runs"])
    rows = [[str(run.get("name") or ""), count(run.get("epoch")), count(run.get("seed"))] for run in runs]
    rows = [[*row, *(show(run.get(name)) for name in FIGURES)] for row, run in zip(rows, runs, strict=True)]
    spread = [_spread([number(run.get(name)) for run in runs]) for name in FIGURES]
    rows.append(["mean ± standard deviation", "", "", *spread])
    own = [show(figure(model, flat)) for _, flat in FIGURES.values()]
    last = f"{label(comparison, key)}: their probabilities averaged{', then scaled' if model.get('scaling') else ''}"
    return [*rows, [last, "", "", *own]]


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return show(None)
    return f"{show(mean(known))} ± {show(stdev(known))}" if len(known) > 1 else show(known[0])
