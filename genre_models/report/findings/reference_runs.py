"""Reference runs next to the evaluated models, with metrics and paired differences."""

from collections.abc import Mapping
from typing import Any

from genre_models.report.findings.comparison_query import PairedDifference, label, level, side
from genre_models.report.style.formats import count, ends, listed, narrow, number, show, signed, span

# Flat names of the metrics and their column headers.
FIGURES = {
    "mean_average_precision": "mean AP",
    "at_tuned_micro_f1": "micro-F1, tuned",
    "at_tuned_macro_f1": "macro-F1, tuned",
    "loss": "loss ↓",
}
MEAN_AP = "mean_average_precision"
HEAD = ["run", "best epoch", *FIGURES.values(), "evaluated model ahead in mean AP"]


def rows(comparison: Mapping[str, Any]) -> list[list[str]]:
    """Return a table row for each run, with name, epoch, metrics and paired difference."""
    result = []
    for run in comparison.get("reference_runs") or []:
        difference = run["differences"][MEAN_AP]
        figures = [
            f"{show(run['figures'][name])} ({between})" if (between := narrow(run["intervals"][name])) else
            show(run["figures"][name])
            for name in FIGURES
        ]  # fmt: skip
        ahead = signed(difference["difference"])
        between = span(difference["interval"])
        epochs = f"{count(run['epoch'])} of {count(run['epochs'])}"
        result.append([_name(run), epochs, *figures, f"{ahead} ({between})" if between else ahead])
    return result


def finding(comparison: Mapping[str, Any]) -> str:
    """Describe which runs the evaluated models clearly beat in mean AP. Empty if there are no runs."""
    runs = list(comparison.get("reference_runs") or [])
    if not runs:
        return ""
    words = {1: "clearly ahead of", 0: "not to be told apart from", -1: "clearly behind"}
    sentences = []
    for model in dict.fromkeys(run["against"] for run in runs):
        against = [run for run in runs if run["against"] == model]
        parts = [
            f"{words[sign]} {listed([f'{_name(run)} ({signed(_lead(run).difference)})' for run in group])}"
            for sign in (1, 0, -1)
            if (group := [run for run in against if side(_lead(run)) == sign])
        ]
        sentences.append(f"{label(comparison, model)} is {listed(parts)}.")
    return f"{' '.join(sentences)} By mean average precision, {level(comparison)} intervals of the paired difference."


def _lead(run: Mapping[str, Any]) -> PairedDifference:
    entry = run["differences"][MEAN_AP]
    return PairedDifference(number(entry["difference"]) or 0.0, ends(entry["interval"]))


def _name(run: Mapping[str, Any]) -> str:
    preset = run.get("preset")
    return f"{run['label']}, {preset} ({run['run']})" if preset else f"{run['label']} ({run['run']})"
