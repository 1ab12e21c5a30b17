"""Findings of an ablation in words: components that helped, had no clear effect, or hurt."""

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

# With fewer seeds than this, the spread over seeds is not informative.
FEW_SEEDS = 3
_WORDS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def headline(ablation: Mapping[str, Any]) -> str:
    """Return the result in one line."""
    name, preset = str(ablation.get("label") or ablation["kind"]), ablation["preset"]
    if not has_findings(ablation):
        return f"{name}: nothing can be said of its components yet"
    components = group(ablation, "without")
    if components:
        helped = [variant for variant in components if side(variant) > 0]
        of = (
            f"{count(len(helped))} of the {count(len(components))} components"
            if len(components) > 1
            else "the component"
        )
        if not helped:
            return f"{name}: none of the components in its preset {preset} can be told from chance"
        return f"{name}: {of} in its preset {preset} {'earns its' if len(helped) == 1 else 'earn their'} keep"
    return f"{name}: what components add to its preset {preset}"


def outcome(ablation: Mapping[str, Any]) -> str:
    """Return which components helped, had no clear effect, or hurt, in a few sentences."""
    if not has_findings(ablation):
        return "No component has been trained to its end beside what it is compared with, so nothing can be said yet."
    texts = [finding.text for finding in findings(ablation) if finding.title in (_IN, _OFF, _ALONE)]
    return "\n".join(texts)


_IN, _OFF, _ALONE = "What its components add", "What it leaves off", "On the coursework alone"


def findings(ablation: Mapping[str, Any]) -> list[Finding]:
    """Return the paragraphs of the report with their titles, without empty ones."""
    preset = ablation["preset"]
    paragraphs = [
        Finding(_IN, _of_group(group(ablation, "without"), f"in the preset {preset}", _HAVE)),
        Finding(_OFF, _of_group(group(ablation, "with"), f"that {preset} leaves off", _WOULD)),
        Finding(_ALONE, _of_group(group(ablation, "coursework with"), "added alone to the coursework", _WOULD)),
        Finding("All of it together", together(ablation)),
        Finding("How sure this is", how_sure(ablation)),
        Finding("What is missing", missing(ablation)),
    ]
    return [finding for finding in paragraphs if finding.text]


# Verbs for components that were removed, and for those that were added.
_HAVE = ("added", "added nothing that can be told from chance", "cost")
_WOULD = ("would buy", "would change nothing that can be told from chance", "would cost")


def _of_group(variants: Sequence[Mapping[str, Any]], kind: str, verbs: tuple[str, str, str]) -> str:
    """Return which variants of a group helped, had no clear effect, or hurt."""
    if not variants:
        return ""
    helped, level, hurt = ([v for v in variants if side(v) == which] for which in (1, 0, -1))
    effect, nothing, cost = verbs
    parts = []
    start = f"Of the {count(len(variants))} components {kind}" if len(variants) > 1 else f"Of the one component {kind}"
    if helped:
        parts.append(
            f"{start}, {_number(helped, variants)} {effect} mean average precision on the test films, beyond the "
            f"interval: {listed([_with_gain(v) for v in helped])}{_confirmed(helped)}."
        )
    else:
        parts.append(f"{start}, none {effect} mean average precision on the test films beyond its interval.")
    if level:
        parts.append(f"{_number(level, variants).capitalize()} {nothing}: {listed([_elsewhere(v) for v in level])}.")
    if hurt:
        parts.append(
            f"{_number(hurt, variants).capitalize()} {cost} some of it: {listed([_with_gain(v) for v in hurt])}."
        )
    return " ".join(parts)


def _number(some: Sequence[object], variants: Sequence[object]) -> str:
    """Return the number of `some` as `all`, a word up to twelve, or digits."""
    if len(some) == len(variants) > 1:
        return "all"
    return _WORDS[len(some)] if len(some) < len(_WORDS) else count(len(some))


def _with_gain(variant: Mapping[str, Any]) -> str:
    return f"{variant['component']} ({signed(difference(variant, 'test'))})"


def _elsewhere(variant: Mapping[str, Any]) -> str:
    """Return a component with its clear effects on metrics other than mean average precision."""
    effects = [
        f"{FIGURES[name]} {signed(difference(variant, 'test', name))}"
        for name in FIGURES
        if name != MEAN_AP and side(variant, "test", name)
    ]
    return f"{variant['component']} ({', '.join(effects)})" if effects else str(variant["component"])


def _confirmed(helped: Sequence[Mapping[str, Any]]) -> str:
    """Return whether the validation films agree, in words."""
    agree = sum(1 for variant in helped if side(variant, "validation") > 0)
    if agree == len(helped):
        return "; the validation films say so too" if len(helped) == 1 else "; the validation films say so of all"
    return (
        f"; the validation films say so of {_number(helped[:agree], helped)}"
        if len(helped) > 1
        else "; the validation films do not say so"
    )


def together(ablation: Mapping[str, Any]) -> str:
    """Return the preset's metrics against the coursework's, with all components together."""
    preset = str(ablation["preset"])
    coursework = next((item for item in ablation["variants"] if item["name"] == "coursework" and item["effect"]), None)
    own = next((item for item in presets(ablation) if item["name"] == preset), None)
    if coursework is None or own is None:
        return ""
    figures = [
        f"{FIGURES[name]} from {_mean(coursework, name)} to {_mean(own, name)} "
        f"({signed(effect['difference'])}, interval {span(effect['interval'])})"
        for name in FIGURES
        if (effect := entry(coursework, "test", name))
    ]
    return f"On the test films the preset {preset} brings the coursework's {listed(figures)}."


def _mean(variant: Mapping[str, Any], name: str) -> str:
    return show(variant["figures"]["test"][name]["mean"])


def how_sure(ablation: Mapping[str, Any]) -> str:
    """Return the caveats of the intervals."""
    variants = [variant for name in CURED for variant in group(ablation, name)]
    if not variants:
        return ""
    counts = [seeds_of(variant) for variant in variants]
    most = max(counts)
    film_counts = (ablation.get("store") or {}).get("films") or {}
    on = f" {films(int(film_counts['test']))}" if number(film_counts.get("test")) is not None else " films"
    text = [
        f"Differences are paired: the same seed, the same{on}. Intervals (95 %) resample films only, so a component "
        "counts as clear where its interval leaves out 0 and every seed is on the same side."
    ]
    if min(counts) < FEW_SEEDS:
        text.append(
            f"{'All' if most < FEW_SEEDS else 'Some'} of these come from {'one seed' if most == 1 else 'few seeds'}, "
            "and chance moves a training by as much as many of these components do: more --seeds would tell."
        )
    if len(variants) > 1:
        text.append(
            f"Of {count(len(variants))} components that do nothing at all, about {show(0.05 * len(variants), 1)} would "
            "lie beyond their interval by chance. A component is evaluated among all the others: two that do the same "
            "each buy little."
        )
    return " ".join(text)


def missing(ablation: Mapping[str, Any]) -> str:
    """Return the trainings that failed or have not ended."""
    runs = [(variant["name"], run) for variant in ablation["variants"] for run in variant["runs"]]
    failed = [(name, run) for name, run in runs if run["status"] == "failed"]
    waiting = sum(1 for _, run in runs if run["status"] not in ("failed", "finished"))
    sentences = []
    if waiting:
        sentences.append(f"{count(waiting)} of {count(len(runs))} trainings have not ended yet.")
    if failed:
        sentences.append(
            f"{count(len(failed))} failed: "
            + listed([f"{name}, seed {run['seed']} ({run['reason']})" for name, run in failed], most=6)
            + "."
        )
    return " ".join(sentences)


def screen_table(ablation: Mapping[str, Any]) -> list[str]:
    """Return the findings as lines for a terminal."""
    heads = {"without": "in the preset", "with": "left off", "coursework with": "on the coursework"}
    names = [item["component"] or item["name"] for item in ablation["variants"]]
    width = 2 + max(len(name) for name in names)
    lines = [
        f"{'':<{width}}{'mean AP':>9}{'lowest':>9}{'highest':>9}{'micro-F1':>10}{'macro-F1':>10}{'loss':>8}  (test)"
    ]
    for item in presets(ablation):
        test = item["figures"]["test"]
        first = test[MEAN_AP]
        lines.append(
            f"{item['name']:<{width}}{show(first['mean']):>9}{show(first['low']):>9}{show(first['high']):>9}"
            f"{show(test['micro_f1']['mean']):>10}{show(test['macro_f1']['mean']):>10}{show(test['loss']['mean']):>8}"
        )
    for name, head in heads.items():
        components = group(ablation, name)
        if components:
            lines += [
                "",
                f"{f'effect, {head}':<{width}}{'test':>9}{'interval':>16}{'validation':>12}{'loss':>9}  seeds",
            ]
        for item in components:
            effect = entry(item, "test")
            sign = {1: "+", 0: " ", -1: "-"}[side(item)]
            lines.append(
                f"{item['component']:<{width}}{signed(effect['difference']):>9}{narrow(effect['interval']):>16}"
                f"{signed(difference(item, 'validation')):>12}{signed(difference(item, 'test', 'loss')):>9}"
                f"  {seeds_of(item)}  {sign}"
            )
    return lines
