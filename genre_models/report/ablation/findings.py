"""Findings of an ablation in sentences: components that helped, had no clear effect, or hurt."""

from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import MEAN_AP, SUMMARY
from genre_models.report.ablation.query import (
    GROUPS,
    difference,
    entry,
    group,
    has_findings,
    presets,
    seeds_of,
    side,
)
from genre_models.report.style.formats import count, ends, listed, narrow, show, signed, span
from genre_models.report.style.table import Finding

# With fewer seeds than this, chance may decide which components look clear.
FEW_SEEDS = 3


def headline(ablation: Mapping[str, Any]) -> str:
    """Return the result in one line."""
    name, preset = str(ablation.get("label") or ablation["kind"]), ablation["preset"]
    if not has_findings(ablation):
        return f"{name}: nothing can be said of its components yet"
    components = group(ablation, "without")
    if not components:
        return f"{name}: what components add to its preset {preset}"
    helped = sum(side(variant) > 0 for variant in components)
    return f"{name}: a clear gain from {count(helped)} of {count(len(components))} components of its preset {preset}"


def outcome(ablation: Mapping[str, Any]) -> str:
    """Return which components helped, had no clear effect, or hurt, a line for each group."""
    if not has_findings(ablation):
        return "No component has been trained to its end beside what it is compared with, so nothing can be said yet."
    texts = {title: _of_group(ablation, name) for name, title in GROUPS.items()}
    return "\n".join(f"{title}. {text}" for title, text in texts.items() if text)


def findings(ablation: Mapping[str, Any]) -> list[Finding]:
    """Return the paragraphs of the report with their titles, without empty ones."""
    paragraphs = [
        *(Finding(title, _of_group(ablation, name)) for name, title in GROUPS.items()),
        Finding("All components together", together(ablation)),
        Finding("Certainty", certainty(ablation)),
        Finding("Missing", missing(ablation)),
    ]
    return [finding for finding in paragraphs if finding.text]


def _of_group(ablation: Mapping[str, Any], name: str) -> str:
    """Return which variants of a group helped, had no clear effect, or hurt."""
    variants = group(ablation, name)
    torn = [variant for variant in variants if not side(variant) and _leaves_out_zero(variant)]
    words = {1: "Clear gain", 0: "No clear effect", -1: "Clear loss"}
    parts = [
        f"{word}: {listed([_with_effect(variant) for variant in some])}."
        for sign, word in words.items()
        if (some := [variant for variant in variants if side(variant) == sign and variant not in torn])
    ]
    if torn:
        parts.append(f"Not the same with every seed: {listed([_with_effect(variant) for variant in torn])}.")
    return " ".join(parts)


def _leaves_out_zero(variant: Mapping[str, Any]) -> bool:
    """Return whether the interval of an effect leaves out 0, whatever the seeds say."""
    both = ends(entry(variant, "test").get("interval"))
    return both is not None and (both[0] > 0 or both[1] < 0)


def _with_effect(variant: Mapping[str, Any]) -> str:
    return f"{variant['component']} ({signed(difference(variant, 'test'))})"


def together(ablation: Mapping[str, Any]) -> str:
    """Return the preset's metrics against the coursework's, with all components together."""
    preset = str(ablation["preset"])
    coursework = next((item for item in ablation["variants"] if item["name"] == "coursework" and item["effect"]), None)
    own = next((item for item in presets(ablation) if item["name"] == preset), None)
    if coursework is None or own is None:
        return ""
    metrics = [
        f"{metric.label} from {_mean(coursework, metric.short_key)} to {_mean(own, metric.short_key)} "
        f"({signed(effect['difference'])}, interval {span(effect['interval'])})"
        for metric in SUMMARY
        if (effect := entry(coursework, "test", metric.short_key))
    ]
    return f"On the test films the preset {preset} brings the coursework's {listed(metrics)}."


def _mean(variant: Mapping[str, Any], name: str) -> str:
    return show(variant["figures"]["test"][name]["mean"])


def certainty(ablation: Mapping[str, Any]) -> str:
    """Return the caveats of the intervals."""
    variants = [variant for name in GROUPS for variant in group(ablation, name)]
    if not variants:
        return ""
    text = [
        "An effect is mean average precision on the test films with the component less without it. It is clear where "
        "its interval leaves out 0 and every seed agrees."
    ]
    counts = [seeds_of(variant) for variant in variants]
    if min(counts) < FEW_SEEDS:
        seeds = "one seed" if max(counts) == 1 else "few seeds"
        text.append(f"Some of these come from {seeds}, and chance moves a training by as much: use more --seeds.")
    if len(variants) > 1:
        chance = show(0.05 * len(variants), 1)
        text.append(f"Of {count(len(variants))} components without effect, about {chance} would look clear by chance.")
    return " ".join(text)


def missing(ablation: Mapping[str, Any]) -> str:
    """Return the trainings that failed or have not ended."""
    runs = [(variant["name"], run) for variant in ablation["variants"] for run in variant["runs"]]
    failed = [f"{name}, seed {run['seed']} ({run['reason']})" for name, run in runs if run["status"] == "failed"]
    waiting = sum(1 for _, run in runs if run["status"] not in ("failed", "finished"))
    sentences = [f"{count(waiting)} of {count(len(runs))} trainings have not ended yet."] if waiting else []
    if failed:
        sentences.append(f"{count(len(failed))} failed: {listed(failed, most=6)}.")
    return " ".join(sentences)


def screen_table(ablation: Mapping[str, Any]) -> list[str]:
    """Return the findings as lines for a terminal."""
    others = [metric for metric in SUMMARY if metric is not MEAN_AP]
    width = 2 + max(len(item["component"] or item["name"]) for item in ablation["variants"])
    head = "".join(f"{text:>10}" for text in (MEAN_AP.label, "lowest", "highest", *(m.label for m in others)))
    lines = [f"{'':<{width}}{head}  (test)"]
    for item in presets(ablation):
        test = item["figures"]["test"]
        values = [test[MEAN_AP.key][name] for name in ("mean", "low", "high")]
        values += [test[metric.short_key]["mean"] for metric in others]
        lines.append(f"{item['name']:<{width}}{''.join(f'{show(value):>10}' for value in values)}")
    heads = {"without": "in the preset", "with": "left off", "coursework with": "on the coursework"}
    for name in GROUPS:
        components = group(ablation, name)
        if components:
            head = f"{'test':>9}{'interval':>16}{'validation':>12}{'loss':>9}  seeds"
            lines += ["", f"{f'effect, {heads[name]}':<{width}}{head}"]
        for item in components:
            effect = entry(item, "test")
            sign = {1: "+", 0: " ", -1: "-"}[side(item)]
            lines.append(
                f"{item['component']:<{width}}{signed(effect['difference']):>9}{narrow(effect['interval']):>16}"
                f"{signed(difference(item, 'validation')):>12}{signed(difference(item, 'test', 'loss')):>9}"
                f"  {seeds_of(item)}  {sign}"
            )
    return lines
