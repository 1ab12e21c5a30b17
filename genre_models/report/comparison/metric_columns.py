"""The columns of the metrics table and the definitions of its terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genre_models.report.findings.comparison_query import FEWEST_FILMS, figure, interval, level
from genre_models.report.style.formats import number


@dataclass(frozen=True)
class Column:
    """One metric of every model. `name` is its flat name, see `comparison_query.figure`."""

    name: str
    label: str
    group: str
    meaning: str
    lower_is_better: bool = False


_AT = {
    "precision": ("precision", "Of the genres the model named, the share that is true."),
    "recall": ("recall", "Of the true genres, the share that the model named."),
    "micro_f1": (
        "micro-F1",
        "Harmonic mean of precision and recall over all answers; frequent genres decide it.",
    ),
    "macro_f1": ("macro-F1", "Mean of the F1 of every genre; a rare genre counts as much as Drama."),
    "samples_f1": ("samples-F1", "Mean of the F1 of every film."),
}
_GROUPS = {"at_half": ("at 0.5", "Genre named from probability 0.5 on."), "at_tuned": ("tuned", "")}
_TUNED = "Named from each genre's own threshold on, chosen on the validation films."

COLUMNS = [
    Column("loss", "loss", "without threshold", "Binary cross-entropy a genre and film; 0 is perfect.", True),
    Column(
        "mean_average_precision",
        "mean AP",
        "without threshold",
        "Average precision (area under precision over recall) of each genre, averaged over genres: how "
        "well the films are put in order, whatever the threshold. Blind guessing scores the genre's share "
        "of films.",
    ),
    Column(
        "micro_average_precision",
        "micro AP",
        "without threshold",
        "Average precision over all film and genre pairs in one list; frequent genres decide it.",
    ),
    Column(
        "top3_recall",
        "top-3 recall",
        "without threshold",
        "Share of a film's genres among the model's first three (of at most three), averaged over films.",
    ),
    *(
        Column(f"{at}_{name}", label, group, f"{meaning} {explained or _TUNED}")
        for at, (group, explained) in _GROUPS.items()
        for name, (label, meaning) in _AT.items()
    ),
]


def best_of(comparison: Mapping[str, Any], column: Column) -> set[str]:
    """Return the keys of the best models in a column, after rounding to three digits."""
    values = {
        key: round(value, 3)
        for key, model in comparison["models"].items()
        if (value := figure(model, column.name)) is not None
    }
    if len(values) < 2:
        return set()
    best = min(values.values()) if column.lower_is_better else max(values.values())
    return {key for key, value in values.items() if value == best}


def has_intervals(comparison: Mapping[str, Any], column: Column) -> bool:
    """Return whether any model has an interval for this metric."""
    return any(interval(model, column.name) for model in comparison["models"].values())


def definitions(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the terms of the page with their definitions."""
    bootstrap = comparison.get("bootstrap") or {}
    resamples = int(number(bootstrap.get("resamples")) or 0)
    return [
        (
            "Threshold",
            "A model gives each genre a probability and names the genre from a threshold on. `At 0.5` is "
            "the plain one; `tuned` is one threshold a genre, chosen on the validation films only and "
            "never on the films evaluated here.",
        ),
        (
            "Average precision",
            "For each genre the films are sorted by its probability; average precision is the mean of the "
            "precision at every film that has the genre. Guessing blindly scores the genre's share of the "
            "films, so 0.10 is good for Western and bad for Drama.",
        ),
        (
            "Mean average precision",
            "The plain mean over genres that at least one evaluated film has. It is the headline figure, "
            "because it needs no threshold and lets no frequent genre hide the rest.",
        ),
        (
            "Interval",
            f"{level(comparison)} bootstrap: the evaluated films are drawn anew with replacement {resamples:,} times "
            "and every figure computed again; the percentiles are moved by the mean shift of the drawn figures, "
            "because average precision is kinder to films that are drawn twice. It tells how far the choice of films "
            "sways a figure; it does not tell what another training run would give.",
        ),
        (
            "Difference",
            "Of two models on the same resampled films (paired), so that films hard for both cancel out. "
            "A difference is called clear where its interval leaves out 0.",
        ),
        (
            "Calibration error",
            "How far probabilities are from how often they come true: pairs of film and genre are sorted by "
            "probability and cut into 15 bins of equally many; the error is the mean distance of mean probability and "
            f"share of true pairs. By genre, it is the mean over genres with at least {FEWEST_FILMS} evaluated films. "
            "Chance alone keeps it above 0.",
        ),
        (
            "Few films",
            f"Genres with fewer than {FEWEST_FILMS} evaluated films are drawn faint and left out of the "
            "verdict: their resamples repeat the same few films, and the interval looks surer than it is.",
        ),
    ]


def caveats(comparison: Mapping[str, Any]) -> list[str]:
    """Return the limitations of the comparison."""
    models = [model for model in comparison["models"].values() if model.get("history")]
    runs = (
        "One training run of each model: another seed would move these figures, and the intervals do not include that."
    )
    if any(model.get("runs") for model in models):
        runs = (
            "The intervals do not include what another seed would give: the table of the runs shows how much that is"
            + ("." if all(model.get("runs") for model in models) else ", for the models that have several.")
        )
    texts = [
        runs,
        "The true genres are what a catalogue says, at most a few a film. A film that is also a thriller, but "
        "is not listed as one, counts here as a wrong answer.",
        "No correction for comparing many genres at once; the verdict says how many would look clear by chance.",
    ]
    if any(model.get("fused") for model in comparison["models"].values()):
        texts.append(
            "The validation films chose each model's checkpoint and thresholds before the ensemble learned from them; "
            "its figures on the films evaluated here are free of that, its choice of weights is not."
        )
    return texts
