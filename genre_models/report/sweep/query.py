"""Reading a sweep that `genre_models.studies.sweep_analysis.analysed` made ready: its trials, its best one, names for
its figures."""

import json
from collections.abc import Mapping
from typing import Any

from genre_models.report.style.formats import NOTHING, number, show

# Trial 1 is always the setting that the model starts with.
START = 1
LOSS, MEAN_AP = "validation_loss", "validation_mean_average_precision"
NAMES = {LOSS: "validation loss", MEAN_AP: "validation mean average precision"}
STATUS = {
    "finished": "finished",
    "stopped": "stopped early",
    "failed": "failed",
    "running": "running",
    "waiting": "waiting",
}


def require_analysis(sweep: Mapping[str, Any]) -> None:
    """Raises ValueError for a sweep without the analysis that the report is made from."""
    if "analysis" not in sweep:
        raise ValueError(
            "this sweep has no analysis: hand it through genre_models.studies.sweep_analysis.analysed first"
        )


def metric_name(sweep: Mapping[str, Any]) -> str:
    """What trials are judged by, in words."""
    return _name(str(sweep["metric"]))


def other_name(sweep: Mapping[str, Any]) -> str:
    """The other of the two figures, in words."""
    return _name(other_metric(sweep))


def other_metric(sweep: Mapping[str, Any]) -> str:
    """The other of the two figures."""
    return MEAN_AP if sweep["metric"] == LOSS else LOSS


def lower_is_better(sweep: Mapping[str, Any]) -> bool:
    """True where the lowest figure wins."""
    return bool(sweep["mode"] == "min")


def label(sweep: Mapping[str, Any]) -> str:
    """The model's name for people."""
    return str(sweep.get("label") or sweep.get("kind") or "The model")


def best(sweep: Mapping[str, Any]) -> int | None:
    """The number of the best trial, where there is one."""
    found = sweep["analysis"]["best"]
    return None if found is None else int(found)


def trial(sweep: Mapping[str, Any], wanted: int | None) -> Mapping[str, Any]:
    """The trial with a number; empty where there is none."""
    return next((one for one in sweep["trials"] if one["number"] == wanted), {})


def row(sweep: Mapping[str, Any], wanted: int | None) -> Mapping[str, Any]:
    """What the analysis says of the trial with a number; empty where it says nothing."""
    return next((one for one in sweep["analysis"]["rows"] if one["number"] == wanted), {})


def ranked(sweep: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every trial with what the analysis says of it, best first; failed ones after the others, then those without."""
    sign = 1 if lower_is_better(sweep) else -1

    def place(pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[bool, bool, float, int]:
        value = number(pair[1]["value"])
        return value is None, pair[0]["status"] == "failed", sign * (value or 0.0), int(pair[0]["number"])

    return sorted(zip(sweep["trials"], sweep["analysis"]["rows"], strict=True), key=place)


def marks(sweep: Mapping[str, Any], wanted: int) -> list[str]:
    """What a trial is beside a trial: `start`, `best`, both or neither."""
    return [name for name, held in (("start", wanted == START), ("best", wanted == best(sweep))) if held]


def figure(value: object) -> str:
    """A loss or mean average precision of a trial; trials differ in digits that models of a comparison do not."""
    return show(value, 4)


def setting(value: object) -> str:
    """The value of a setting as a person would write it: `0.000316`, `1024`, `32, 64, 128`."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(setting(one) for one in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:g}"
    return str(value)


def choices(sweep: Mapping[str, Any], name: str) -> list[Any] | None:
    """The choices of a setting, with those that only a trial has; None where it is a range."""
    space = sweep["space"][name]
    if "values" not in space:
        return None
    found: dict[str, Any] = {}
    for value in [*space["values"], *(one["settings"].get(name) for one in sweep["trials"])]:
        if value is not None:
            found.setdefault(setting(value), value)
    values = list(found.values())
    numbers = [number(value) for value in values]
    return values if None in numbers else sorted(values)


def values_in_words(space: Mapping[str, Any]) -> str:
    """What a setting was drawn from: `0.0001 to 0.01, logarithmic`, `0.1 to 0.5 in steps of 0.1`, `16, 32 or 64`."""
    if "values" in space:
        # A choice that is a list itself needs its brackets.
        texts = [f"[{setting(v)}]" if isinstance(v, list | tuple) else setting(v) for v in space["values"]]
        return " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)
    text = f"{setting(space.get('low'))} to {setting(space.get('high'))}"
    if number(space.get("step")) is not None:
        text += f" in steps of {setting(space['step'])}"
    return f"{text}, logarithmic" if space.get("log") else text


def _name(metric: str) -> str:
    return NAMES.get(metric) or metric.replace("_", " ")
