"""Report files of a sweep: sweep.json, trials.csv, trials.md, sweep.html and its plots."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from genre_models.report.study.page import StudyPage, StudyPart, write_study
from genre_models.report.style.colours import css
from genre_models.report.style.formats import count, duration
from genre_models.report.style.table import Plot
from genre_models.report.sweep.findings import failures, findings, headline
from genre_models.report.sweep.plots import curves_plot, importance_plot, saved_plot
from genre_models.report.sweep.query import best, label, require_analysis, row, trial
from genre_models.report.sweep.settings_plot import settings_plot
from genre_models.report.sweep.tables import gain_table, settings_table, trials_csv, trials_table

# File name of each plot, with its function and its caption.
PLOTS: dict[str, tuple[Callable[[Mapping[str, Any]], Markup], str]] = {
    "curves": (curves_plot, "Every trial over the epochs, the start and the best marked at their best epoch"),
    "saved": (saved_plot, "Epochs that were run, against every trial in full"),
    "settings": (settings_plot, "Each setting, a dot a trial at its best epoch; bars are medians"),
    "importance": (importance_plot, "Importance of each setting in a random forest, with the spread over shuffles"),
}
FILES = ("sweep.json", "sweep.html", "trials.md", "trials.csv", *(f"{name}.svg" for name in PLOTS))
"""Names of all files that the report of a sweep may have."""


def sweep_part(sweep: Mapping[str, Any], *, most: int | None = None) -> StudyPart:
    """Return all that is shown of a sweep.

    Args:
        sweep: from `genre_models.studies.sweep_analysis.analysed`.
        most: limits its table of trials.
    """
    require_analysis(sweep)
    drawn = {name: (draw(sweep), caption) for name, (draw, caption) in PLOTS.items()}
    return StudyPart(
        headline=headline(sweep),
        css=css(sweep),
        findings=findings(sweep),
        summary=gain_table(sweep),
        plots={name: Plot(caption, svg) for name, (svg, caption) in drawn.items() if svg},
        tables=[table for table in (settings_table(sweep), trials_table(sweep, most)) if table.rows],
        failures=failures(sweep),
    )


def write_sweep(sweep: Mapping[str, Any], folder: Path) -> None:
    """Write sweep.json, trials.csv, trials.md, sweep.html and the plots into the folder, created if missing.

    Plots without data are not written, and their files from an earlier call are removed. ValueError unless the sweep
    comes from `genre_models.studies.sweep_analysis.analysed`.
    """
    part, trials = sweep_part(sweep), len(sweep["trials"])
    page = StudyPage(
        f"a sweep of the {label(sweep)} in {count(trials)} {'trial' if trials == 1 else 'trials'}",
        _facts(sweep),
        _commands(sweep),
        {"trials.csv": trials_csv(sweep)},
    )
    write_study(sweep, part, page, folder, plots=PLOTS, names=("sweep.json", "trials.md", "sweep.html"))


def _commands(sweep: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the next commands for the best trial, each as (reason, command)."""
    winner, kind = best(sweep), str(sweep["kind"])
    if winner is None:
        return []
    store = ["--store", str((sweep.get("store") or {}).get("path") or "STORE")]
    path = str(sweep["path"]).rstrip("/")
    runs = ["--runs", path.rpartition("/")[0] or "."]
    train = ["python", f"ray_jobs/train_{kind}.py", "--config", f"{path}/best_config.yaml", *store, *runs]
    steps = [(f"Train with the settings of trial {winner}:", train)]
    if checkpoint := trial(sweep, winner).get("checkpoint"):
        evaluate = ["python", "ray_jobs/evaluate.py", *store, *runs, f"--{kind}", str(checkpoint)]
        evaluate += ["--report", f"{path}/report"]
        steps.append((f"Evaluate the checkpoint of trial {winner} on the test films:", evaluate))
    return [(why, shlex.join(command)) for why, command in steps]


def _facts(sweep: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the metadata of the sweep."""
    store, winner = sweep.get("store") or {}, best(sweep)
    kept = sweep.get("checkpoints_per_trial")
    return [
        ("sweep", sweep.get("path")),
        ("store", store.get("path")),
        ("fingerprint", store.get("fingerprint")),
        ("films", ", ".join(f"{count(total)} {name}" for name, total in (store.get("films") or {}).items())),
        ("epochs", f"at most {count(sweep['epochs'])} a trial"),
        ("scheduler", sweep.get("scheduler")),
        ("search", sweep.get("search")),
        ("seed", sweep.get("seed")),
        ("took", duration(sweep.get("seconds"))),
        ("kept", f"{kept} checkpoints a trial" if kept else None),
        ("best checkpoint", trial(sweep, winner).get("checkpoint")),
        ("its epoch", count(row(sweep, winner).get("best_epoch"))),
    ]
