"""The verdict as text, computed from metrics and their paired differences."""

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
# A clear lead over blind guessing below this is reported as hardly beating it.
HARDLY = 0.03


def verdict(comparison: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs of the verdict, the most important first."""
    return [finding.text for finding in findings(comparison)]


def findings(comparison: Mapping[str, Any]) -> list[Finding]:
    """Return the paragraphs of the verdict with their titles."""
    paragraphs = [
        Finding("Which is better", _which_is_better(comparison)),
        Finding("Against the baselines", _against_baselines(comparison)),
        Finding("Genre by genre", genre_by_genre(comparison)),
        *(Finding(title, text) for title, text in together(comparison)),
        Finding("How the ensemble was made", ensemble(comparison)),
        Finding("Blind spots", blind_spots(comparison)),
        Finding("The same few answers", same_answers(comparison)),
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
    lead = gap(comparison, order[0], order[1], MEAN_AP)
    second = label(comparison, order[1])
    main = f"{best} beats {second}" if lead and lead.clear else f"{best} and {second}: too close to call"
    ahead = [key for key in rivals if side(gap(comparison, key, order[0], MEAN_AP)) > 0]
    both = "both" if len(order) == 2 else "them all"
    if ahead:
        main = f"{main}, and {label(comparison, ahead[0])} beats {both}"
    return f"{main}{_best_of_all(comparison, order, ahead[:1])}"


def _best_of_all(comparison: Mapping[str, Any], order: list[str], ahead: list[str]) -> str:
    """Return the end of the headline if a joint model clearly beats the others."""
    keys = [key for key in ranked(comparison, joint(comparison)) if key not in order]
    beaten = [order[0], *ahead]
    if not keys or any(side(gap(comparison, keys[0], other, MEAN_AP)) < 1 for other in beaten):
        return ""
    others = len(order) + len(ahead)
    return f"; {label(comparison, keys[0])} beats {'it' if others == 1 else 'both' if others == 2 else 'them all'}"


def warnings(comparison: Mapping[str, Any]) -> list[str]:
    """Return warnings about data leakage and too few evaluated films."""
    texts = []
    seen, evaluated = int(comparison.get("seen_in_training") or 0), _evaluated(comparison)
    if seen:
        texts.append(
            f"{seen:,} of the {films(evaluated)} evaluated here {'was' if seen == 1 else 'were'} also in the "
            "training split. A model remembers what it was trained on, so every figure on this page "
            "flatters the trained models. Evaluate them on films they have never seen before believing any "
            "of it."
        )
    chosen_by = int(comparison.get("seen_in_validation") or 0)
    if chosen_by:
        texts.append(
            f"{chosen_by:,} of the {films(evaluated)} evaluated here {'was' if chosen_by == 1 else 'were'} also in the "
            "validation split, by which epochs and thresholds were chosen and from which the ensemble and the scaling "
            "of probabilities learn: every figure on this page is a little partial to the models."
        )
    if evaluated < 100:
        texts.append(
            f"Only {films(evaluated)} {'was' if evaluated == 1 else 'were'} evaluated. Intervals are wide, and most "
            "genres have too few films to say anything about."
        )
    return texts


def _evaluated(comparison: Mapping[str, Any]) -> int:
    return int((comparison.get("films") or {}).get("evaluated") or 0)


def _against(comparison: Mapping[str, Any], key: str, rival: str) -> str:
    verb = {1: "beats", -1: "loses to", 0: "cannot be told apart from"}
    return f"{verb[side(gap(comparison, key, rival, MEAN_AP))]} {label(comparison, rival)}"


def _interval(comparison: Mapping[str, Any], paired: PairedDifference, digits: int = 3) -> str:
    if paired.interval is None:
        return "no interval was computed"
    return f"{level(comparison)} interval {span(paired.interval, digits)}"


def _which_is_better(comparison: Mapping[str, Any]) -> str:
    order = ranked(comparison, single(comparison))
    if not order:
        return "No trained model was evaluated, only baselines."
    sentences = [_pair(comparison, order[0], other) for other in order[1:]]
    if len(order) == 1:
        value = show(figure(comparison["models"][order[0]], MEAN_AP))
        other = "trained model" if len(trained(comparison)) == 1 else "model of one input"
        sentences = [
            f"{label(comparison, order[0])} reaches a mean average precision of {value} on "
            f"{films(_evaluated(comparison))}; no other {other} was evaluated."
        ]
    joined = [key for key in ranked(comparison, joint(comparison)) if key not in order]
    sentences.append(_three_guesses(comparison, [*order, *joined]))
    if comparison.get("seen_in_training"):
        sentences.append(
            f"Beware: {int(comparison['seen_in_training']):,} of these films were trained on, which flatters it all."
        )
    return " ".join(part for part in sentences if part)


def _pair(comparison: Mapping[str, Any], a: str, b: str) -> str:
    """Compare two models, of which `a` has the higher mean average precision."""
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
    """Describe which model tuned micro-F1, top-3 recall and the loss favour."""
    names = {"at_tuned_micro_f1": "tuned micro-F1", "top3_recall": "top-3 recall", "loss": "the loss"}
    favoured: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for name, words in names.items():
        paired = gap(comparison, a, b, name)
        if paired is not None:
            favoured[-side(paired) if name == "loss" else side(paired)].append(words)
    parts = [
        f"{listed(favoured[sign])} {'favours' if len(favoured[sign]) == 1 else 'favour'} {label(comparison, key)}"
        for sign, key in ((1, a), (-1, b))
        if favoured[sign]
    ]
    if favoured[0]:
        parts.append(f"{listed(favoured[0])} {'leaves' if len(favoured[0]) == 1 else 'leave'} it open")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _three_guesses(comparison: Mapping[str, Any], order: list[str]) -> str:
    blind = [key for key in untrained(comparison) if comparison["models"][key].get("sees") == "nothing"]
    recalls = [
        (label(comparison, key), share)
        for key in [*order, *blind]
        if (share := figure(comparison["models"][key], "top3_recall")) is not None
    ]
    if not recalls:
        return ""
    (first, share), others = recalls[0], recalls[1:]
    rest = "".join(f", {name} {percent(other)}" for name, other in others)
    return f"Allowed three guesses a film, {first} finds {percent(share)} of the genres{rest}."


def _against_baselines(comparison: Mapping[str, Any]) -> str:
    """Return a sentence for each baseline, the one without input last."""
    models, order = comparison["models"], ranked(comparison, contenders(comparison))
    rivals = sorted(baselines(comparison), key=lambda key: models[key].get("sees") == "nothing")
    sentences = []
    for rival in rivals:
        clauses = [clause for key in order if (clause := _versus(comparison, key, rival))]
        if clauses:
            value = show(figure(models[rival], MEAN_AP))
            sentences.append(
                f"{label(comparison, rival)}{_about(models[rival])} reaches a mean average precision of "
                f"{value}: {listed(clauses)}."
            )
    return " ".join(sentences)


def _about(rival: Mapping[str, Any]) -> str:
    if rival.get("sees") == "nothing":
        return ", which sees nothing of a film,"
    seconds = number(rival.get("seconds"))
    return "" if seconds is None else f", a baseline fitted in {duration(seconds)},"


def _versus(comparison: Mapping[str, Any], key: str, rival: str) -> str:
    paired, model = gap(comparison, key, rival, MEAN_AP), comparison["models"][key]
    if paired is None:
        return ""
    name, sign, interval = label(comparison, key), side(paired), _interval(comparison, paired)
    if not sign:
        return (
            f"{name} ({show(figure(model, MEAN_AP))}) cannot be told apart from it (difference "
            f"{signed(paired.difference)}, {interval})"
        )
    blind = comparison["models"][rival].get("sees") == "nothing"
    verb = "loses to it" if sign < 0 else "hardly beats it," if blind and paired.difference < HARDLY else "beats it"
    # The interval is reversed along with the verb: "loses by 0.080 (0.060 to 0.100)".
    reversed_difference = paired if sign > 0 else paired.reversed_difference()
    return f"{name} {verb} by {show(reversed_difference.difference)} ({_interval(comparison, reversed_difference)})"


def overfitting_of(comparison: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return metrics and a sentence on overfitting of one trained model."""
    model = comparison["models"][key]
    epoch = number(model.get("epoch"))
    kept_epoch, runs = (None if epoch is None else int(epoch)), len(model.get("runs") or [])
    result = overfitting(model["history"], name=label(comparison, key), kept_epoch=kept_epoch)
    if runs:
        result["sentence"] += f" Of the {runs} runs averaged this is the one with the lowest validation loss."
    return result


def evaluated_films(comparison: Mapping[str, Any]) -> str:
    """Describe the evaluated films, the store's splits and the rejected films."""
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
