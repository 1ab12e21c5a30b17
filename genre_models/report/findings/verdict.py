"""The results of a comparison in a few sentences."""

from collections.abc import Mapping
from typing import Any

from genre_models.metrics.names import MEAN_AP
from genre_models.report.findings.comparison_query import (
    baselines,
    contenders,
    gap,
    joint,
    label,
    level,
    metric_value,
    pairs_to_show,
    ranked,
    side,
    single,
)
from genre_models.report.style.formats import films, listed, percent, show, span
from genre_models.report.style.table import Finding

THREE_GUESSES = "Three guesses"


def findings(comparison: Mapping[str, Any]) -> list[Finding]:
    """Return the paragraphs of the verdict with their titles, the most important first."""
    paragraphs = [
        Finding(THREE_GUESSES, _three_guesses(comparison)),
        Finding("Which is better", _which_is_better(comparison)),
        Finding("Against the baselines", _against_baselines(comparison)),
        Finding("The films", _films(comparison)),
    ]
    return [finding for finding in paragraphs if finding.text]


def headline(comparison: Mapping[str, Any]) -> str:
    """Return the result in one line."""
    order = ranked(comparison, single(comparison))
    rivals = ranked(comparison, baselines(comparison))
    if not order:
        return "Baselines only: no trained model to compare"
    best = label(comparison, order[0])
    if len(order) == 1:
        main = f"{best} {_against(comparison, order[0], rivals[0])}" if rivals else best
        return f"{main}{_best_of_all(comparison, order, rivals[:1])}"
    second = label(comparison, order[1])
    clear = side(gap(comparison, order[0], order[1], MEAN_AP.key))
    main = f"{best} beats {second}" if clear else f"{best} and {second}: too close to call"
    ahead = [key for key in rivals if side(gap(comparison, key, order[0], MEAN_AP.key)) > 0]
    if ahead:
        main = f"{main}, and {label(comparison, ahead[0])} beats {'both' if len(order) == 2 else 'them all'}"
    return f"{main}{_best_of_all(comparison, order, ahead[:1])}"


def _best_of_all(comparison: Mapping[str, Any], order: list[str], ahead: list[str]) -> str:
    """Return the end of the headline if a joint model clearly beats the others."""
    keys = [key for key in ranked(comparison, joint(comparison)) if key not in order]
    if not keys or any(side(gap(comparison, keys[0], other, MEAN_AP.key)) < 1 for other in [order[0], *ahead]):
        return ""
    others = len(order) + len(ahead)
    return f"; {label(comparison, keys[0])} beats {'it' if others == 1 else 'both' if others == 2 else 'them all'}"


def _against(comparison: Mapping[str, Any], key: str, rival: str) -> str:
    verb = {1: "beats", -1: "loses to", 0: "cannot be told apart from"}
    return f"{verb[side(gap(comparison, key, rival, MEAN_AP.key))]} {label(comparison, rival)}"


def warnings(comparison: Mapping[str, Any]) -> list[str]:
    """Return warnings about data leakage and too few evaluated films."""
    evaluated, texts = _evaluated(comparison), []
    if seen := int(comparison.get("seen_in_training") or 0):
        texts.append(
            f"{seen:,} of the {films(evaluated)} evaluated here {'was' if seen == 1 else 'were'} also in the training "
            "split. Every number on this page flatters the trained models: evaluate them on films they have never seen."
        )
    if seen := int(comparison.get("seen_in_validation") or 0):
        texts.append(
            f"{seen:,} of the {films(evaluated)} evaluated here {'was' if seen == 1 else 'were'} also in the "
            "validation split. Epochs, thresholds and the ensemble were chosen on it: all numbers are a bit too good."
        )
    if evaluated < 100:
        texts.append(
            f"Only {films(evaluated)} {'was' if evaluated == 1 else 'were'} evaluated. Intervals are wide, and most "
            "genres have too few films."
        )
    return texts


def _evaluated(comparison: Mapping[str, Any]) -> int:
    return int((comparison.get("films") or {}).get("evaluated") or 0)


def _three_guesses(comparison: Mapping[str, Any]) -> str:
    models = comparison["models"]
    order = [*ranked(comparison, contenders(comparison)), *(k for k in models if models[k].get("sees") == "nothing")]
    recalls = [
        (label(comparison, key), share)
        for key in order
        if (share := metric_value(models[key], "top3_recall")) is not None
    ]
    if not recalls:
        return ""
    (first, share), others = recalls[0], recalls[1:]
    rest = "".join(f", {name} {percent(other)}" for name, other in others)
    return f"Allowed three guesses a film, {first} finds {percent(share)} of the genres{rest}."


def _which_is_better(comparison: Mapping[str, Any]) -> str:
    if not single(comparison):
        return "No trained model was evaluated, only baselines."
    pairs = [ranked(comparison, list(pair)) for pair in pairs_to_show(comparison)]
    return " ".join(_pair(comparison, *pair) for pair in pairs)


def _pair(comparison: Mapping[str, Any], a: str, b: str) -> str:
    """Compare two models, of which `a` has the higher mean average precision."""
    first, second, lead = label(comparison, a), label(comparison, b), gap(comparison, a, b, MEAN_AP.key)
    if lead is None:
        return f"{first} and {second} cannot be compared: a mean average precision is missing."
    values = " against ".join(show(metric_value(comparison["models"][key], MEAN_AP.key)) for key in (a, b))
    interval = f"{level(comparison)} interval {span(lead.interval)}" if lead.interval else "no interval"
    verdict = f"{first} is better than {second}" if lead.clear else f"{first} and {second} cannot be told apart"
    return f"{verdict}: mean average precision {values}, a difference of {show(lead.difference)} ({interval})."


def _against_baselines(comparison: Mapping[str, Any]) -> str:
    """Return a sentence for each baseline: which models are clearly better or worse."""
    order, sentences = ranked(comparison, contenders(comparison)), []
    for rival in ranked(comparison, baselines(comparison)):
        sides = {key: side(gap(comparison, key, rival, MEAN_AP.key)) for key in order}
        parts = [
            f"{listed(keys)} {verb}"
            for sign, verb in ((1, "clearly better"), (0, "not clearly different"), (-1, "clearly worse"))
            if (keys := [label(comparison, key) for key in order if sides[key] == sign])
        ]
        if parts:
            sentences.append(f"Against {label(comparison, rival)}: {'; '.join(parts)}.")
    return " ".join(sentences)


def _films(comparison: Mapping[str, Any]) -> str:
    """Describe the evaluated films, the store's splits and the rejected films."""
    counts = comparison.get("films") or {}
    splits = listed([f"{int(counts.get(name) or 0):,} {name}" for name in ("train", "validation", "test")])
    text = (
        f"Evaluated on {films(_evaluated(comparison))}, {comparison.get('evaluated_on') or 'not said which'}. "
        f"The store holds {splits} films; {int(counts.get('rejected') or 0) or 'none'} were rejected."
    )
    if rejects := comparison.get("evaluated_rejects"):
        reasons = listed([f"{number_of:,} ({reason})" for reason, number_of in rejects.items()])
        text += f" Of the films to evaluate, rejected: {reasons}."
    return text
