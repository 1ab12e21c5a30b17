"""What an ablation found, in words: which cures helped beyond their interval, which did not, which hurt."""

from collections.abc import Mapping, Sequence
from typing import Any

from genre_models.report.ablation.query import (
    CURED,
    FIGURES,
    MEAN_AP,
    difference,
    entry,
    group,
    has_findings,
    presets,
    seeds_of,
    side,
)
from genre_models.report.style.finding import Finding
from genre_models.report.style.formats import count, films, listed, narrow, number, show, signed, span

# A run with another seed differs from the first: below this many the spread over seeds says next to nothing.
FEW_SEEDS = 3
_WORDS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def headline(ablation: Mapping[str, Any]) -> str:
    """The result in one line."""
    name, preset = str(ablation.get("label") or ablation["kind"]), ablation["preset"]
    if not has_findings(ablation):
        return f"{name}: nothing can be said of its cures yet"
    cures = group(ablation, "without")
    if cures:
        helped = [one for one in cures if side(one) > 0]
        of = f"{count(len(helped))} of the {count(len(cures))} cures" if len(cures) > 1 else "the cure"
        if not helped:
            return f"{name}: none of the cures in its preset {preset} can be told from chance"
        return f"{name}: {of} in its preset {preset} {'earns its' if len(helped) == 1 else 'earn their'} keep"
    return f"{name}: what cures add to its preset {preset}"


def outcome(ablation: Mapping[str, Any]) -> str:
    """Which cures helped, which did not and which hurt, in a few sentences."""
    if not has_findings(ablation):
        return "No cure has been trained to its end beside what it is compared with, so nothing can be said yet."
    told = [finding.text for finding in findings(ablation) if finding.title in (_IN, _OFF, _ALONE)]
    return "\n".join(told)


_IN, _OFF, _ALONE = "What its cures bought", "What it leaves off", "On the coursework alone"


def findings(ablation: Mapping[str, Any]) -> list[Finding]:
    """A paragraph on each thing there is to say, with a short title."""
    preset = ablation["preset"]
    told = [
        Finding(_IN, _of_group(group(ablation, "without"), f"in the preset {preset}", _HAVE)),
        Finding(_OFF, _of_group(group(ablation, "with"), f"that {preset} leaves off", _WOULD)),
        Finding(_ALONE, _of_group(group(ablation, "coursework with"), "added alone to the coursework", _WOULD)),
        Finding("All of it together", together(ablation)),
        Finding("How sure this is", how_sure(ablation)),
        Finding("What is missing", missing(ablation)),
    ]
    return [finding for finding in told if finding.text]


# Verbs: of what is there and was taken away, of what is not there and was added.
_HAVE = ("bought", "bought nothing that can be told from chance", "cost")
_WOULD = ("would buy", "would change nothing that can be told from chance", "would cost")


def _of_group(variants: Sequence[Mapping[str, Any]], what: str, verbs: tuple[str, str, str]) -> str:
    """Who helped, who did not and who hurt among variants of one group."""
    if not variants:
        return ""
    helped, level, hurt = ([one for one in variants if side(one) == which] for which in (1, 0, -1))
    bought, nothing, cost = verbs
    told = []
    start = f"Of the {count(len(variants))} cures {what}" if len(variants) > 1 else f"Of the one cure {what}"
    if helped:
        told.append(
            f"{start}, {_number(helped, variants)} {bought} mean average precision on the test films, beyond the "
            f"interval: {listed([_with_gain(one) for one in helped])}{_confirmed(helped)}."
        )
    else:
        told.append(f"{start}, none {bought} mean average precision on the test films beyond its interval.")
    if level:
        told.append(f"{_number(level, variants).capitalize()} {nothing}: {listed([_elsewhere(one) for one in level])}.")
    if hurt:
        told.append(
            f"{_number(hurt, variants).capitalize()} {cost} some of it: {listed([_with_gain(one) for one in hurt])}."
        )
    return " ".join(told)


def _number(some: Sequence[object], variants: Sequence[object]) -> str:
    """How many some of the variants are, in words where that is short: these follow figures with decimals."""
    if len(some) == len(variants) > 1:
        return "all"
    return _WORDS[len(some)] if len(some) < len(_WORDS) else count(len(some))


def _with_gain(variant: Mapping[str, Any]) -> str:
    return f"{variant['cure']} ({signed(difference(variant, 'test'))})"


def _elsewhere(variant: Mapping[str, Any]) -> str:
    """A cure that did nothing for mean average precision, with the figures in which it did something."""
    found = [
        f"{FIGURES[name]} {signed(difference(variant, 'test', name))}"
        for name in FIGURES
        if name != MEAN_AP and side(variant, "test", name)
    ]
    return f"{variant['cure']} ({', '.join(found)})" if found else str(variant["cure"])


def _confirmed(helped: Sequence[Mapping[str, Any]]) -> str:
    """Whether the validation films say the same."""
    agree = sum(1 for one in helped if side(one, "validation") > 0)
    if agree == len(helped):
        return "; the validation films say so too" if len(helped) == 1 else "; the validation films say so of all"
    return (
        f"; the validation films say so of {_number(helped[:agree], helped)}"
        if len(helped) > 1
        else "; the validation films do not say so"
    )


def together(ablation: Mapping[str, Any]) -> str:
    """How far the preset is from the coursework, all its cures together."""
    preset = str(ablation["preset"])
    coursework = next((one for one in ablation["variants"] if one["name"] == "coursework" and one["bought"]), None)
    own = next((one for one in presets(ablation) if one["name"] == preset), None)
    if coursework is None or own is None:
        return ""
    figures = [
        f"{FIGURES[name]} from {_mean(coursework, name)} to {_mean(own, name)} "
        f"({signed(found['difference'])}, interval {span(found['interval'])})"
        for name in FIGURES
        if (found := entry(coursework, "test", name))
    ]
    return f"On the test films the preset {preset} brings the coursework's {listed(figures)}."


def _mean(variant: Mapping[str, Any], name: str) -> str:
    return show(variant["figures"]["test"][name]["mean"])


def how_sure(ablation: Mapping[str, Any]) -> str:
    """What the intervals know and what they do not."""
    told = [one for name in CURED for one in group(ablation, name)]
    if not told:
        return ""
    counts = [seeds_of(one) for one in told]
    most = max(counts)
    held = (ablation.get("store") or {}).get("films") or {}
    on = f" {films(int(held['test']))}" if number(held.get("test")) is not None else " films"
    text = [
        f"Differences are paired: the same seed, the same{on}. Intervals (95 %) resample films only, so a cure counts "
        "as clear where its interval leaves out 0 and every seed is on the same side."
    ]
    if min(counts) < FEW_SEEDS:
        text.append(
            f"{'All' if most < FEW_SEEDS else 'Some'} of these come from {'one seed' if most == 1 else 'few seeds'}, "
            "and chance moves a training by as much as many of these cures do: more --seeds would tell."
        )
    if len(told) > 1:
        text.append(
            f"Of {count(len(told))} cures that do nothing at all, about {show(0.05 * len(told), 1)} would lie beyond "
            "their interval by chance. A cure is judged among all the others: two that do the same each buy little."
        )
    return " ".join(text)


def missing(ablation: Mapping[str, Any]) -> str:
    """What was not trained to its end, or failed."""
    runs = [(variant["name"], run) for variant in ablation["variants"] for run in variant["runs"]]
    failed = [(name, run) for name, run in runs if run["status"] == "failed"]
    waiting = sum(1 for _, run in runs if run["status"] not in ("failed", "finished"))
    told = []
    if waiting:
        told.append(f"{count(waiting)} of {count(len(runs))} trainings have not ended yet.")
    if failed:
        told.append(
            f"{count(len(failed))} failed: "
            + listed([f"{name}, seed {run['seed']} ({run['reason']})" for name, run in failed], most=6)
            + "."
        )
    return " ".join(told)


def screen_table(ablation: Mapping[str, Any]) -> list[str]:
    """The findings as lines for a terminal."""
    heads = {"without": "in the preset", "with": "left off", "coursework with": "on the coursework"}
    names = [one["cure"] or one["name"] for one in ablation["variants"]]
    width = 2 + max(len(name) for name in names)
    lines = [
        f"{'':<{width}}{'mean AP':>9}{'lowest':>9}{'highest':>9}{'micro-F1':>10}{'macro-F1':>10}{'loss':>8}  (test)"
    ]
    for one in presets(ablation):
        told = one["figures"]["test"]
        first = told[MEAN_AP]
        lines.append(
            f"{one['name']:<{width}}{show(first['mean']):>9}{show(first['low']):>9}{show(first['high']):>9}"
            f"{show(told['micro_f1']['mean']):>10}{show(told['macro_f1']['mean']):>10}{show(told['loss']['mean']):>8}"
        )
    for name, head in heads.items():
        found = group(ablation, name)
        if found:
            lines += [
                "",
                f"{f'bought, {head}':<{width}}{'test':>9}{'interval':>16}{'validation':>12}{'loss':>9}  seeds",
            ]
        for one in found:
            told = entry(one, "test")
            sign = {1: "+", 0: " ", -1: "-"}[side(one)]
            lines.append(
                f"{one['cure']:<{width}}{signed(told['difference']):>9}{narrow(told['interval']):>16}"
                f"{signed(difference(one, 'validation')):>12}{signed(difference(one, 'test', 'loss')):>9}"
                f"  {seeds_of(one)}  {sign}"
            )
    return lines
