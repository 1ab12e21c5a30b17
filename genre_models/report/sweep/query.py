"""Accessors for a sweep from `genre_models.studies.sweep_analysis.analysed`."""

import json
from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import SELECTING, other_selecting
from genre_models.report.style.formats import NOTHING, number, show

# Trial 1 always has the model's starting settings.
START = 1
STATUS = {"stopped": "stopped early"}


def require_analysis(sweep: Mapping[str, Any]) -> None:
    """Raise ValueError for a sweep without the analysis that the report needs."""
    if "analysis" not in sweep:
        raise ValueError(
            "this sweep has no analysis: hand it through genre_models.studies.sweep_analysis.analysed first"
        )


def metric_name(sweep: Mapping[str, Any]) -> str:
    """Return the name of the metric that ranks the trials."""
    return words(str(sweep["metric"]))


def words(metric: str) -> str:
    """Return a metric's key in words."""
    return metric.replace("_", " ")


def lower_is_better(sweep: Mapping[str, Any]) -> bool:
    """Return whether a lower metric is better."""
    return bool(sweep["mode"] == "min")


def label(sweep: Mapping[str, Any]) -> str:
    """Return the model's display name."""
    return str(sweep.get("label") or sweep.get("kind") or "The model")


def best(sweep: Mapping[str, Any]) -> int | None:
    """Return the number of the best trial, or None."""
    best_number = sweep["analysis"]["best"]
    return None if best_number is None else int(best_number)


def other_name(sweep: Mapping[str, Any]) -> str:
    """Return the name of the metric that does not rank the trials."""
    return words(other_selecting(str(sweep["metric"])))


def best_by_other(sweep: Mapping[str, Any]) -> int | None:
    """Return the number of the best trial by the other metric, or None.

    Each trial counts with the epoch that the first metric chose.
    """
    sign = 1 if SELECTING[other_selecting(str(sweep["metric"]))] == "min" else -1
    known = [
        (sign * value, int(record["number"]))
        for record in sweep["analysis"]["rows"]
        if (value := number(record.get("other"))) is not None and trial(sweep, record["number"])["status"] != "failed"
    ]
    return min(known)[1] if known else None


def trial(sweep: Mapping[str, Any], wanted: int | None) -> Mapping[str, Any]:
    """Return the trial with this number; empty where there is none."""
    return next((record for record in sweep["trials"] if record["number"] == wanted), {})


def row(sweep: Mapping[str, Any], wanted: int | None) -> Mapping[str, Any]:
    """Return the analysis row of a trial; empty where there is none."""
    return next((record for record in sweep["analysis"]["rows"] if record["number"] == wanted), {})


def ranked(sweep: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return all trials with their analysis rows, best first. Failed trials come next, those without a metric last."""
    sign = 1 if lower_is_better(sweep) else -1

    def place(pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[bool, bool, float, int]:
        value = number(pair[1]["value"])
        return value is None, pair[0]["status"] == "failed", sign * (value or 0.0), int(pair[0]["number"])

    return sorted(zip(sweep["trials"], sweep["analysis"]["rows"], strict=True), key=place)


def marks(sweep: Mapping[str, Any], wanted: int) -> list[str]:
    """Return the marks of a trial: `start`, `best`, both or none."""
    return [name for name, applies in (("start", wanted == START), ("best", wanted == best(sweep))) if applies]


def four_digits(value: object) -> str:
    """Return a trial's metric with 4 decimals: trials differ less than the models of a comparison."""
    return show(value, 4)


def setting(value: object) -> str:
    """Return a setting's value for display: `0.000316`, `1024`, `32, 64, 128`."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(setting(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:g}"
    return str(value)


def choices(sweep: Mapping[str, Any], name: str) -> list[Any] | None:
    """Return the choices of a setting, and values that only trials have; None where it is a range."""
    space = sweep["space"][name]
    if "values" not in space:
        return None
    unique: dict[str, Any] = {}
    for value in [*space["values"], *(record["settings"].get(name) for record in sweep["trials"])]:
        if value is not None:
            unique.setdefault(setting(value), value)
    values = list(unique.values())
    numbers = [number(value) for value in values]
    return values if None in numbers else sorted(values)


def values_in_words(space: Mapping[str, Any]) -> str:
    """Return the searched values: `0.0001 to 0.01, logarithmic`, `0.1 to 0.5 in steps of 0.1`, `16, 32 or 64`."""
    if "values" in space:
        # A choice that is itself a list needs brackets.
        texts = [f"[{setting(v)}]" if isinstance(v, list | tuple) else setting(v) for v in space["values"]]
        return " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)
    text = f"{setting(space.get('low'))} to {setting(space.get('high'))}"
    if number(space.get("step")) is not None:
        text += f" in steps of {setting(space['step'])}"
    return f"{text}, logarithmic" if space.get("log") else text
