"""Findings of a sweep in sentences, computed from its trials."""

import re
from collections.abc import Mapping
from typing import Any

from genre_models.report.style.formats import count, cut, duration, films, listed, number, percent, some_percent
from genre_models.report.style.table import Finding
from genre_models.report.sweep.query import (
    START,
    best,
    best_by_other,
    four_digits,
    label,
    lower_is_better,
    metric_name,
    other_name,
    row,
    trial,
)

# Smaller leads are noise: epochs of one run differ by as much. The loss is counted as a share of the starting point's.
LITTLE_LOSS, LITTLE_OTHERWISE = 0.01, 0.005
# Below this out-of-bag R² the importances are a hint at most.
POOR_FIT = 0.3
# With fewer trials than this, the order of the importances is largely chance.
FEW_TRIALS = 50


def headline(sweep: Mapping[str, Any]) -> str:
    """Return the result in one line."""
    name, winner, lead = label(sweep), best(sweep), _lead(sweep)
    if winner is None:
        return f"{name}: no trial has a result"
    if _with_result(sweep) == 1:
        return f"{name}: one trial, nothing to compare it with"
    other = best_by_other(sweep)
    if other not in (None, winner):
        return f"{name}: {metric_name(sweep)} favours trial {winner}, {other_name(sweep)} favours trial {other}"
    if winner == START:
        return f"{name}: no trial beat the starting point"
    if lead is None:
        return f"{name}: trial {winner} of {len(sweep['trials'])} is the best"
    if _is_little(sweep, lead):
        return f"{name}: the best trial is hardly better than the starting point"
    return f"{name}: trial {winner} beats the starting point"


def findings(sweep: Mapping[str, Any]) -> list[Finding]:
    """Return the paragraphs of the report with their titles, without empty ones."""
    paragraphs = [
        Finding("Result", outcome(sweep)),
        Finding("Trials", searched(sweep)),
        Finding("Settings that mattered", mattered(sweep)),
        Finding("Early stopping", stopping(sweep)),
    ]
    return [finding for finding in paragraphs if finding.text]


def outcome(sweep: Mapping[str, Any]) -> str:
    """Return the best trial and its lead over trial 1, with the caveats."""
    winner, name = best(sweep), metric_name(sweep)
    own, start, lead = row(sweep, winner), row(sweep, START), _lead(sweep)
    if winner is None:
        return f"No trial that went well has a {name}. {_better_but_failed(sweep)}".strip()
    value = f"{name} {four_digits(own['value'])} at epoch {own['best_epoch']}"
    if _with_result(sweep) == 1:
        parts = [f"Only trial {winner} has a result: {value}."]
    elif winner == START:
        parts = [f"No trial was better than trial 1, the starting point: {value}."]
    else:
        parts = [f"Trial {winner} was the best: {value}{_against_start(sweep, lead, start)}."]
        if lead is not None and _is_little(sweep, lead):
            parts.append("That is next to nothing: epochs of one run differ by as much.")
        if _with_result(sweep) > 2:
            parts.append(f"Part of its lead is luck: it was picked out of {_with_result(sweep)} by these very films.")
    if own["best_epoch"] == sweep["epochs"] and int(sweep["epochs"]) > 1:
        parts.append("Its best epoch is the last one allowed, so more epochs may gain.")
    return " ".join([*parts, _by_other(sweep), _better_but_failed(sweep)]).strip()


def _by_other(sweep: Mapping[str, Any]) -> str:
    """Return the winner's place by the metric that did not choose it."""
    winner, other, name = best(sweep), best_by_other(sweep), other_name(sweep)
    own = number(row(sweep, winner).get("other"))
    if own is None or other is None or _with_result(sweep) < 2:
        return ""
    if other == winner:
        return f"It is the best by {name}, too: {four_digits(own)}."
    return (
        f"By {name} trial {other} is the best ({four_digits(row(sweep, other)['other'])}); "
        f"that of trial {winner} is {four_digits(own)}."
    )


def searched(sweep: Mapping[str, Any]) -> str:
    """Return the number of trials by status, and the metric by which they count."""
    trials, requested = len(sweep["trials"]), int(number(sweep.get("asked")) or len(sweep["trials"]))
    words = {"stopped": "stopped early", "running": "still running", "waiting": "waiting"}
    statuses = [f"{total} {words.get(name, name)}" for name, total in sweep["analysis"]["counts"].items() if total]
    validation = number(((sweep.get("store") or {}).get("films") or {}).get("validation"))
    on = f" on {films(round(validation))}" if validation is not None else ""
    return (
        f"{trials} of {requested} trials over {len(sweep['space'])} settings: {listed(statuses) or 'none'}. "
        f"A trial counts with its {'lowest' if lower_is_better(sweep) else 'highest'} {metric_name(sweep)}{on}. "
        f"Trial 1 has the model's own settings. All took {duration(sweep.get('seconds'))}."
    )


def mattered(sweep: Mapping[str, Any]) -> str:
    """Return the settings with the highest importance, with the caveats."""
    forest = sweep["analysis"]["importance"]
    if not forest["settings"]:
        return f"Which settings mattered cannot be said. {forest['reason']}"
    shares = [(entry["setting"], entry["importance"]) for entry in forest["settings"] if entry["importance"] >= 0.05]
    parts = [f"Most important: {listed([f'{name} ({percent(share)})' for name, share in shares[:4]])}."]
    if forest["fit"] < POOR_FIT:
        parts.append(f"That is a hint at most: the settings explain {percent(forest['fit'])} of the ranking.")
    if forest["trials"] < FEW_TRIALS:
        parts.append(f"{forest['trials']} trials are few.")
    return " ".join(parts)


def stopping(sweep: Mapping[str, Any]) -> str:
    """Return the epochs and the time saved by early stopping."""
    saved = sweep["analysis"]["saved"]
    epochs = int(saved["epochs_in_full"]) - int(saved["epochs_run"])
    if epochs <= 0:
        return "No trial was stopped early." if saved["epochs_run"] else ""
    time = (number(saved["seconds_in_full"]) or 0.0) - (number(saved["seconds_run"]) or 0.0)
    return (
        f"{count(saved['epochs_run'])} of {count(saved['epochs_in_full'])} epochs were run, "
        f"{percent(1 - saved['share_run'])} fewer than in full"
        + (f", which saved about {duration(time)} of the trials' time." if time > 0 else ".")
    )


def failures(sweep: Mapping[str, Any]) -> list[str]:
    """Return the reasons of failures with their trials. Reasons that differ only in a number are merged."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for record in sweep["trials"]:
        if record["status"] == "failed":
            reason = cut(" ".join(str(record.get("reason") or "no reason is known").split()), 200)
            groups.setdefault(re.sub(r"\d+", "#", reason), (reason, []))[1].append(str(record["number"]))
    ordered = sorted(groups.values(), key=lambda group: -len(group[1]))
    return [f"{'trial' if len(numbers) == 1 else 'trials'} {listed(numbers, 20)}: {text}" for text, numbers in ordered]


def _against_start(sweep: Mapping[str, Any], lead: float | None, start: Mapping[str, Any]) -> str:
    if lead is None:
        return "; trial 1, the starting point, has no result"
    side = "lower" if lower_is_better(sweep) else "higher"
    share = f" ({some_percent(lead / abs(start['value']), 1)})" if start["value"] else ""
    return f", {four_digits(lead)}{share} {side} than the {four_digits(start['value'])} of trial 1, the starting point"


def _lead(sweep: Mapping[str, Any]) -> float | None:
    """Return the best trial's lead over trial 1, at least 0; None where either has no metric."""
    own, start = (number(row(sweep, which).get("value")) for which in (best(sweep), START))
    return None if own is None or start is None else abs(own - start)


def _is_little(sweep: Mapping[str, Any], lead: float) -> bool:
    start = number(row(sweep, START).get("value")) or 0.0
    return lead < (LITTLE_LOSS * abs(start) if lower_is_better(sweep) else LITTLE_OTHERWISE)


def _better_but_failed(sweep: Mapping[str, Any]) -> str:
    """Return a note on a failed trial that was ahead of all others: it may be worth another try."""
    sign = 1 if lower_is_better(sweep) else -1
    own = number(row(sweep, best(sweep)).get("value"))
    failed = [
        (sign * record["value"], int(record["number"]))
        for record in sweep["analysis"]["rows"]
        if record["value"] is not None and trial(sweep, record["number"])["status"] == "failed"
    ]
    if not failed or (own is not None and min(failed)[0] >= sign * own):
        return ""
    value, which = min(failed)
    return f"Trial {which} had reached {four_digits(sign * value)} before it failed; failed trials are not chosen."


def _with_result(sweep: Mapping[str, Any]) -> int:
    return sum(1 for record in sweep["analysis"]["rows"] if record["value"] is not None)
