"""The verdict in words, computed from the figures: who is better, by how much, how sure, and where both fail."""

from collections.abc import Mapping
from typing import Any

from genre_models.report.findings.comparison_query import (
    PairedDifference,
    baselines,
    contenders,
    figure,
    gap,
    joint,
    label,
    level,
    ranked,
    side,
    single,
    trained,
    untrained,
)
from genre_models.report.findings.fusion_gain import ensemble, together
from genre_models.report.findings.overfitting import overfitting
from genre_models.report.findings.per_genre import blind_spots, genre_by_genre, same_answers
from genre_models.report.style.finding import Finding
from genre_models.report.style.formats import duration, films, listed, number, percent, show, signed, span

MEAN_AP = "mean_average_precision"
# A lead over blind guessing that is sure but smaller than this is still next to nothing.
HARDLY = 0.03


def verdict(comparison: Mapping[str, Any]) -> list[str]:
    """The paragraphs of the verdict, the most important first."""
    return [finding.text for finding in findings(comparison)]


def findings(comparison: Mapping[str, Any]) -> list[Finding]:
    """The verdict with a short title to each paragraph."""
    told = [
        Finding("Which is better", _which_is_better(comparison)),
        Finding("Against the baselines", _against_baselines(comparison)),
        Finding("Genre by genre", genre_by_genre(comparison)),
        *(Finding(title, text) for title, text in together(comparison)),
        Finding("How the ensemble was made", ensemble(comparison)),
        Finding("Blind spots", blind_spots(comparison)),
        Finding("The same few answers", same_answers(comparison)),
    ]
    return [finding for finding in told if finding.text]


def headline(comparison: Mapping[str, Any]) -> str:
    """The result in one line."""
    order = ranked(comparison, single(comparison))
    rivals = ranked(comparison, baselines(comparison))
    if not order:
        return "Baselines only: no trained model to compare"
    best = label(comparison, order[0])
    if len(order) == 1:
        main = f"{best} {_against(comparison, order[0], rivals[0])}" if rivals else best
        return f"{main}{_best_of_all(comparison, order, rivals[:1])}"
    lead = gap(comparison, order[0], order[1], MEAN_AP)
    second = label(comparison, order[1])
    main = f"{best} beats {second}" if lead and lead.clear else f"{best} and {second}: too close to call"
    ahead = [key for key in rivals if side(gap(comparison, key, order[0], MEAN_AP)) > 0]
    both = "both" if len(order) == 2 else "them all"
    if ahead:
        main = f"{main}, and {label(comparison, ahead[0])} beats {both}"
    return f"{main}{_best_of_all(comparison, order, ahead[:1])}"


def _best_of_all(comparison: Mapping[str, Any], order: list[str], ahead: list[str]) -> str:
    """The end of the headline where a joint model is clearly ahead of the models of one input and of a baseline."""
    keys = [key for key in ranked(comparison, joint(comparison)) if key not in order]
    beaten = [order[0], *ahead]
    if not keys or any(side(gap(comparison, keys[0], other, MEAN_AP)) < 1 for other in beaten):
        return ""
    others = len(order) + len(ahead)
    return f"; {label(comparison, keys[0])} beats {'it' if others == 1 else 'both' if others == 2 else 'them all'}"


def warnings(comparison: Mapping[str, Any]) -> list[str]:
    """Warnings about this comparison."""
    told = []
    seen, evaluated = int(comparison.get("seen_in_training") or 0), _evaluated(comparison)
    if seen:
        told.append(
            f"{seen:,} of the {films(evaluated)} evaluated here {'was' if seen == 1 else 'were'} also in the "
            "training split. A model remembers what it was trained on, so every figure on this page "
            "flatters the trained models. Evaluate them on films they have never seen before believing any "
            "of it."
        )
    chosen_by = int(comparison.get("seen_in_validation") or 0)
    if chosen_by:
        told.append(
            f"{chosen_by:,} of the {films(evaluated)} evaluated here {'was' if chosen_by == 1 else 'were'} also in the "
            "validation split, by which epochs and thresholds were chosen and from which the ensemble and the scaling "
            "of probabilities learn: every figure on this page is a little partial to the models."
        )
    if evaluated < 100:
        told.append(
            f"Only {films(evaluated)} {'was' if evaluated == 1 else 'were'} evaluated. Intervals are wide, and most "
            "genres have too few films to say anything about."
        )
    return told


def _evaluated(comparison: Mapping[str, Any]) -> int:
    return int((comparison.get("films") or {}).get("evaluated") or 0)


def _against(comparison: Mapping[str, Any], key: str, rival: str) -> str:
    verb = {1: "beats", -1: "loses to", 0: "cannot be told apart from"}
    return f"{verb[side(gap(comparison, key, rival, MEAN_AP))]} {label(comparison, rival)}"


def _interval(comparison: Mapping[str, Any], found: PairedDifference, digits: int = 3) -> str:
    if found.interval is None:
        return "no interval was computed"
    return f"{level(comparison)} interval {span(found.interval, digits)}"


def _which_is_better(comparison: Mapping[str, Any]) -> str:
    order = ranked(comparison, single(comparison))
    if not order:
        return "No trained model was evaluated, only baselines."
    told = [_pair(comparison, order[0], other) for other in order[1:]]
    if len(order) == 1:
        value = show(figure(comparison["models"][order[0]], MEAN_AP))
        other = "trained model" if len(trained(comparison)) == 1 else "model of one input"
        told = [
            f"{label(comparison, order[0])} reaches a mean average precision of {value} on "
            f"{films(_evaluated(comparison))}; no other {other} was evaluated."
        ]
    joined = [key for key in ranked(comparison, joint(comparison)) if key not in order]
    told.append(_three_guesses(comparison, [*order, *joined]))
    if comparison.get("seen_in_training"):
        told.append(
            f"Beware: {int(comparison['seen_in_training']):,} of these films were trained on, which flatters it all."
        )
    return " ".join(part for part in told if part)


def _pair(comparison: Mapping[str, Any], a: str, b: str) -> str:
    """`a` has the higher mean average precision of the two."""
    first, second, lead = label(comparison, a), label(comparison, b), gap(comparison, a, b, MEAN_AP)
    if lead is None:
        return f"{first} and {second} cannot be compared: a mean average precision is missing."
    values = " against ".join(show(figure(comparison["models"][key], MEAN_AP)) for key in (a, b))
    where = f"on these {films(_evaluated(comparison))}"
    if lead.clear:
        main = (
            f"{first} tells genres better than {second} {where}: mean average precision {values}, a lead of "
            f"{show(lead.difference)} ({_interval(comparison, lead)})."
        )
    else:
        why = "no interval was computed" if lead.interval is None else ""
        why = why or f"the {level(comparison)} interval, {span(lead.interval)}, contains 0"
        main = (
            f"{first} and {second} cannot be told apart {where}: mean average precision {values}, a "
            f"difference of {show(lead.difference)}, and {why}."
        )
    return f"{main} {_other_measures(comparison, a, b)}".strip()


def _other_measures(comparison: Mapping[str, Any], a: str, b: str) -> str:
    """Differences of the same pair in tuned micro-F1, top-3 recall and loss."""
    names = {"at_tuned_micro_f1": "tuned micro-F1", "top3_recall": "top-3 recall", "loss": "the loss"}
    said: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for name, words in names.items():
        found = gap(comparison, a, b, name)
        if found is not None:
            said[-side(found) if name == "loss" else side(found)].append(words)
    parts = [
        f"{listed(said[sign])} {'favours' if len(said[sign]) == 1 else 'favour'} {label(comparison, key)}"
        for sign, key in ((1, a), (-1, b))
        if said[sign]
    ]
    if said[0]:
        parts.append(f"{listed(said[0])} {'leaves' if len(said[0]) == 1 else 'leave'} it open")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _three_guesses(comparison: Mapping[str, Any], order: list[str]) -> str:
    blind = [key for key in untrained(comparison) if comparison["models"][key].get("sees") == "nothing"]
    found = [
        (label(comparison, key), share)
        for key in [*order, *blind]
        if (share := figure(comparison["models"][key], "top3_recall")) is not None
    ]
    if not found:
        return ""
    (first, share), others = found[0], found[1:]
    rest = "".join(f", {name} {percent(other)}" for name, other in others)
    return f"Allowed three guesses a film, {first} finds {percent(share)} of the genres{rest}."


def _against_baselines(comparison: Mapping[str, Any]) -> str:
    """A sentence for each baseline, the one that sees nothing last."""
    models, order = comparison["models"], ranked(comparison, contenders(comparison))
    rivals = sorted(baselines(comparison), key=lambda key: models[key].get("sees") == "nothing")
    told = []
    for rival in rivals:
        clauses = [clause for key in order if (clause := _versus(comparison, key, rival))]
        if clauses:
            value = show(figure(models[rival], MEAN_AP))
            told.append(
                f"{label(comparison, rival)}{_about(models[rival])} reaches a mean average precision of "
                f"{value}: {listed(clauses)}."
            )
    return " ".join(told)


def _about(rival: Mapping[str, Any]) -> str:
    if rival.get("sees") == "nothing":
        return ", which sees nothing of a film,"
    seconds = number(rival.get("seconds"))
    return "" if seconds is None else f", a baseline fitted in {duration(seconds)},"


def _versus(comparison: Mapping[str, Any], key: str, rival: str) -> str:
    found, model = gap(comparison, key, rival, MEAN_AP), comparison["models"][key]
    if found is None:
        return ""
    name, sure, sure_by = label(comparison, key), side(found), _interval(comparison, found)
    if not sure:
        return (
            f"{name} ({show(figure(model, MEAN_AP))}) cannot be told apart from it (difference "
            f"{signed(found.difference)}, {sure_by})"
        )
    blind = comparison["models"][rival].get("sees") == "nothing"
    verb = "loses to it" if sure < 0 else "hardly beats it," if blind and found.difference < HARDLY else "beats it"
    # The interval is turned with the words: "loses by 0.080 (0.060 to 0.100)".
    reversed_difference = found if sure > 0 else found.reversed_difference()
    return f"{name} {verb} by {show(reversed_difference.difference)} ({_interval(comparison, reversed_difference)})"


def overfitting_of(comparison: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Figures and a sentence on overfitting of one trained model."""
    model = comparison["models"][key]
    epoch = number(model.get("epoch"))
    kept, runs = (None if epoch is None else int(epoch)), len(model.get("runs") or [])
    found = overfitting(model["history"], name=label(comparison, key), kept_epoch=kept)
    if runs:
        found["sentence"] += f" Of the {runs} runs averaged this is the one with the lowest validation loss."
    return found


def evaluated_films(comparison: Mapping[str, Any]) -> str:
    """Count the evaluated films, with their source and rejects."""
    counts = comparison.get("films") or {}
    splits = listed(
        [
            f"{int(counts.get(name) or 0):,} {words}"
            for name, words in (("train", "films to train on"), ("validation", "to validate"), ("test", "to test"))
        ]
    )
    text = f"Evaluated on {films(_evaluated(comparison))}, {comparison.get('evaluated_on') or 'not said which'}. "
    rejected = int(counts.get("rejected") or 0)
    text += f"The store holds {splits}; {rejected or 'none'} rejected when it was prepared."
    rejects = comparison.get("evaluated_rejects") or {}
    if rejects:
        reasons = listed([f"{number_of:,} ({reason})" for reason, number_of in rejects.items()])
        text += f" Of the films to evaluate, rejected: {reasons}."
    return text
