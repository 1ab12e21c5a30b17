"""What a sweep found, in words computed from its trials: what was searched, what came of it, how sure that is."""

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

# A lead this small is next to nothing: epochs of one run differ by as much. The loss's is a share of it.
LITTLE = {LOSS: 0.01}
LITTLE_OTHERWISE = 0.005
# Below this share of ranks explained, the importance of settings is a hint at most.
POOR_FIT = 0.3
# With fewer trials than this, chance decides much of which setting comes out first.
FEW_TRIALS = 50
SCHEDULERS = {"asha": "ASHA", "none": ""}


def headline(sweep: Mapping[str, Any]) -> str:
    """The result in one line."""
    name, found = label(sweep), best(sweep)
    if found is None:
        return f"{name}: no trial has a result"
    if _with_figure(sweep) == 1:
        return f"{name}: one trial, nothing to compare it with"
    if found == START:
        return f"{name}: no trial beat the starting point"
    lead = _lead(sweep)
    if lead is None:
        return f"{name}: trial {found} of {len(sweep['trials'])} is the best"
    if _is_little(sweep, lead):
        return f"{name}: the best trial is hardly better than the starting point"
    return f"{name}: trial {found} beats the starting point"


def findings(sweep: Mapping[str, Any]) -> list[Finding]:
    """A paragraph on each thing there is to say, with a short title."""
    told = [
        Finding("What came of it", outcome(sweep)),
        Finding("On the films judged", on_test(sweep)),
        Finding("What was searched", searched(sweep)),
        Finding("What mattered", mattered(sweep)),
        Finding("What early stopping saved", stopping(sweep)),
        Finding("What failed", failures(sweep)),
    ]
    return [finding for finding in told if finding.text]


def searched(sweep: Mapping[str, Any]) -> str:
    """How many trials there were, of what, and who chose them."""
    trials, settings = len(sweep["trials"]), list(sweep["space"])
    asked = int(number(sweep.get("asked")) or trials)
    of = f"{trials} of {asked} trials" if trials < asked else _trials(trials)
    told = [
        f"{of} of the {label(sweep)} over {_settings(len(settings))}"
        f"{f' ({listed(settings)})' if settings else ''}, each for at most {_epochs(sweep['epochs'])}."
    ]
    source = {"random": "were drawn at random", "optuna": "were proposed by Optuna, which learns from earlier trials"}
    if trials > 1:
        how = source.get(str(sweep.get("search")), f"were chosen by {sweep.get('search') or 'nobody said what'}")
        told.append(f"Trial 1 is the model's starting point; the others {how} (seed {sweep.get('seed', 0)}).")
    counted = {name: held for name, held in sweep["analysis"]["counts"].items() if held}
    if counted:
        words = {"stopped": "were stopped early", "running": "are running", "waiting": "are waiting"}
        told.append(f"{listed([f'{held} {words.get(name, name)}' for name, held in counted.items()])}.")
    validation = number(((sweep.get("store") or {}).get("films") or {}).get("validation"))
    on = f" on {films(round(validation))}" if validation is not None else ""
    told.append(
        f"A trial counts with its {_best_word(sweep)} {metric_name(sweep)}{on}, whichever epoch that is. "
        f"All of it took {duration(sweep.get('seconds'))}."
    )
    return " ".join(told)


def outcome(sweep: Mapping[str, Any]) -> str:
    """Which trial was best, and how far it is ahead of trial 1; honest where that is next to nothing."""
    found, name = best(sweep), metric_name(sweep)
    told = _better_but_failed(sweep)
    if found is None:
        return " ".join(part for part in (f"No trial that went well has a {name}, so none is the best.", told) if part)
    own, start = row(sweep, found), row(sweep, START)
    parts = [_main(sweep, found, own, start)]
    lead = _lead(sweep)
    if found != START and lead is not None and _is_little(sweep, lead):
        parts.append("That is next to nothing: epochs of one and the same run differ by as much.")
    if found != START and _with_figure(sweep) > 2:
        parts.append(
            f"It is the best of {_with_figure(sweep)}, picked on the very films it is measured on here, so part of "
            "its lead is luck."
        )
    if own["best_epoch"] == sweep["epochs"] and int(sweep["epochs"]) > 1:
        parts.append("Its best epoch is the last one allowed, so more epochs may gain.")
    return " ".join([*parts, told]).strip()


def mattered(sweep: Mapping[str, Any]) -> str:
    """Which settings the metric went with, and how far that can be believed."""
    found = sweep["analysis"]["importance"]
    if not found["settings"]:
        return f"Which settings mattered cannot be said. {found['reason']}"
    shares = [(entry["setting"], entry["importance"]) for entry in found["settings"] if entry["importance"] >= 0.05]
    (first, share), others = shares[0], shares[1:4]
    rest = f", then {listed([f'{name} ({percent(part)})' for name, part in others])}" if others else ""
    explained = f"The forest explains {percent(found['fit'])} of how trials it was not shown rank"
    few = f"{found['trials']} trials are few. " if found["trials"] < FEW_TRIALS else ""
    doubt = "little, so take this as a hint at most" if found["fit"] < POOR_FIT else ""
    return (
        f"{first} went with the {metric_name(sweep)} most: {percent(share)} of what a random forest reads off the "
        f"settings{rest}. {explained}{f': {doubt}' if doubt else ''}. {few}Trials that were stopped early count with "
        "what they had reached, and what goes together need not be cause and effect."
    )


def stopping(sweep: Mapping[str, Any]) -> str:
    """How many epochs and how much time early stopping saved."""
    kept, counted = sweep["analysis"]["saved"], sweep["analysis"]["counts"]
    epochs = int(kept["epochs_in_full"]) - int(kept["epochs_run"])
    if not kept["epochs_run"]:
        return ""
    if epochs <= 0:
        return f"Nothing: no trial was stopped early. {_epochs(kept['epochs_run'])} were run."
    who = SCHEDULERS.get(str(sweep.get("scheduler")), str(sweep.get("scheduler") or ""))
    time = (number(kept["seconds_in_full"]) or 0.0) - (number(kept["seconds_run"]) or 0.0)
    text = (
        f"{count(kept['epochs_run'])} of {count(kept['epochs_in_full'])} epochs were run"
        f"{f' under {who}' if who else ''}, {percent(1 - kept['share_run'])} fewer than in full"
    )
    text += f", which saved about {duration(time)} of the trials' time." if time > 0 else "."
    set_aside = [f"{counted[name]} {name}" for name in ("failed", "running") if counted[name]]
    if set_aside:
        alone = sum(counted[name] for name in ("failed", "running")) == 1
        verb = "trial counts only what it" if alone else "trials count only what they"
        text += f" The {listed(set_aside)} {verb} ran, on both sides."
    return text


def failures(sweep: Mapping[str, Any]) -> str:
    """Why trials failed, the most frequent reason first; empty where none did."""
    groups = failure_groups(sweep)
    if not groups:
        return ""
    total = sum(len(numbers) for _, numbers in groups)
    reasons = [f"{_which(numbers)}: {reason}" for reason, numbers in groups[:3]]
    more = f"; and {len(groups) - 3} other reasons, listed below" if len(groups) > 3 else ""
    return f"{_trials(total)} failed. {'; '.join(reasons)}{more}."


def failure_groups(sweep: Mapping[str, Any]) -> list[tuple[str, list[int]]]:
    """Reasons of failed trials with the numbers of these; reasons that differ in a number alone are one."""
    groups: dict[str, tuple[str, list[int]]] = {}
    for one in sweep["trials"]:
        if one["status"] == "failed":
            reason = _short(" ".join(str(one.get("reason") or "no reason is known").split()))
            groups.setdefault(re.sub(r"\d+", "#", reason), (reason, []))[1].append(int(one["number"]))
    return sorted(groups.values(), key=lambda group: -len(group[1]))


def on_test(sweep: Mapping[str, Any]) -> str:
    """What the best trial gains on test films; empty where nobody judged it on them."""
    gain = sweep.get("gain") or {}
    told = []
    for name, words, kept in GAINS:
        start, found = (number((gain.get(which) or {}).get(kept)) for which in ("start", "best"))
        entry = (gain.get("differences") or {}).get(name) or {}
        difference = number(entry.get("difference"))
        if difference is None and start is not None and found is not None:
            difference = found - start
        if difference is None:
            continue
        figures = f" {figure(found)} against {figure(start)}" if start is not None and found is not None else ""
        told.append(f"{words.removesuffix(' ↓')}{figures}, {_sure(difference, entry.get('interval'), name == 'loss')}")
    if not told or best(sweep) is None:
        return ""
    if best(sweep) == START:
        return "The starting point is the best trial, so there is nothing gained on the test films."
    held = number(gain.get("films"))
    on = "On the films judged" if held is None else f"On {films(round(held))}"
    where = f" ({gain['judged_on']})" if gain.get("judged_on") else ""
    return f"{on}{where}, trial {best(sweep)} against trial 1: {'; '.join(told)}."


def _main(sweep: Mapping[str, Any], found: int, own: Mapping[str, Any], start: Mapping[str, Any]) -> str:
    value = f"{metric_name(sweep)} {figure(own['value'])} at epoch {own['best_epoch']}"
    if _with_figure(sweep) == 1:
        which = "trial 1, the starting point" if found == START else f"trial {found}"
        return f"Only {which} has a result: {value}. There is nothing to compare it with."
    if found == START:
        return f"No trial was better than trial 1, the starting point, with a {value}. The search gained nothing."
    lead = _lead(sweep)
    if lead is None:
        return f"Trial {found} was the best: {value}. Trial 1, the starting point, has no figure to hold it against."
    side = "lower" if lower_is_better(sweep) else "higher"
    share = f" ({percent(lead / abs(start['value']), 1)})" if start["value"] else ""
    return (
        f"Trial {found} was the best: {value}, {figure(lead)}{share} {side} than the {figure(start['value'])} of "
        f"trial 1, the starting point, at epoch {start['best_epoch']}."
    )


def _lead(sweep: Mapping[str, Any]) -> float | None:
    """How much better the best trial is than trial 1, never below zero; None where one of them has no figure."""
    own, start = (number(row(sweep, which).get("value")) for which in (best(sweep), START))
    return None if own is None or start is None else abs(own - start)


def _is_little(sweep: Mapping[str, Any], lead: float) -> bool:
    start = number(row(sweep, START).get("value")) or 0.0
    share = LITTLE.get(str(sweep["metric"]))
    return lead < (LITTLE_OTHERWISE if share is None else share * abs(start))


def _better_but_failed(sweep: Mapping[str, Any]) -> str:
    """A failed trial that was ahead of all others is named: it may be worth another try."""
    sign = 1 if lower_is_better(sweep) else -1
    own = number(row(sweep, best(sweep)).get("value"))
    failed = [
        (sign * one["value"], int(one["number"]))
        for one in sweep["analysis"]["rows"]
        if one["value"] is not None and trial(sweep, one["number"])["status"] == "failed"
    ]
    if not failed or (own is not None and min(failed)[0] >= sign * own):
        return ""
    value, which = min(failed)
    return f"Trial {which} had reached {figure(sign * value)} before it failed; failed trials are not chosen."


def _sure(difference: float, interval: object, lower: bool) -> str:
    """`clearly better by 0.021 (interval 0.010 to 0.033)`, turned so that a gain is above zero."""
    sign = -1 if lower else 1
    both = ends(interval)
    size = show(abs(difference), 4)
    if both is None:
        word = "better" if sign * difference > 0 else "worse" if difference else "the same"
        return f"{word} by {size}, without an interval to tell chance by" if difference else word
    low, high = sorted(sign * end for end in both)
    if low > 0 or high < 0:
        turned = (low, high) if low > 0 else (-high, -low)
        return f"clearly {'better' if low > 0 else 'worse'} by {size} (interval {span(turned, 4)})"
    shown = show(sign * difference, 4)
    return f"which cannot be told apart (gain {shown}, and its interval, {span((low, high), 4)}, contains 0)"


def _with_figure(sweep: Mapping[str, Any]) -> int:
    return sum(one["value"] is not None for one in sweep["analysis"]["rows"])


def _best_word(sweep: Mapping[str, Any]) -> str:
    return "lowest" if lower_is_better(sweep) else "highest"


def _trials(number_of: int) -> str:
    return "1 trial" if number_of == 1 else f"{number_of:,} trials"


def _epochs(number_of: int) -> str:
    return "1 epoch" if number_of == 1 else f"{number_of:,} epochs"


def _settings(number_of: int) -> str:
    return {0: "no setting", 1: "1 setting"}.get(number_of, f"{number_of} settings")


def _which(numbers: list[int]) -> str:
    names = listed([str(one) for one in numbers], most=6)
    return f"Trial {names}" if len(numbers) == 1 else f"Trials {names}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199].rstrip()}…"
