"""Report files of a sweep: JSON, CSV, Markdown, plots and a self-contained HTML page."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genre_models.report.style.formats import count, duration
from genre_models.report.style.html import render, strict_json
from genre_models.report.style.svg import standalone
from genre_models.report.sweep.markdown import trials_markdown
from genre_models.report.sweep.query import best, require_analysis, row, trial
from genre_models.report.sweep.section import PICTURES, section
from genre_models.report.sweep.tables import trials_csv


@dataclass(frozen=True)
class SweepPaths:
    """Paths of a sweep's report files; `pictures` has only the plots that were drawn, by name."""

    json: Path
    csv: Path
    markdown: Path
    html: Path
    pictures: dict[str, Path]


def write_sweep(sweep: Mapping[str, Any], folder: Path) -> SweepPaths:
    """Write sweep.json, trials.csv, trials.md, sweep.html and the plots into the folder, created if missing.

    Plots without data are not written, and their files from an earlier call are removed. ValueError unless the sweep
    comes from `genre_models.studies.sweep_analysis.analysed`.
    """
    require_analysis(sweep)
    folder.mkdir(parents=True, exist_ok=True)
    json, csv, markdown, html = (folder / name for name in ("sweep.json", "trials.csv", "trials.md", "sweep.html"))
    paths = SweepPaths(json, csv, markdown, html, _pictures(sweep, folder))
    for path, text in (
        (paths.json, strict_json(sweep)),
        (paths.csv, trials_csv(sweep)),
        (paths.markdown, trials_markdown(sweep, list(paths.pictures))),
        (paths.html, as_html(sweep)),
    ):
        _write(path, text)
    return paths


def as_html(sweep: Mapping[str, Any]) -> str:
    """Return the HTML page of a sweep, with all external text escaped."""
    return render(
        "sweep.html", study=sweep, part=section(sweep, "sweep"), commands=_commands(sweep), facts=_facts(sweep)
    )


def _pictures(sweep: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    written = {}
    for name, (draw, _) in PICTURES.items():
        path, svg = folder / f"{name}.svg", draw(sweep, name)
        if svg:
            _write(path, standalone(svg))
            written[name] = path
        else:
            path.unlink(missing_ok=True)
    return written


def _write(path: Path, text: str) -> None:
    # A lone surrogate in an error message must not fail the whole report.
    path.write_bytes(text.encode("utf-8", "replace"))


def _commands(sweep: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the next commands for the best trial, each as (reason, command)."""
    best_number, kind = best(sweep), str(sweep["kind"])
    if best_number is None:
        return []
    store = ["--store", str((sweep.get("store") or {}).get("path") or "STORE")]
    config = f"{str(sweep['path']).rstrip('/')}/best_config.yaml"
    steps = [
        (
            f"Train with the settings of trial {best_number}:",
            ["python", f"ray_jobs/train_{kind}.py", "--config", config, *store],
        )
    ]
    checkpoint = trial(sweep, best_number).get("checkpoint")
    if checkpoint:
        evaluated = ["python", "ray_jobs/evaluate.py", *store, f"--{kind}", str(checkpoint)]
        steps.append((f"Evaluate the checkpoint of trial {best_number} on the test films:", evaluated))
    return [(why, shlex.join(command)) for why, command in steps]


def _facts(sweep: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the known metadata of the sweep as (name, text)."""
    store = sweep.get("store") or {}
    films = ", ".join(f"{count(total)} to {name}" for name, total in (store.get("films") or {}).items())
    facts = [
        ("sweep", str(sweep.get("path") or "")),
        ("store", str(store.get("path") or "")),
        ("fingerprint", str(store.get("fingerprint") or "")),
        ("films", films.replace("to train", "to train on").replace("to validation", "to validate")),
        ("scheduler", str(sweep.get("scheduler") or "")),
        ("search", str(sweep.get("search") or "")),
        ("seed", str(sweep.get("seed", ""))),
        ("took", duration(sweep.get("seconds"))),
        ("kept", f"{sweep['checkpoints_per_trial']} checkpoints a trial" if sweep.get("checkpoints_per_trial") else ""),
        ("best checkpoint", str(trial(sweep, best(sweep)).get("checkpoint") or "")),
        ("its epoch", count(row(sweep, best(sweep)).get("best_epoch"))),
    ]
    return [(name, text) for name, text in facts if text not in ("", "–")]
