"""Findings of a sweep in words, computed from its trials."""

import re
from collections.abc import Mapping
from typing import Any

from genre_models.report.style.finding import Finding
from genre_models.report.style.formats import count, duration, ends, films, listed, number, percent, show, span
from genre_models.report.sweep.query import (
    LOSS,
    START,
    best,
    figure,
    label,
    lower_is_better,
    metric_name,
    row,
    trial,
)
from genre_models.report.sweep.tables import GAINS

# Smaller leads are noise: epochs of one run differ by as much. For the loss it is a share of its value.
LITTLE = {LOSS: 0.01}
LITTLE_OTHERWISE = 0.005
# Below this out-of-bag R² the importances are a hint at most.
POOR_FIT = 0.3
# With fewer trials than this, the order of the importances is largely chance.
FEW_TRIALS = 50
SCHEDULERS = {"asha": "ASHA", "none": ""}


def headline(sweep: Mapping[str, Any]) -> str:
    """Return the result in one line."""
    name, winner = label(sweep), best(sweep)
    if winner is None:
        return f"{name}: no trial has a result"
    if _with_figure(sweep) == 1:
        return f"{name}: one trial, nothing to compare it with"
    if winner == START:
        return f"{name}: no trial beat the starting point"
    lead = _lead(sweep)
    if lead is None:
        return f"{name}: trial {winner} of {len(sweep['trials'])} is the best"
    if _is_little(sweep, lead):
        return f"{name}: the best trial is hardly better than the starting point"
    return f"{name}: trial {winner} beats the starting point"


def findings(sweep: Mapping[str, Any]) -> list[Finding]:
    """Return the paragraphs of the report with their titles, without empty ones."""
    paragraphs = [
        Finding("What came of it", outcome(sweep)),
        Finding("On the films evaluated", on_test(sweep)),
        Finding("What was searched", searched(sweep)),
        Finding("What mattered", mattered(sweep)),
        Finding("What early stopping saved", stopping(sweep)),
        Finding("What failed", failures(sweep)),
    ]
    return [finding for finding in paragraphs if finding.text]


def searched(sweep: Mapping[str, Any]) -> str:
    """Return the number of trials, the searched settings and the search algorithm."""
    trials, settings = len(sweep["trials"]), list(sweep["space"])
    requested = int(number(sweep.get("asked")) or trials)
    of = f"{trials} of {requested} trials" if trials < requested else _trials(trials)
    sentences = [
        f"{of} of the {label(sweep)} over {_settings(len(settings))}"
        f"{f' ({listed(settings)})' if settings else ''}, each for at most {_epochs(sweep['epochs'])}."
    ]
    source = {"random": "were drawn at random", "optuna": "were proposed by Optuna, which learns from earlier trials"}
    if trials > 1:
        origin = source.get(str(sweep.get("search")), f"were chosen by {sweep.get('search') or 'nobody said what'}")
        sentences.append(f"Trial 1 is the model's starting point; the others {origin} (seed {sweep.get('seed', 0)}).")
    counted = {name: total for name, total in sweep["analysis"]["counts"].items() if total}
    if counted:
        words = {"stopped": "were stopped early", "running": "are running", "waiting": "are waiting"}
        sentences.append(f"{listed([f'{total} {words.get(name, name)}' for name, total in counted.items()])}.")
    validation = number(((sweep.get("store") or {}).get("films") or {}).get("validation"))
    on = f" on {films(round(validation))}" if validation is not None else ""
    sentences.append(
        f"A trial counts with its {_best_word(sweep)} {metric_name(sweep)}{on}, whichever epoch that is. "
        f"All of it took {duration(sweep.get('seconds'))}."
    )
    return " ".join(sentences)


def outcome(sweep: Mapping[str, Any]) -> str:
    """Return the best trial and its lead over trial 1, with the caveats."""
    winner, name = best(sweep), metric_name(sweep)
    note = _better_but_failed(sweep)
    if winner is None:
        return " ".join(part for part in (f"No trial that went well has a {name}, so none is the best.", note) if part)
    own, start = row(sweep, winner), row(sweep, START)
    parts = [_main(sweep, winner, own, start)]
    lead = _lead(sweep)
    if winner != START and lead is not None and _is_little(sweep, lead):
        parts.append("That is next to nothing: epochs of one and the same run differ by as much.")
    if winner != START and _with_figure(sweep) > 2:
        parts.append(
            f"It is the best of {_with_figure(sweep)}, picked on the very films it is measured on here, so part of "
            "its lead is luck."
        )
    if own["best_epoch"] == sweep["epochs"] and int(sweep["epochs"]) > 1:
        parts.append("Its best epoch is the last one allowed, so more epochs may gain.")
    return " ".join([*parts, note]).strip()


def mattered(sweep: Mapping[str, Any]) -> str:
    """Return the settings with the highest importance, with the caveats."""
    forest = sweep["analysis"]["importance"]
    if not forest["settings"]:
        return f"Which settings mattered cannot be said. {forest['reason']}"
    shares = [(entry["setting"], entry["importance"]) for entry in forest["settings"] if entry["importance"] >= 0.05]
    (first, share), others = shares[0], shares[1:4]
    rest = f", then {listed([f'{name} ({percent(part)})' for name, part in others])}" if others else ""
    explained = f"The forest explains {percent(forest['fit'])} of how trials it was not shown rank"
    few = f"{forest['trials']} trials are few. " if forest["trials"] < FEW_TRIALS else ""
    doubt = "little, so take this as a hint at most" if forest["fit"] < POOR_FIT else ""
    return (
        f"{first} went with the {metric_name(sweep)} most: {percent(share)} of what a random forest reads off the "
        f"settings{rest}. {explained}{f': {doubt}' if doubt else ''}. {few}Trials that were stopped early count with "
        "what they had reached, and what goes together need not be cause and effect."
    )


def stopping(sweep: Mapping[str, Any]) -> str:
    """Return the epochs and the time saved by early stopping."""
    saved, counted = sweep["analysis"]["saved"], sweep["analysis"]["counts"]
    epochs = int(saved["epochs_in_full"]) - int(saved["epochs_run"])
    if not saved["epochs_run"]:
        return ""
    if epochs <= 0:
        return f"Nothing: no trial was stopped early. {_epochs(saved['epochs_run'])} were run."
    who = SCHEDULERS.get(str(sweep.get("scheduler")), str(sweep.get("scheduler") or ""))
    time = (number(saved["seconds_in_full"]) or 0.0) - (number(saved["seconds_run"]) or 0.0)
    text = (
        f"{count(saved['epochs_run'])} of {count(saved['epochs_in_full'])} epochs were run"
        f"{f' under {who}' if who else ''}, {percent(1 - saved['share_run'])} fewer than in full"
    )
    text += f", which saved about {duration(time)} of the trials' time." if time > 0 else "."
    set_aside = [f"{counted[name]} {name}" for name in ("failed", "running") if counted[name]]
    if set_aside:
        alone = sum(counted[name] for name in ("failed", "running")) == 1
        verb = "trial counts only what it" if alone else "trials count only what they"
        text += f" The {listed(set_aside)} {verb} ran, on both sides."
    return text


def failures(sweep: Mapping[str, Any]) -> str:
    """Return why trials failed, the most frequent reason first; empty where none did."""
    groups = failure_groups(sweep)
    if not groups:
        return ""
    total = sum(len(numbers) for _, numbers in groups)
    reasons = [f"{_which(numbers)}: {reason}" for reason, numbers in groups[:3]]
    more = f"; and {len(groups) - 3} other reasons, listed below" if len(groups) > 3 else ""
    return f"{_trials(total)} failed. {'; '.join(reasons)}{more}."


def failure_groups(sweep: Mapping[str, Any]) -> list[tuple[str, list[int]]]:
    """Return the reasons of failures with their trial numbers. Reasons that differ only in a number are merged."""
    groups: dict[str, tuple[str, list[int]]] = {}
    for record in sweep["trials"]:
        if record["status"] == "failed":
            reason = _short(" ".join(str(record.get("reason") or "no reason is known").split()))
            groups.setdefault(re.sub(r"\d+", "#", reason), (reason, []))[1].append(int(record["number"]))
    return sorted(groups.values(), key=lambda group: -len(group[1]))


def on_test(sweep: Mapping[str, Any]) -> str:
    """Return the best trial's gain on the test films; empty where it was not evaluated."""
    gain = sweep.get("gain") or {}
    parts = []
    for name, words, key in GAINS:
        start, winner = (number((gain.get(which) or {}).get(key)) for which in ("start", "best"))
        entry = (gain.get("differences") or {}).get(name) or {}
        difference = number(entry.get("difference"))
        if difference is None and start is not None and winner is not None:
            difference = winner - start
        if difference is None:
            continue
        figures = f" {figure(winner)} against {figure(start)}" if start is not None and winner is not None else ""
        parts.append(f"{words.removesuffix(' ↓')}{figures}, {_sure(difference, entry.get('interval'), name == 'loss')}")
    if not parts or best(sweep) is None:
        return ""
    if best(sweep) == START:
        return "The starting point is the best trial, so there is nothing gained on the test films."
    total = number(gain.get("films"))
    on = "On the films evaluated" if total is None else f"On {films(round(total))}"
    where = f" ({gain['evaluated_on']})" if gain.get("evaluated_on") else ""
    return f"{on}{where}, trial {best(sweep)} against trial 1: {'; '.join(parts)}."


def _main(sweep: Mapping[str, Any], winner: int, own: Mapping[str, Any], start: Mapping[str, Any]) -> str:
    value = f"{metric_name(sweep)} {figure(own['value'])} at epoch {own['best_epoch']}"
    if _with_figure(sweep) == 1:
        which = "trial 1, the starting point" if winner == START else f"trial {winner}"
        return f"Only {which} has a result: {value}. There is nothing to compare it with."
    if winner == START:
        return f"No trial was better than trial 1, the starting point, with a {value}. The search gained nothing."
    lead = _lead(sweep)
    if lead is None:
        return f"Trial {winner} was the best: {value}. Trial 1, the starting point, has no figure to hold it against."
    side = "lower" if lower_is_better(sweep) else "higher"
    share = f" ({percent(lead / abs(start['value']), 1)})" if start["value"] else ""
    return (
        f"Trial {winner} was the best: {value}, {figure(lead)}{share} {side} than the {figure(start['value'])} of "
        f"trial 1, the starting point, at epoch {start['best_epoch']}."
    )


def _lead(sweep: Mapping[str, Any]) -> float | None:
    """Return the best trial's lead over trial 1, at least 0; None where either has no metric."""
    own, start = (number(row(sweep, which).get("value")) for which in (best(sweep), START))
    return None if own is None or start is None else abs(own - start)


def _is_little(sweep: Mapping[str, Any], lead: float) -> bool:
    start = number(row(sweep, START).get("value")) or 0.0
    share = LITTLE.get(str(sweep["metric"]))
    return lead < (LITTLE_OTHERWISE if share is None else share * abs(start))


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
    return f"Trial {which} had reached {figure(sign * value)} before it failed; failed trials are not chosen."


def _sure(difference: float, interval: object, lower: bool) -> str:
    """Return a gain in words, such as `clearly better by 0.021 (interval …)`; `lower` where lower is better."""
    sign = -1 if lower else 1
    both = ends(interval)
    size = show(abs(difference), 4)
    if both is None:
        word = "better" if sign * difference > 0 else "worse" if difference else "the same"
        return f"{word} by {size}, without an interval to tell chance by" if difference else word
    low, high = sorted(sign * end for end in both)
    if low > 0 or high < 0:
        reversed_difference = (low, high) if low > 0 else (-high, -low)
        return f"clearly {'better' if low > 0 else 'worse'} by {size} (interval {span(reversed_difference, 4)})"
    shown = show(sign * difference, 4)
    return f"which cannot be told apart (gain {shown}, and its interval, {span((low, high), 4)}, contains 0)"


def _with_figure(sweep: Mapping[str, Any]) -> int:
    return sum(record["value"] is not None for record in sweep["analysis"]["rows"])


def _best_word(sweep: Mapping[str, Any]) -> str:
    return "lowest" if lower_is_better(sweep) else "highest"


def _trials(number_of: int) -> str:
    return "1 trial" if number_of == 1 else f"{number_of:,} trials"


def _epochs(number_of: int) -> str:
    return "1 epoch" if number_of == 1 else f"{number_of:,} epochs"


def _settings(number_of: int) -> str:
    return {0: "no setting", 1: "1 setting"}.get(number_of, f"{number_of} settings")


def _which(numbers: list[int]) -> str:
    names = listed([str(item) for item in numbers], most=6)
    return f"Trial {names}" if len(numbers) == 1 else f"Trials {names}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199].rstrip()}…"
