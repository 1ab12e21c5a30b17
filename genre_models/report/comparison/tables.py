"""Tables of the models of a comparison."""

from collections.abc import Mapping, Sequence
from itertools import combinations, groupby
from statistics import mean, stdev
from typing import Any

from genre_models.metrics.names import MAIN, MEAN_AP, METRICS, NAMED_FROM, SUMMARY, Metric
from genre_models.report.findings.comparison_query import (
    PairedDifference,
    gap,
    genre_entry,
    genres_by_films,
    interval,
    label,
    metric_value,
    ranked,
    side,
    trained,
)
from genre_models.report.findings.reliability import measured
from genre_models.report.style.colours import styles
from genre_models.report.style.formats import count, duration, ends, listed, narrow, number, percent, show, signed, span
from genre_models.report.style.table import Cell, Table


def names(comparison: Mapping[str, Any]) -> dict[str, Cell]:
    """Return each model's name with its colour and mark, by its key."""
    return {key: Cell(label(comparison, key), style=style) for key, style in styles(comparison).items()}


def model_facts(comparison: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Return the known facts on a model as name and text."""
    model = comparison["models"][key]
    epoch, planned = count(model.get("epoch")), number(model.get("epochs"))
    fused = model.get("fused") or {}
    weights = [f"{_label(comparison, other)} {show(weight, 2)}" for other, weight in fused.get("weights", {}).items()]
    facts = [
        ("sees", str(model.get("sees") or "")),
        ("parameters", count(model.get("parameters"))),
        ("epoch", epoch if planned is None else f"{epoch} of {count(planned)}") if model.get("history") else ("", ""),
        ("runs, averaged", count(len(model["runs"])) if model.get("runs") else ""),
        ("weights", ", ".join(weights)),
        ("fitted on", f"{count(fused['films'])} validation films in {count(fused['folds'])} folds" if fused else ""),
        *_answers(comparison, key),
        ("trained in" if model.get("history") else "fitted in", duration(model.get("seconds"))),
    ]
    return [(name, text) for name, text in facts if text not in ("", "–")]


def _label(comparison: Mapping[str, Any], key: str) -> str:
    return label(comparison, key) if key in comparison["models"] else key


def _answers(comparison: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Return the genres that a trained model never names at 0.5, and most often."""
    entries = {genre: genre_entry(comparison["models"][key], genre) for genre in comparison["genres"]}
    named = {genre: number((entry.get("at_half") or {}).get("predicted")) for genre, entry in entries.items()}
    if key not in trained(comparison) or all(times is None for times in named.values()):
        return []
    present = genres_by_films(comparison)
    top = sorted(named, key=lambda genre: -(named[genre] or 0))[:3]
    total = sum(times or 0 for times in named.values())
    share = f"{listed(top)}, {percent(sum(named[genre] or 0 for genre in top) / total)}" if total else "none"
    never = sum(not named[genre] for genre in present)
    return [("never named at 0.5", f"{never} of {len(present)} genres"), ("most named at 0.5", share)]


def metrics_table(comparison: Mapping[str, Any]) -> Table:
    """Return all metrics of every model, the best of each column marked."""
    rows = [
        [name, *(_metric(comparison, key, metric) for metric in METRICS)] for key, name in names(comparison).items()
    ]
    groups = [
        (Cell(group, term=group if group in NAMED_FROM else ""), len([*metrics]))
        for group, metrics in groupby(METRICS, lambda metric: metric.group)
    ]
    head = ["model", *(metric.label + metric.arrow for metric in METRICS)]
    meanings = ["", *(metric.meaning for metric in METRICS)]
    return Table("Metrics of each model", head, rows, "figures", meanings, groups)


def _metric(comparison: Mapping[str, Any], key: str, metric: Metric) -> Cell:
    models = comparison["models"].values()
    values = [round(value, 3) for model in models if (value := metric_value(model, metric.key)) is not None]
    own, between = metric_value(comparison["models"][key], metric.key), interval(comparison["models"][key], metric.key)
    best = (min if metric.lower_is_better else max)(values, default=None)
    is_best = len(values) > 1 and own is not None and round(own, 3) == best
    return Cell(show(own), narrow(between), own, is_best)


def pairs_table(comparison: Mapping[str, Any]) -> Table:
    """Return the lead of each model over each one below it in mean average precision."""
    order = ranked(comparison, list(comparison["models"]))
    rows = [
        [
            Cell(f"{label(comparison, a)} over {label(comparison, b)}"),
            *(_lead(gap(comparison, a, b, metric.key), metric) for metric in MAIN),
        ]
        for a, b in combinations(order, 2)
    ]
    head = ["lead", *(metric.title + metric.arrow for metric in MAIN)]
    return Table("Lead of each model over each other", head, rows, "runs", folded=True)


def matrix_table(comparison: Mapping[str, Any]) -> Table:
    """Return the lead of every model over every other in mean average precision, best first."""
    order, named = ranked(comparison, list(comparison["models"])), names(comparison)
    rows = [
        [named[a], *(Cell("") if a == b else _lead(gap(comparison, a, b, MEAN_AP.key), MEAN_AP) for b in order)]
        for a in order
    ]
    head = ["lead over", *(label(comparison, key) for key in order)]
    return Table("Lead of every model over every other", head, rows, "runs matrix")


def _lead(paired: PairedDifference | None, metric: Metric) -> Cell:
    if paired is None:
        return Cell(show(None))
    clear = side(paired) == (-1 if metric.lower_is_better else 1)
    return Cell(signed(paired.difference), span(paired.interval), best=clear)


def runs_table(comparison: Mapping[str, Any], key: str) -> Table | None:
    """Return the training runs that are averaged into a model, with mean and spread; None where it is a single run."""
    model = comparison["models"][key]
    runs = list(model.get("runs") or [])
    rows = [
        [str(run.get("name") or ""), count(run.get("epoch")), count(run.get("seed"))]
        + [show(run.get(metric.short_key)) for metric in SUMMARY]
        for run in runs
    ]
    spread = [_spread([number(run.get(metric.short_key)) for run in runs]) for metric in SUMMARY]
    rows.append(["mean ± standard deviation", "", "", *spread])
    averaged = f"{label(comparison, key)}: their probabilities averaged{', calibrated' if model.get('scaling') else ''}"
    rows.append([averaged, "", "", *(show(metric_value(model, metric.key)) for metric in SUMMARY)])
    head = ["run", "epoch", "seed", *(metric.title + metric.arrow for metric in SUMMARY)]
    return _texts(f"{label(comparison, key)}: each of its runs", head, rows) if runs else None


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return show(known[0] if known else None)
    return f"{show(mean(known))} ± {show(stdev(known))}"


def references_table(comparison: Mapping[str, Any]) -> Table | None:
    """Return the runs with other settings, and the lead of the evaluated model over each; None without any."""
    rows = []
    for run in comparison.get("reference_runs") or []:
        preset, entry = run.get("preset"), run["differences"][MEAN_AP.key]
        paired = PairedDifference(number(entry["difference"]) or 0.0, ends(entry["interval"]))
        ahead = Cell(signed(paired.difference), span(paired.interval), best=side(paired) > 0)
        name = f"{run['label']}, {preset} ({run['run']})" if preset else f"{run['label']} ({run['run']})"
        values = (Cell(show(run["figures"][m.key]), narrow(run["intervals"][m.key])) for m in SUMMARY)
        against = label(comparison, run["against"])
        rows.append(
            [Cell(name), Cell(f"{count(run['epoch'])} of {count(run['epochs'])}"), *values, Cell(against), ahead]
        )
    head = ["run", "epoch", *(m.title + m.arrow for m in SUMMARY), "compared with", "which leads in mean AP by"]
    return Table("Runs with other settings", head, rows, "runs") if rows else None


def calibration_table(comparison: Mapping[str, Any]) -> Table | None:
    """Return the calibration error of each model, and the error to be expected by chance; None without any."""
    keys = ("expected_calibration_error", "by_chance", "macro", "macro_by_chance")
    rows = []
    for key in measured(comparison):
        calibration = comparison["models"][key]["calibration"]
        values = [show(calibration.get(name)) for name in keys]
        rows.append([label(comparison, key), *values, count(calibration.get("macro_genres"))])
    head = ["model", "calibration error", "by chance", "mean over genres", "by chance", "genres"]
    return _texts("Calibration error of each model", head, rows) if rows else None


def _texts(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return Table(title, head, [[Cell(text) for text in row] for row in rows], "runs")
