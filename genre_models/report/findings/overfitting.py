"""Metrics and a short text on whether a training run overfitted, computed from its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genre_models.report.style.formats import number, show, some_percent

# Epoch-to-epoch noise of the validation loss on a few hundred films is about this much of its value.
NOISE = 0.01
# A rise of the validation loss of at least this share is called overfitting, a smaller one its beginning.
CLEAR_RISE = 0.05
# A gain in mean average precision after the epoch of the lowest loss from which on it is worth a word.
CLEAR_GAIN = 0.005


@dataclass(frozen=True)
class Course:
    """The epochs of a history whose two losses are finite, at least one."""

    epochs: list[int]
    training: list[float]
    validation: list[float]

    @property
    def best(self) -> int:
        """Return the index of the lowest validation loss, the first on ties."""
        return self.validation.index(min(self.validation))

    @property
    def rise(self) -> float:
        """Return the final validation loss's rise over the best, as a fraction of the best."""
        return self.validation[-1] / self.validation[self.best] - 1

    @property
    def training_fall(self) -> float:
        """Return the relative fall of the training loss after the best epoch; negative if it rose."""
        start = self.training[self.best]
        return (start - self.training[-1]) / start if start else 0.0

    @property
    def tail(self) -> int:
        """Return the number of epochs in the last quarter of the run, at least 1."""
        return max(1, len(self.epochs) // 4)

    @property
    def late_gain(self) -> float:
        """Return the relative improvement of the best validation loss in the last quarter."""
        earlier = min(self.validation[: -self.tail])
        return (earlier - min(self.validation)) / earlier


def overfitting(history: Sequence[Mapping[str, Any]], *, name: str = "The model") -> dict[str, Any]:
    """Return metrics and a sentence on overfitting.

    `kind` is one of `overfits`, `begins to overfit`, `level`, `still falling`, `unsteady`, `one epoch`,
    `broke down`, `unknown`. The other metrics are None or missing if they are unknown.
    """
    course = _course(history)
    if course is None:
        sentence = f"{name}: nothing can be said on overfitting, because no epoch has a finite loss."
        return {"kind": "unknown", "epochs": len(history), "best_epoch": None, "sentence": sentence}
    kind, best = _kind(course, history), course.best
    missing = len(history) - len(course.epochs)
    sentences = [
        _sentence(name, course, kind),
        _ranking(history, course) if kind in ("overfits", "begins to overfit") else "",
        f"{missing} of {len(history)} epochs have no finite loss." if missing and kind != "broke down" else "",
    ]
    return {
        "kind": kind,
        "epochs": len(history),
        "best_epoch": course.epochs[best],
        "best_validation_loss": course.validation[best],
        "training_loss_at_best": course.training[best],
        "last_epoch": course.epochs[-1],
        "last_validation_loss": course.validation[-1],
        "last_training_loss": course.training[-1],
        "training_fall_after_best": course.training_fall,
        "validation_rise_after_best": course.rise,
        "gap_at_best": course.validation[best] - course.training[best],
        "gap_at_end": course.validation[-1] - course.training[-1],
        "sentence": " ".join(part for part in sentences if part),
    }


def _course(history: Sequence[Mapping[str, Any]]) -> Course | None:
    rows = []
    for place, row in enumerate(history, start=1):
        training, validation = number(row.get("loss")), number(row.get("validation_loss"))
        if training is not None and validation is not None and validation > 0:
            rows.append((int(row.get("epoch") or place), training, validation))
    if not rows:
        return None
    epochs, training_losses, validation_losses = zip(*rows, strict=True)
    return Course([*epochs], [*training_losses], [*validation_losses])


def _kind(course: Course, history: Sequence[Mapping[str, Any]]) -> str:
    if number(history[-1].get("loss")) is None:
        return "broke down"
    if len(course.epochs) == 1:
        return "one epoch"
    if course.rise < NOISE:
        in_tail = course.best >= len(course.epochs) - course.tail
        return "still falling" if in_tail and course.late_gain >= NOISE else "level"
    if course.training_fall <= 0:
        return "unsteady"
    return "overfits" if course.rise >= CLEAR_RISE else "begins to overfit"


def _sentence(name: str, course: Course, kind: str) -> str:
    last = course.epochs[-1]
    best = f"({show(course.validation[course.best])}) at epoch {course.epochs[course.best]} of {last}"
    lowest = f"validation loss was lowest {best}"
    fell, rose = some_percent(abs(course.training_fall), 1), some_percent(course.rise, 1)
    match kind:
        case "broke down":
            return f"{name} broke down: its training loss is no number after epoch {last}. Until then {lowest}."
        case "one epoch":
            return f"{name} has one readable epoch, so nothing can be said on overfitting."
        case "still falling":
            gain = some_percent(course.late_gain, 1)
            return f"{name} was stopped too early: {lowest}, and it still fell by {gain} at the end. Train longer."
        case "level":
            return f"{name} does not overfit to speak of: {lowest}, and it has levelled off."
        case "unsteady":
            return f"{name} trained unsteadily: {lowest}; training loss did not fall after it. Lower the learning rate."
    return f"{name} {kind}: {lowest}; after it training loss fell by {fell} while validation loss rose by {rose}."


def _ranking(history: Sequence[Mapping[str, Any]], course: Course) -> str:
    """Describe a ranking that still improves after the lowest validation loss."""
    epochs = {int(row.get("epoch") or place): row for place, row in enumerate(history, start=1)}
    known = {
        epoch: value
        for epoch, row in epochs.items()
        if (value := number(row.get("validation_mean_average_precision"))) is not None
    }
    lowest = course.epochs[course.best]
    best = max(known, key=lambda epoch: (known[epoch], -epoch), default=lowest)
    if lowest not in known or best <= lowest or known[best] - known[lowest] < CLEAR_GAIN:
        return ""
    return (
        f"Mean average precision still rose until epoch {best} ({show(known[lowest])} to {show(known[best])}): "
        "--metric validation_mean_average_precision keeps that epoch."
    )
