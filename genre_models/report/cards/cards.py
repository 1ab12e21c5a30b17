"""Model cards, the data card, settings that differ, and the cost of models."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from genre_models.metrics.names import MEAN_AP
from genre_models.report.charts.chart import Chart
from genre_models.report.charts.scale import round_ticks
from genre_models.report.findings.comparison_query import interval, label, metric_value
from genre_models.report.style.colours import GRID, styles
from genre_models.report.style.formats import count, duration, narrow, number, percent, show, span
from genre_models.report.style.table import Cell, Table

_TOGETHER = ("config", "recipe")
"""The settings of a model: of its network and of its training."""
_COST = (
    "",
    MEAN_AP.meaning,
    "Numbers that a model learns from the training films.",
    "Of an ensemble, without its members.",
    "Of the evaluated and the validation films, start of the processes included.",
)


def settings_tables(comparison: Mapping[str, Any]) -> list[Table]:
    """Return the settings that differ between the trained models, and those that are equal; none for one model."""
    trained = {key: _flat(model) for key, model in comparison["models"].items() if model.get("config")}
    if len(trained) < 2:
        return []
    names = sorted({name for settings in trained.values() for name in settings})
    differ, equal = [], []
    for name in names:
        values = [settings.get(name, "–") for settings in trained.values()]
        if len(set(values)) > 1:
            differ.append([Cell(name), *map(Cell, values)])
        else:
            equal.append([Cell(name), Cell(values[0])])
    head = ("setting", *(label(comparison, key) for key in trained))
    tables = [
        Table("Settings that differ", head, differ, "runs words-in-cells", note="–: the model has no such setting.")
    ]
    return [*tables, Table("Settings that are equal", ("setting", "value"), equal, "runs words-in-cells", folded=True)]


def _flat(model: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a model by name, those inside others with a dot between."""
    flat: dict[str, str] = {}

    def add(name: str, value: object) -> None:
        if isinstance(value, Mapping):
            for inner, held in value.items():
                add(f"{name}.{inner}" if name else str(inner), held)
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            flat[name] = text or "none"

    for part in _TOGETHER:
        add("", model.get(part) or {})
    return flat


def cost_table(comparison: Mapping[str, Any]) -> Table:
    """Return parameters, training time and prediction time of every model beside its quality."""
    look, rows = styles(comparison), []
    for key, model in comparison["models"].items():
        films, seconds = _scoring(comparison, key)
        took = Cell("–")
        if films and seconds is not None:
            took = Cell(duration(seconds), f"{count(films)} films", 1000 * seconds / films)
        rows.append(
            [
                Cell(label(comparison, key), style=look[key]),
                Cell(show(metric_value(model, MEAN_AP.key)), narrow(interval(model, MEAN_AP.key))),
                Cell(count(model.get("parameters")), value=number(model.get("parameters"))),
                Cell(duration(model.get("seconds")), value=number(model.get("seconds"))),
                took,
            ]
        )
    head = ("model", "mean average precision", "parameters", "training or fitting", "predicting, start included")
    return Table("Cost against quality", head, rows, "runs", _COST, sortable=True)


def _scoring(comparison: Mapping[str, Any], key: str) -> tuple[float | None, float | None]:
    """Return the films that a model scored and the seconds it took; an ensemble's are those of its members."""
    models = comparison["models"]
    members = [one for one in (models[key].get("fused") or {}).get("weights", {}) if one in models] or [key]
    scoring = [models[one].get("scoring") or {} for one in members]
    seconds = [number(one.get("seconds")) for one in scoring]
    known = [value for value in seconds if value is not None]
    return number(scoring[0].get("films")), sum(known) if len(known) == len(seconds) else None


def cost_chart(comparison: Mapping[str, Any]) -> Markup:
    """Draw mean average precision over training time; empty where fewer than two models have both."""
    look = styles(comparison)
    points = {
        key: (seconds, value)
        for key, model in comparison["models"].items()
        if (seconds := number(model.get("seconds"))) and (value := metric_value(model, MEAN_AP.key)) is not None
    }
    if len(points) < 2:
        return Markup("")
    chart = Chart(340, 240, left=44, right=14, top=14, bottom=42)
    times = [max(0.01, seconds) for seconds, _ in points.values()]
    ends = [end for key in points for end in interval(comparison["models"][key], MEAN_AP.key) or ()]
    values = [value for _, value in points.values()] + ends
    room = (max(values) - min(values)) * 0.05 or 0.01
    chart.across(min(times) * 0.7, max(times) * 1.5, "log")
    chart.upwards(max(0.0, min(values) - room), max(values) + room)
    chart.y_axis(round_ticks(chart.y.low, chart.y.high, 4))
    ticks = chart.x.ticks(4)
    chart.x_axis(ticks, [duration(tick) for tick in ticks], title="training or fitting time")
    for key, (seconds, value) in points.items():
        both = interval(comparison["models"][key], MEAN_AP.key)
        x = chart.x(max(0.01, seconds))
        if both is not None:
            chart.block((x - 1, x + 1), (chart.y(both[0]), chart.y(both[1])), look[key].colour, opacity=0.5, model=key)
        says = f"{label(comparison, key)}: {show(value)} after {duration(seconds)}"
        chart.dot(max(0.01, seconds), value, look[key], says + (f" ({span(both)})" if both else ""), model=key)
    chart.rule(chart.left, chart.bottom, chart.right, chart.bottom, GRID)
    return chart.svg("Mean average precision over training time")


def data_card(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the facts on the films: source, counts, splits, rejects, licence, uses and limits."""
    films, split = comparison.get("films") or {}, comparison.get("split") or {}
    shares = ", ".join(f"{name} {percent(share)}" for name, share in (split.get("shares") or {}).items())
    rejects = comparison.get("rejects") or {}
    drawn = bool(comparison.get("drawn_sample"))
    licence = "free: drawn and written by this project" if drawn else "not known; ask whom the films are from"
    held = [f"{count(films[name])} {name}" for name in ("train", "validation", "test") if name in films]
    facts = [
        ("source", f"{comparison.get('source')}"),
        ("kind", "invented: posters drawn and overviews written by a program" if drawn else ""),
        ("films", ", ".join(held)),
        ("split", f"by genre, seed {split['seed']}: {shares}" if split else ""),
        ("evaluated on", f"{comparison.get('evaluated_on')}, {count(films.get('evaluated'))} films"),
        ("rejected", "; ".join(f"{count(number)} {reason}" for reason, number in rejects.items()) or "none"),
        ("licence", licence),
        ("labels", "genres as the source lists them, several a film; a genre that it does not list counts as absent"),
        ("use", "to compare models of posters and overviews; not to describe what films of a genre are like"),
    ]  # fmt: skip
    return [(name, text) for name, text in facts if text]


def model_card(comparison: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Return the use, limits and origin of one model."""
    model = comparison["models"][key]
    recipe = model.get("recipe") or {}
    sees = {
        "poster": "the poster alone; no title, no cast, no year",
        "overview": "the overview alone, as far as it is read; words that no training film has are unknown to it",
        "both": f"poster and overview; {'one of them will do' if _takes_one(model) else 'both are needed'}",
        "nothing": "nothing of the film",
    }
    facts = [
        ("intended use", "genres of films like those it learned from, checked by a person where they matter"),
        ("input", sees.get(str(model.get("sees")), "")),
        (
            "limits",
            f"{count(len(comparison['genres']))} genres; films unlike its training films are guessed all the same",
        ),
        ("checkpoint", str(model.get("checkpoint") or "")),
        ("seed", str(recipe["seed"]) if "seed" in recipe else ""),
        ("versions", ", ".join(f"{name} {version}" for name, version in (model.get("versions") or {}).items())),
    ]
    return [(name, text) for name, text in facts if text]


def _takes_one(model: Mapping[str, Any]) -> bool:
    """Return whether a model of both inputs predicts films that lack one; a network has to learn that."""
    return bool(model.get("fused")) or (number((model.get("config") or {}).get("modality_dropout")) or 0) > 0


def commands(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return commands that work when pasted, each as (reason, command)."""
    folder = comparison.get("folder")
    here = f"cd {shlex.quote(str(folder))} && " if folder else ""
    steps = [("This comparison:", f"{here}{comparison.get('command')}")]
    for key, model in comparison["models"].items():
        if place := model.get("folder") or model.get("checkpoint"):
            command = [
                str(comparison.get("python") or "python"),
                "ray_jobs/predict.py",
                "--model",
                str(place),
                "--films",
                "FOLDER",
                "--out",
                "OUT",
            ]
            reason = f"Genres of your own films in FOLDER, by {label(comparison, key)}:"
            steps.append((reason, f"{here}{shlex.join(command)}"))
    return steps


def origin(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the commit, machine, seeds and versions of the comparison."""
    machine, bootstrap = comparison.get("machine") or {}, comparison.get("bootstrap") or {}
    versions = comparison.get("versions") or {}
    facts = [
        ("made", str(comparison.get("created") or "")),
        ("commit", str(comparison.get("commit") or "not known: not made in a checkout")),
        ("machine", f"{machine['system']}, {count(machine['cpus'])} CPUs" if machine else ""),
        (
            "seed",
            f"{comparison['seed']}, {count(bootstrap.get('resamples'))} resamples" if "seed" in comparison else "",
        ),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("store", str(comparison.get("store") or "")),
    ]
    return [(name, text) for name, text in facts if text]
